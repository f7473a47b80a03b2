/** HyperLogLogs against plain registers while the engine checkpoints, evicts and restarts. */
import { test } from 'uvu'
import { hyperLogLogs } from '../support/generators/collection-hyperloglog.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('HyperLogLogs equal their registers through checkpoints, evictions and crashes', () => liveWorlds(hyperLogLogs))

test.run()
