/** Streams and groups against Maps while the engine checkpoints, evicts and restarts. */
import { test } from 'uvu'
import { streams } from '../support/generators/collection-stream.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('streams and their groups equal Maps through checkpoints, evictions and crashes', () => liveWorlds(streams))

test.run()
