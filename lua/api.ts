/**
 * The exports of Lua 5.1's wasm file that are used here. Names and meaning are those of section 3
 * of Lua's reference manual. A state, a pointer or a length is a number.
 */
import type { WasmMemory, WasmTable } from './webassembly.ts'

export interface LuaApi {
  readonly memory: WasmMemory
  readonly __indirect_function_table: WasmTable
  __wasm_call_ctors(): void
  emscripten_stack_init(): void
  stackSave(): number
  stackRestore(stack: number): void
  setThrew(threw: number, value: number): void
  malloc(bytes: number): number
  free(pointer: number): void

  luaL_newstate(): number
  lua_close(state: number): void
  lua_newthread(state: number): number
  luaopen_base(state: number): number
  luaopen_table(state: number): number
  luaopen_string(state: number): number
  luaopen_math(state: number): number
  luaopen_os(state: number): number

  lua_gettop(state: number): number
  lua_settop(state: number, index: number): void
  lua_pushvalue(state: number, index: number): void
  lua_remove(state: number, index: number): void
  lua_insert(state: number, index: number): void
  lua_replace(state: number, index: number): void
  lua_checkstack(state: number, count: number): number
  lua_xmove(from: number, to: number, count: number): void

  lua_type(state: number, index: number): number
  lua_iscfunction(state: number, index: number): number
  lua_tocfunction(state: number, index: number): number
  lua_rawequal(state: number, first: number, second: number): number
  lua_toboolean(state: number, index: number): number
  lua_tonumber(state: number, index: number): number
  lua_tolstring(state: number, index: number, lengthPointer: number): number
  lua_objlen(state: number, index: number): number
  lua_topointer(state: number, index: number): number
  lua_isnumber(state: number, index: number): number
  lua_isstring(state: number, index: number): number
  lua_tothread(state: number, index: number): number
  lua_touserdata(state: number, index: number): number
  lua_newuserdata(state: number, bytes: number): number
  lua_concat(state: number, count: number): void
  luaL_where(state: number, level: number): void
  luaL_argerror(state: number, position: number, message: number): number

  lua_pushnil(state: number): void
  lua_pushnumber(state: number, value: number): void
  lua_pushinteger(state: number, value: number): void
  lua_pushboolean(state: number, value: number): void
  lua_pushlstring(state: number, pointer: number, length: number): void
  lua_pushlightuserdata(state: number, pointer: number): void
  lua_pushcclosure(state: number, pointer: number, upvalues: number): void

  lua_createtable(state: number, elements: number, fields: number): void
  lua_gettable(state: number, index: number): void
  lua_settable(state: number, index: number): void
  lua_rawget(state: number, index: number): void
  lua_rawset(state: number, index: number): void
  lua_rawgeti(state: number, index: number, position: number): void
  lua_rawseti(state: number, index: number, position: number): void
  lua_next(state: number, index: number): number
  lua_getmetatable(state: number, index: number): number
  lua_setmetatable(state: number, index: number): number
  lua_setfenv(state: number, index: number): number

  luaL_loadbuffer(state: number, pointer: number, length: number, name: number): number
  luaL_ref(state: number, table: number): number
  luaL_unref(state: number, table: number, reference: number): void
  lua_call(state: number, args: number, results: number): void
  lua_pcall(state: number, args: number, results: number, handler: number): number
  lua_error(state: number): number
  lua_resume(state: number, args: number): number
  lua_yield(state: number, results: number): number
  lua_status(state: number): number
  lua_sethook(state: number, hook: number, mask: number, count: number): number
  lua_getstack(state: number, level: number, record: number): number
  lua_getinfo(state: number, what: number, record: number): number
  lua_gc(state: number, what: number, data: number): number
}

export const LUA_NIL = 0
export const LUA_BOOLEAN = 1
export const LUA_LIGHT_USERDATA = 2
export const LUA_NUMBER = 3
export const LUA_STRING = 4
export const LUA_TABLE = 5
export const LUA_FUNCTION = 6
export const LUA_THREAD = 8

export const LUA_REGISTRY = -10_000
export const LUA_GLOBALS = -10_002

export const LUA_OK = 0
export const LUA_YIELDED = 1
export const LUA_OUT_OF_MEMORY = 4

/** The options of lua_gc. */
export const GC_COLLECT = 2
export const GC_COUNT = 3
export const GC_SET_PAUSE = 6
export const GC_SET_STEP_MULTIPLIER = 7
/** The step multiplier with which one step is a whole collection. */
export const ONE_STEP = 0
