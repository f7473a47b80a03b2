import { test } from 'uvu'
import { hyperLogLogs } from '../support/collection-hyperloglog.ts'
import { liveWorlds } from '../support/collection-world.ts'

test('HyperLogLogs are what their registers are, whatever storage goes through', () => liveWorlds(hyperLogLogs))

test.run()
