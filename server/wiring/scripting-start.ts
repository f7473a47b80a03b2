/**
 * Connects scripts to the node: memory and time of the Lua machine, the effects of a suspended
 * script, and the reasons that refuse a script.
 */
import { type Bytes, lowerCase, textOf } from '../../base/bytes.ts'
import { openApi, type ScriptHost, type ScriptLogLevel } from '../../commands/scripting/api.ts'
import { declaredFlags, flagsOf } from '../../commands/scripting/flags.ts'
import { ScriptRunner } from '../../commands/scripting/runner.ts'
import { Scripting } from '../../commands/scripting/scripting.ts'
import { LIBRARIES } from '../../lua/libraries/all.ts'
import { LuaMachine } from '../../lua/machine.ts'
import type { Node } from '../node.ts'

/** Interval of the check that LevelDB can be read again. */
const REOPENING_MS = 10
const LEVELS = { debug: 'debug', verbose: 'debug', notice: 'info', warning: 'warn' } as const

export function startScripting(node: Node): Scripting {
  const { config, engine, log, turn } = node
  const runner = new ScriptRunner({
    keyspace: engine.keyspace,
    executor: () => node.executor,
    monotonicMs: () => node.clock.monotonicMs(),
    later: (run) => goOn(node, run),
    log: (level: ScriptLogLevel, message: Bytes) => log[LEVELS[level]]({ script: textOf(message) }, 'message from a script'),
    refusalOf: (flags, how) => node.gates.refusalOfScript(flags, how),
    isStale: () => node.gates.isStale,
  })
  config.follow('busy-reply-threshold', (milliseconds) => {
    runner.thresholdMs = milliseconds
  })
  node.executor.units.onSuspension = (isSuspended) => {
    if (isSuspended) node.links?.link.suspend()
    else {
      node.links?.link.resume()
      turn.mayShowUnwritten()
    }
    node.gates.suspended(isSuspended ? () => runner.busyText : null)
  }
  const scripting = new Scripting(runner, () => scriptMachine(node, runner))
  node.gates.flagsOfScript = ({ name }, args) => {
    const called = args[1] as Bytes
    if (name.startsWith('evalsha')) return scripting.flagsOf(lowerCase(called))
    if (name.startsWith('eval')) return declaredFlags(called)
    const found = node.functions.find(called)?.function.flags
    return found === undefined ? null : flagsOf(found)
  }
  return scripting
}

/** Runs a slice of a script in a turn of its own, once LevelDB can be read. */
function goOn(node: Node, run: () => void): void {
  setImmediate(() => {
    if (node.gates.closing) return
    if (node.engine.checkpointer.isReopening) {
      setTimeout(() => goOn(node, run), REOPENING_MS)
      return
    }
    node.turn.begin()
    run()
  })
}

/** Creates a Lua machine with the libraries and the API of scripts and functions. */
export function scriptMachine({ config, clock }: Node, host: ScriptHost): LuaMachine {
  const machine = new LuaMachine({ limitBytes: config.number('lua-memory-limit'), nowMs: () => clock.monotonicMs(), libraries: LIBRARIES })
  openApi(machine, host)
  return machine
}
