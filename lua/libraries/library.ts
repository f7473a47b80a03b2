import type { Bytes } from '../../base/bytes.ts'
import type { HostFunction, LuaStack } from '../stack.ts'

/** Pushes the table of a library. */
export type LuaLibrary = (stack: LuaStack) => void

/** Pushes a table of host functions and constants. */
export function pushLibrary(
  stack: LuaStack,
  functions: Readonly<Record<Bytes, HostFunction>>,
  constants: Readonly<Record<Bytes, Bytes>> = {},
): void {
  stack.pushTable(0, Object.keys(functions).length + Object.keys(constants).length)
  for (const [name, run] of Object.entries(functions)) {
    stack.pushFunction(stack.hostFunction(run))
    stack.rawSetField(-2, name)
  }
  for (const [name, value] of Object.entries(constants)) {
    stack.pushString(value)
    stack.rawSetField(-2, name)
  }
}
