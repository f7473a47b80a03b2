/**
 * What the sandbox (prelude.ts) is helped with, of what is the same in all machines: what functions are, and those of Lua's own that go past
 * metatables, where its shared tables hide behind others. Of these each is called in the place of the function here, so that its errors name it
 * and the line of the script.
 */
import type { Bytes } from '../base/bytes.ts'
import { LUA_REGISTRY, LUA_TABLE } from './api.ts'
import { ELEMENT_BYTES } from './module.ts'
import type { HostFunction, LuaStack } from './stack.ts'

/** What a function does with a table that hides another. */
type GuardKind = 'refuses' | 'reads'

const READ_ONLY = 'Attempt to modify a readonly table'

/** Functions that read or move all elements of a table when called with at least this many arguments. */
const READING: Readonly<Record<Bytes, number>> = { concat: 1, maxn: 1, sort: 1, remove: 2 }

/** `behind` is the reference of the table that says what hides behind what. */
export function guardHelpers(behind: () => number): readonly (readonly [Bytes, HostFunction])[] {
  return [
    [
      'isNative',
      (stack) => {
        stack.push(stack.api.lua_iscfunction(stack.state, 1) !== 0)
        return 1
      },
    ],
    [
      'isCallable',
      (stack) => {
        if (stack.api.lua_getmetatable(stack.state, 1) !== 0) stack.rawGetField(-1, '__call')
        else stack.push(null)
        stack.push(!stack.isNil(-1))
        return 1
      },
    ],
    [
      'guarded',
      (stack) => {
        stack.pushFunction(guarded(stack, stack.string(2) as GuardKind, stack.string(3) as Bytes, behind))
        return 1
      },
    ],
  ]
}

/** The pointer of a function that takes the place of the first argument. */
function guarded(stack: LuaStack, kind: GuardKind, name: Bytes, behind: () => number): number {
  const { api, module } = stack
  const native = module.nativeFunction(api.lua_tocfunction(stack.state, 1))
  const look = (state: number): void => {
    api.lua_rawgeti(state, LUA_REGISTRY, behind())
    api.lua_pushvalue(state, 1)
    api.lua_rawget(state, -2)
    const isHidden = api.lua_type(state, -1) > 0
    if (isHidden && kind === 'refuses') refuse(stack, state)
    if (isHidden) api.lua_replace(state, 1)
    api.lua_settop(state, isHidden ? -2 : -3)
  }
  const leastArguments = READING[name] ?? Number.POSITIVE_INFINITY
  return module.addFunction('ii', (state) => {
    if (api.lua_getmetatable(state, 1) !== 0) {
      api.lua_settop(state, -2)
      look(state)
    }
    if (leastArguments < Number.POSITIVE_INFINITY && api.lua_gettop(state) >= leastArguments && api.lua_type(state, 1) === LUA_TABLE)
      module.charge(api.lua_objlen(state, 1) * ELEMENT_BYTES)
    return native(state)
  })
}

function refuse(stack: LuaStack, state: number): void {
  const before = stack.state
  stack.on(state).pushString(READ_ONLY)
  stack.on(before)
  stack.api.lua_error(state)
}
