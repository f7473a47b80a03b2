/**
 * cjson 2.1.0: encode, decode and their settings. `cjson.new()` makes another cjson with settings
 * of its own: the same functions with another upvalue.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { HostFunction, LuaStack } from '../stack.ts'
import { decode } from './cjson-decode.ts'
import { encode } from './cjson-encode.ts'
import { pushSettings, SETTING_FUNCTIONS } from './cjson-settings.ts'

/** Pushes the table of cjson. */
export function pushCjson(stack: LuaStack): void {
  const pointers = new Map<Bytes, number>()
  const functions: Readonly<Record<Bytes, HostFunction>> = {
    encode,
    decode,
    ...SETTING_FUNCTIONS,
    new(caller) {
      pushInstance(caller, pointers)
      return 1
    },
  }
  for (const [name, run] of Object.entries(functions)) pointers.set(name, stack.hostFunction(run))
  pushInstance(stack, pointers)
}

function pushInstance(stack: LuaStack, pointers: ReadonlyMap<Bytes, number>): void {
  stack.reserve(4)
  stack.pushTable(0, pointers.size + 3)
  pushSettings(stack)
  for (const [name, pointer] of pointers) {
    stack.pushCopy(-1)
    stack.api.lua_pushcclosure(stack.state, pointer, 1)
    stack.rawSetField(-3, name)
  }
  stack.pop()
  stack.pushLightUserdata(0)
  stack.rawSetField(-2, 'null')
  stack.pushString('cjson')
  stack.rawSetField(-2, '_NAME')
  stack.pushString('2.1.0')
  stack.rawSetField(-2, '_VERSION')
}
