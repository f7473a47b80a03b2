/** Sorted sets against sorted arrays while the engine checkpoints, evicts and restarts. */
import { test } from 'uvu'
import { sortedSets } from '../support/generators/collection-sorted-set.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('sorted sets are what sorted arrays are, whatever storage goes through', () => liveWorlds(sortedSets))

test.run()
