/**
 * Connects scripts to the server: memory and time of the Lua machine, the slices of a suspended
 * script, and the reasons that refuse a script.
 */
import { at } from '../../base/assert.ts'
import { type Bytes, lowerCase, textOf } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Command } from '../../commands/contract/command.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { FunctionLibraries } from '../../commands/functions/libraries.ts'
import { declaredFlags, flagsOf, type ScriptFlags } from '../../commands/scripting/flags.ts'
import { openApi, type ScriptHost, type ScriptLogLevel } from '../../commands/scripting/redis-table.ts'
import { ScriptRunner } from '../../commands/scripting/runner.ts'
import { Scripting } from '../../commands/scripting/scripting.ts'
import { LIBRARIES } from '../../lua/libraries/all.ts'
import { LuaMachine } from '../../lua/machine.ts'
import type { Storage } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import type { Gates } from '../loop/gates.ts'
import type { Turn } from '../loop/turn.ts'

/** Interval of the check that LevelDB can be read again. */
const REOPENING_CHECK_EVERY_MS = 10
const LEVELS = { debug: 'debug', verbose: 'debug', notice: 'info', warning: 'warn' } as const

/** The settings of a Lua machine. */
export interface MachineSettings {
  readonly config: Config
  readonly clock: Clock
}

export interface ScriptingParts extends MachineSettings {
  readonly log: Log
  readonly storage: Storage
  readonly executor: Executor
  readonly turn: Turn
  readonly gates: Gates
}

export function startScripting(parts: ScriptingParts): Scripting {
  const { config, clock, log, storage, executor, gates } = parts
  const runner = new ScriptRunner({
    keyspace: storage.keyspace,
    executor: () => executor,
    monotonicMs: () => clock.monotonicMs(),
    later: (run) => runLater(parts, run),
    log: (level: ScriptLogLevel, message: Bytes) => log[LEVELS[level]]({ script: textOf(message) }, 'message from a script'),
    refusalOf: (flags, how) => gates.refusalOfScript(flags, how),
    isStale: () => gates.isStale,
  })
  config.observe('busy-reply-threshold', (milliseconds) => {
    runner.thresholdMs = milliseconds
  })
  return new Scripting(runner, () => scriptMachine(parts, runner))
}

/**
 * Returns the flags that the script of an EVAL, EVALSHA or FCALL declares; null if it declares
 * none.
 */
export function flagsOfScript(
  scripting: Scripting,
  functions: FunctionLibraries,
  { name }: Command,
  args: readonly Bytes[],
): ScriptFlags | null {
  const called = at(args, 1)
  if (name.startsWith('evalsha')) return scripting.flagsOf(lowerCase(called))
  if (name.startsWith('eval')) return declaredFlags(called)
  const found = functions.find(called)?.function.flags
  return found === undefined ? null : flagsOf(found)
}

/** Runs a slice of a script in a turn of its own, once LevelDB can be read. */
function runLater(parts: ScriptingParts, run: () => void): void {
  const { storage, turn, gates } = parts
  setImmediate(() => {
    if (gates.isClosing) return
    if (storage.checkpointer.isReopening) {
      setTimeout(() => runLater(parts, run), REOPENING_CHECK_EVERY_MS)
      return
    }
    turn.begin()
    run()
  })
}

/** Creates a Lua machine with the libraries and the API of scripts and functions. */
export function scriptMachine({ config, clock }: MachineSettings, host: ScriptHost): LuaMachine {
  const machine = new LuaMachine({
    limitBytes: config.number('lua-memory-limit'),
    monotonicMs: () => clock.monotonicMs(),
    libraries: LIBRARIES,
  })
  openApi(machine, host)
  return machine
}
