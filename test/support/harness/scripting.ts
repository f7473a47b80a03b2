/**
 * Scripts on an executor without a server. The Lua machine is real, and the test decides when a
 * suspended script continues.
 */
import type { Executor } from '../../../commands/execution/executor.ts'
import { openApi } from '../../../commands/scripting/redis-table.ts'
import { ScriptRunner } from '../../../commands/scripting/runner.ts'
import { Scripting } from '../../../commands/scripting/scripting.ts'
import { LIBRARIES } from '../../../lua/libraries/all.ts'
import { LuaMachine } from '../../../lua/machine.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'

const LIMIT_BYTES = 64 * 2 ** 20

/** `later` receives the function that continues a suspended script. */
export function scriptingOn(keyspace: Keyspace, executor: () => Executor, later: (run: () => void) => void = setImmediate): Scripting {
  const runner = new ScriptRunner({
    keyspace,
    executor,
    monotonicMs: () => performance.now(),
    later,
    log() {},
    refusalOf: () => null,
    isStale: () => false,
  })
  return new Scripting(runner, () => {
    const machine = new LuaMachine({ limitBytes: LIMIT_BYTES, monotonicMs: () => performance.now(), libraries: LIBRARIES })
    openApi(machine, runner)
    return machine
  })
}
