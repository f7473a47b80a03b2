/** HyperLogLogs against plain registers while the engine checkpoints, evicts and restarts. */
import { test } from 'uvu'
import { hyperLogLogs } from '../support/generators/collection-hyperloglog.ts'
import { liveWorlds } from '../support/generators/collection-world.ts'

test('HyperLogLogs are what their registers are, whatever storage goes through', () => liveWorlds(hyperLogLogs))

test.run()
