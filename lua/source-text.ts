/**
 * Compiles Lua. All Lua is compiled here, and only from source text: Lua runs bytecode unchecked,
 * and bytecode can read all of Lua's memory.
 */
import type { Bytes } from '../base/bytes.ts'
import { LUA_OUT_OF_MEMORY } from './api.ts'
import type { LuaStack } from './stack.ts'

/** The first byte of string.dump's output. */
const BYTECODE_MARK = '\x1b'

/** Pushes the compiled function, or the error's text. Returns Lua's status. */
export function loadSource(stack: LuaStack, given: Bytes, chunkName: Bytes): number {
  const { api, module } = stack
  // After a space the mark is a syntax error.
  const text = given.startsWith(BYTECODE_MARK) ? ` ${given}` : given
  const pointer = api.malloc(text.length + chunkName.length + 1)
  if (pointer === 0) {
    stack.push('not enough memory')
    return LUA_OUT_OF_MEMORY
  }
  module.bytes.latin1Write(text, pointer)
  module.bytes.latin1Write(`${chunkName}\0`, pointer + text.length)
  const status = api.luaL_loadbuffer(stack.state, pointer, text.length, pointer + text.length)
  api.free(pointer)
  return status
}
