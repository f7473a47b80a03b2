/**
 * The hook of a machine: a function that Lua calls every HOOK_INTERVAL instructions, and soon after
 * functions of C have copied or read much memory. Lua has one hook for each thread, so this class
 * keeps track of the thread that runs.
 */
import type { LuaModule } from './module.ts'
import type { LuaStack } from './stack.ts'

/** Instructions between two calls of the hook: about 10 µs. A call takes about 0.1 µs. */
const HOOK_INTERVAL = 1000
const MASK_COUNT = 8

/** Sets the hook on the Lua thread that runs. */
export class Hook {
  private readonly module: LuaModule
  private readonly main: number
  private readonly pointer: number
  /** The script's thread or one of its coroutines; the main thread while no script runs. */
  private running: number

  /** Sets the hook on the main thread. Threads inherit it from the one that creates them. */
  constructor(module: LuaModule, main: number, look: (state: number) => void) {
    this.module = module
    this.main = main
    this.running = main
    this.pointer = module.addFunction('vii', (state) => {
      this.set(state, HOOK_INTERVAL)
      look(state)
    })
    this.set(main, HOOK_INTERVAL)
    module.onWork = () => this.callSoon()
  }

  /** Has the hook called before the next instruction. */
  callSoon(): void {
    if (this.running !== this.main) this.set(this.running, 1)
  }

  /** Starts or resumes a thread from the host. Returns Lua's status. */
  resume(thread: number, argumentCount: number): number {
    this.running = thread
    const status = this.module.api.lua_resume(thread, argumentCount)
    this.running = this.main
    return status
  }

  /** Pushes a replacement of Lua's coroutine.resume, which is the argument at index 1. */
  pushResumer(stack: LuaStack): number {
    const { api } = this.module
    const native = this.module.nativeFunction(api.lua_tocfunction(stack.state, 1))
    stack.pushFunction(
      this.module.addFunction('ii', (state) => {
        const before = this.running
        this.running = api.lua_tothread(state, 1)
        try {
          return native(state)
        } finally {
          this.running = before
        }
      }),
    )
    return 1
  }

  private set(state: number, instructions: number): void {
    this.module.api.lua_sethook(state, this.pointer, MASK_COUNT, instructions)
  }
}
