/**
 * Helpers of the sandbox (prelude.ts) that are the same in all machines. Two test values. The third
 * guards Lua's functions that bypass metatables. Unguarded, such a function would change an empty
 * front, or would not see the table that it hides.
 *
 * A guard calls Lua's own function in its own call frame. So errors name that function and the line
 * of the script.
 */
import { must } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { LUA_REGISTRY, LUA_TABLE } from './api.ts'
import { ELEMENT_BYTES } from './module.ts'
import type { HostFunction, LuaStack } from './stack.ts'

/** How a guarded function treats a front: it raises an error, or reads the hidden table. */
type GuardKind = 'refuses' | 'reads'

const READ_ONLY = 'Attempt to modify a readonly table'

/**
 * Functions that read or move all elements of a table when called with at least this many
 * arguments. Their work is charged.
 */
const MIN_CHARGED_ARGUMENTS: Readonly<Record<Bytes, number>> = { concat: 1, maxn: 1, sort: 1, remove: 2 }

/**
 * Returns the helpers. `hiddenOf` returns the reference of the prelude's table that maps a front to
 * its hidden table.
 */
export function guardHelpers(hiddenOf: () => number): readonly (readonly [Bytes, HostFunction])[] {
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
        stack.pushFunction(guarded(stack, stack.string(2) as GuardKind, must(stack.string(3)), hiddenOf))
        return 1
      },
    ],
  ]
}

/** Returns a pointer to the guard of the Lua function at index 1. */
function guarded(stack: LuaStack, kind: GuardKind, name: Bytes, hiddenOf: () => number): number {
  const { api, module } = stack
  const native = module.nativeFunction(api.lua_tocfunction(stack.state, 1))
  const checkFront = (state: number): void => {
    api.lua_rawgeti(state, LUA_REGISTRY, hiddenOf())
    api.lua_pushvalue(state, 1)
    api.lua_rawget(state, -2)
    const isHidden = api.lua_type(state, -1) > 0
    if (isHidden && kind === 'refuses') refuse(stack, state)
    if (isHidden) api.lua_replace(state, 1)
    api.lua_settop(state, isHidden ? -2 : -3)
  }
  const minArguments = MIN_CHARGED_ARGUMENTS[name] ?? Number.POSITIVE_INFINITY
  return module.addFunction('ii', (state) => {
    if (api.lua_getmetatable(state, 1) !== 0) {
      api.lua_settop(state, -2)
      checkFront(state)
    }
    if (minArguments < Number.POSITIVE_INFINITY && api.lua_gettop(state) >= minArguments && api.lua_type(state, 1) === LUA_TABLE)
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
