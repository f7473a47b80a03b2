/** Connects the Lua machine of functions to the server. */
import type { Log } from '../../base/log.ts'
import { LuaFunctions } from '../../commands/functions/engine.ts'
import { FunctionLibraries } from '../../commands/functions/libraries.ts'
import type { Scripting } from '../../commands/scripting/scripting.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { type MachineSettings, scriptMachine } from './scripting-start.ts'

export interface FunctionParts extends MachineSettings {
  readonly log: Log
  readonly keyspace: Keyspace
  readonly scripting: Scripting
}

export function startFunctions(parts: FunctionParts): FunctionLibraries {
  const { log, keyspace, scripting } = parts
  const machines = new LuaFunctions(() => scriptMachine(parts, scripting.runner))
  return new FunctionLibraries(keyspace.libraries, machines, (message) => log.warn({}, message))
}
