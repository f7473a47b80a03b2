/** Hashes against Maps while the engine checkpoints, evicts, crashes and restarts. */
import { test } from 'uvu'
import { hashes } from '../support/generators/collection-hash.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('hashes equal Maps with deadlines through checkpoints, evictions and crashes', () => liveWorlds(hashes))

test.run()
