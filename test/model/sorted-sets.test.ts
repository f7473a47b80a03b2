/** Sorted sets against sorted arrays while the engine checkpoints, evicts and restarts. */
import { test } from 'uvu'
import { sortedSets } from '../support/generators/collection-sorted-set.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('sorted sets equal sorted arrays through checkpoints, evictions and crashes', () => liveWorlds(sortedSets))

test.run()
