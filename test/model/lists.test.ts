import { test } from 'uvu'
import { lists } from '../support/collection-list.ts'
import { liveWorlds } from '../support/collection-world.ts'

test('lists are what arrays are, whatever storage goes through', () => liveWorlds(lists))

test.run()
