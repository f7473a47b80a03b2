/** Hashes against Maps while the engine checkpoints, evicts, crashes and restarts. */
import { test } from 'uvu'
import { hashes } from '../support/generators/collection-hash.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('hashes are what Maps are, and their fields end when they should, whatever storage goes through', () => liveWorlds(hashes))

test.run()
