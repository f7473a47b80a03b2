import { test } from 'uvu'
import { hashes } from '../support/collection-hash.ts'
import { liveWorlds } from '../support/collection-world.ts'

test('hashes are what Maps are, and their fields end when they should, whatever storage goes through', () => liveWorlds(hashes))

test.run()
