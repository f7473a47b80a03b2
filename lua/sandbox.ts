/**
 * Builds the sandbox of a machine: gives the prelude its helpers, runs it, and installs the globals
 * that it returns. Afterwards it adds shared tables, which scripts can read and not change.
 */
import { must } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { LUA_GLOBALS, LUA_OK, LUA_REGISTRY } from './api.ts'
import { SANDBOX } from './error-places.ts'
import { guardHelpers } from './guards.ts'
import { PRELUDE } from './prelude.ts'
import { pushSortKind } from './sort.ts'
import { loadSource } from './source-text.ts'
import type { HostFunction, LuaStack } from './stack.ts'

/** The maximum nesting of coroutines, including those of pcall. Each nests another call of C. */
export const MAX_NESTED_CALLS = 150

/** The machine's functions that the prelude needs to pass the hook's yields on. */
export interface YieldHelpers {
  /** Pushes the replacement of Lua's coroutine.resume, which is the argument at index 1. */
  pushResumer(stack: LuaStack): number
  /** True while a yield of the hook is on its way to the host. Raises the error of a stop. */
  isSuspended(state: number): boolean
  /** True if a thread can yield: no function of C lies between it and its resume. */
  mayYield(state: number): boolean
  /** Gives up a yield that cannot reach the host; the function continues. */
  cancelYield(state: number): void
}

/** The sandbox of one machine. */
export class Sandbox {
  private readonly stack: LuaStack
  private readonly globalsReference: number
  /** Reference to the prelude's table `hiddenOf`. */
  private hiddenOfReference = 0
  /** References to the prelude's functions `reset` and `frontOf`. */
  private resetReference = 0
  private frontOfReference = 0

  /** REQUIRES: the stack is on the main thread, and Lua's own libraries are open. */
  constructor(stack: LuaStack, yields: YieldHelpers) {
    this.stack = stack
    stack.pushCopy(LUA_GLOBALS)
    this.globalsReference = stack.api.luaL_ref(stack.state, LUA_REGISTRY)
    this.build(yields)
  }

  /** Pops the table on top of the stack and makes it a read-only global. */
  setShared(name: Bytes): void {
    this.hide()
    this.setGlobal(name)
  }

  /** Hides the table on top of the stack: replaces it by a read-only front (prelude.ts). */
  hide(): void {
    const { stack } = this
    const { api } = stack
    stack.rawGetAt(LUA_REGISTRY, this.frontOfReference)
    api.lua_insert(stack.state, -2)
    api.lua_call(stack.state, 1, 1)
  }

  /** Pops the value on top of the stack and makes it a global of all functions. */
  setGlobal(name: Bytes): void {
    const { stack } = this
    stack.rawGetAt(LUA_REGISTRY, this.globalsReference)
    stack.api.lua_insert(stack.state, -2)
    stack.rawSetField(-2, name)
    stack.pop()
  }

  /** Pushes the hidden table of globals itself, which the host can write. */
  pushGlobals(): void {
    this.stack.rawGetAt(LUA_REGISTRY, this.globalsReference)
  }

  /** Resets the prelude's counters after a function has failed. */
  reset(): void {
    const { stack } = this
    stack.rawGetAt(LUA_REGISTRY, this.resetReference)
    stack.api.lua_call(stack.state, 0, 0)
  }

  private build(yields: YieldHelpers): void {
    const { stack } = this
    const { api, state } = stack
    if (loadSource(stack, PRELUDE, SANDBOX) !== LUA_OK) throw new Error(stack.string(-1) ?? 'the prelude cannot be compiled')
    stack.pushTable()
    stack.pushCopy(LUA_GLOBALS)
    stack.rawSetField(-2, 'globals')
    stack.push(MAX_NESTED_CALLS)
    stack.rawSetField(-2, 'maxNested')
    for (const [name, run] of this.helpers(yields)) {
      stack.pushFunction(stack.hostFunction(run))
      stack.rawSetField(-2, name)
    }
    stack.pushCopy(-1)
    api.lua_insert(state, 1)
    if (api.lua_pcall(state, 1, 1, 0) !== LUA_OK) throw new Error(stack.string(-1) ?? 'the prelude has failed')
    api.lua_replace(state, LUA_GLOBALS)
    stack.rawGetField(1, 'hiddenOf')
    this.hiddenOfReference = api.luaL_ref(state, LUA_REGISTRY)
    stack.rawGetField(1, 'reset')
    this.resetReference = api.luaL_ref(state, LUA_REGISTRY)
    stack.rawGetField(1, 'frontOf')
    this.frontOfReference = api.luaL_ref(state, LUA_REGISTRY)
    stack.top = 0
  }

  private helpers(yields: YieldHelpers): readonly (readonly [Bytes, HostFunction])[] {
    return [
      ['resumer', (stack) => yields.pushResumer(stack)],
      ['sortKind', pushSortKind],
      ['suspended', (stack) => pushAnswer(stack, yields.isSuspended(stack.state))],
      ['mayYield', (stack) => pushAnswer(stack, yields.mayYield(stack.state))],
      [
        'cancelYield',
        (stack) => {
          yields.cancelYield(stack.state)
          return 0
        },
      ],
      ...guardHelpers(() => this.hiddenOfReference),
      [
        'loadText',
        (stack) => {
          if (loadSource(stack, must(stack.string(1)), stack.string(2) ?? '=(load)') === LUA_OK) return 1
          stack.push(null)
          stack.api.lua_insert(stack.state, -2)
          return 2
        },
      ],
    ]
  }
}

/** Pushes the one result of a host function that answers a question. */
export function pushAnswer(stack: LuaStack, value: boolean): number {
  stack.push(value)
  return 1
}
