/** Strings that are pushed when Lua's memory is almost full. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LUA_OUT_OF_MEMORY } from '../../lua/api.ts'
import { LuaModule } from '../../lua/module.ts'
import { type HostFunction, LuaStack } from '../../lua/stack.ts'

const MEGABYTE = 2 ** 20
const BLOCK_BYTES = 64 * 1024
/** Size of the pushed string. There is room for more than one copy of it, and for less than two. */
const TEXT_BYTES = MEGABYTE
const ROOM_BYTES = 1.5 * MEGABYTE

/** Runs a push in a machine whose memory is full but for that room. Returns how Lua ended it. */
function pushWithoutRoom(push: HostFunction): { readonly status: number; readonly hasRoomAgain: boolean } {
  const module = new LuaModule(16 * MEGABYTE, () => 0)
  const { api } = module
  const stack = new LuaStack(module, api.luaL_newstate())
  stack.pushFunction(stack.hostFunction(push))
  const room = api.malloc(ROOM_BYTES)
  while (api.malloc(BLOCK_BYTES) !== 0);
  api.free(room)
  const status = api.lua_pcall(stack.state, 0, 0, 0)
  return { status, hasRoomAgain: api.malloc(ROOM_BYTES - BLOCK_BYTES) !== 0 }
}

test('a pushed string that does not fit leaves no memory behind', () => {
  const text = 'x'.repeat(TEXT_BYTES)
  const found = pushWithoutRoom((stack) => {
    stack.pushString(text)
    return 0
  })
  assert.equal(found, { status: LUA_OUT_OF_MEMORY, hasRoomAgain: true })
})

test('a pushed buffer that does not fit leaves no memory behind', () => {
  const buffer = Buffer.alloc(TEXT_BYTES)
  const found = pushWithoutRoom((stack) => {
    stack.pushBuffer(buffer, TEXT_BYTES)
    return 0
  })
  assert.equal(found, { status: LUA_OUT_OF_MEMORY, hasRoomAgain: true })
})

test.run()
