/**
 * redis.register_function, in both of its forms:
 *
 *   redis.register_function(name, callback)
 *   redis.register_function{function_name = name, callback = callback
 *     [, description = text] [, flags = {flag ...}]}
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { LUA_REGISTRY } from '../../lua/api.ts'
import type { LuaStack } from '../../lua/stack.ts'
import { SCRIPT_FLAGS } from '../scripting/flags.ts'
import { IMPROPER_NAME, isProperName } from './header.ts'
import type { RegisteredFunction } from './libraries.ts'

type Described = Omit<RegisteredFunction, 'reference'>

/**
 * Called by Lua. `registered` collects the functions of the loading library. It is null if no
 * library loads: a function may have kept a reference to this one. Raises errors as tables with an
 * `err`, as scripts do.
 */
export function registerFunction(stack: LuaStack, registered: RegisteredFunction[] | null): number {
  const { top } = stack
  if (registered === null) return refuse(stack, 'redis.register_function can only be called on FUNCTION LOAD command')
  if (top !== 1 && top !== 2) return refuse(stack, 'wrong number of arguments to redis.register_function')
  const request = top === 1 ? namedArguments(stack) : unnamedArguments(stack)
  if (typeof request === 'string') return refuse(stack, request)
  if (!isProperName(request.name)) return refuse(stack, IMPROPER_NAME)
  const name = lowerCase(request.name)
  if (registered.some((other) => lowerCase(other.name) === name)) return refuse(stack, 'Function already exists in the library')
  stack.top = 2
  registered.push({ ...request, reference: stack.api.luaL_ref(stack.state, LUA_REGISTRY) })
  return 0
}

/** Both leave the callback at index 2, or return an error text. */
function unnamedArguments(stack: LuaStack): Described | Bytes {
  const name = stack.string(1)
  if (name === null) return 'first argument to redis.register_function must be a string'
  if (!stack.isFunction(2)) return 'second argument to redis.register_function must be a function'
  return { name, description: null, flags: [] }
}

function namedArguments(stack: LuaStack): Described | Bytes {
  if (!stack.isTable(1))
    return 'calling redis.register_function with a single argument is only applicable to Lua table (representing named arguments).'
  let name: Bytes | null = null
  let description: Bytes | null = null
  let flags: readonly Bytes[] | null = []
  let hasCallback = false
  stack.push(null) // reserves index 2 for the callback
  stack.push(null)
  while (stack.next(1)) {
    // The stack holds the callback, the key and the value. A numeric key must stay a number, or
    // `next` fails.
    const key = stack.isString(-2) ? lowerCase(must(stack.string(-2))) : stack.isNumber(-2) ? '' : null
    if (key === null) return 'named argument key given to redis.register_function is not a string'
    switch (key) {
      case 'function_name':
        name = stack.string(-1)
        if (name === null) return 'function_name argument given to redis.register_function must be a string'
        break
      case 'description':
        description = stack.string(-1)
        if (description === null) return 'description argument given to redis.register_function must be a string'
        break
      case 'callback':
        if (!stack.isFunction(-1)) return 'callback argument given to redis.register_function must be a function'
        stack.pushCopy(-1)
        stack.api.lua_replace(stack.state, 2)
        hasCallback = true
        break
      case 'flags':
        if (!stack.isTable(-1)) return 'flags argument to redis.register_function must be a table representing function flags'
        flags = readFlags(stack)
        if (flags === null) return 'unknown flag given'
        break
      default:
        return 'unknown argument given to redis.register_function'
    }
    stack.pop()
  }
  if (name === null) return 'redis.register_function must get a function name argument'
  if (!hasCallback) return 'redis.register_function must get a callback argument'
  return { name, description, flags }
}

/**
 * Returns the flags that the table on top of the stack names, in Redis's order; null if one is
 * unknown.
 */
function readFlags(stack: LuaStack): readonly Bytes[] | null {
  const table = stack.top
  const given = new Set<Bytes>()
  for (let at = 1; ; at++) {
    stack.rawGetAt(table, at)
    if (stack.isNil(-1)) break
    const flag = stack.string(-1)
    if (flag === null || !SCRIPT_FLAGS.includes(lowerCase(flag))) return null
    given.add(lowerCase(flag))
    stack.pop()
  }
  stack.pop()
  return SCRIPT_FLAGS.filter((flag) => given.has(flag))
}

function refuse(stack: LuaStack, message: Bytes): never {
  stack.pushTable(0, 1)
  stack.push(`ERR ${message}`)
  stack.rawSetField(-2, 'err')
  return stack.raiseTop()
}
