/** Connects the Lua machine of functions to the node. */
import { LuaFunctions } from '../../commands/functions/engine.ts'
import { FunctionLibraries } from '../../commands/functions/libraries.ts'
import type { Node } from '../node.ts'
import { scriptMachine } from './scripting-start.ts'

export function startFunctions(node: Node): FunctionLibraries {
  const { log, engine } = node
  const machines = new LuaFunctions(() => scriptMachine(node, node.scripting.runner))
  return new FunctionLibraries(engine.keyspace.libraries, machines, (message) => log.warn({}, message))
}
