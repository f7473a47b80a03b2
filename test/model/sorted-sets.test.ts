import { test } from 'uvu'
import { sortedSets } from '../support/collection-sorted-set.ts'
import { liveWorlds } from '../support/collection-world.ts'

test('sorted sets are what sorted arrays are, whatever storage goes through', () => liveWorlds(sortedSets))

test.run()
