/**
 * Lua 5.1 as WebAssembly, in one instance with a memory of its own. The library's wasm file is used
 * as it is, without the JavaScript around it. Lua gets a clock and a way to grow its memory up to a
 * limit, and no other access to the outside. Every system call fails.
 *
 * Lua's errors are longjmps, which emscripten turns into exceptions. An exception of `lua_error`
 * must pass through JavaScript untouched, up to the `invoke` that caught the setjmp. Any other
 * exception (a trap, a stack that overflows) breaks the instance: it must not be used again.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { LuaApi } from './api.ts'
import { type Imports, type WasmModule, type WasmTable, wasm } from './webassembly.ts'

/** The name of a trampoline's import and export. */
const EXPORTED = 'f'
const PAGE_BYTES = 65_536
const ENOSYS = -52
/** The work of functions of C between two calls of `onWork`, in bytes: a few milliseconds. */
export const WORK_PER_CALL_BYTES = 2 ** 21
/** Bytes of work for each table element that is read or moved. */
export const ELEMENT_BYTES = 8
/** The value that a longjmp throws. */
const LONGJMP = Number.POSITIVE_INFINITY

let compiled: WasmModule | null = null

function compile(): WasmModule {
  compiled ??= new wasm.Module(readFileSync(createRequire(import.meta.url).resolve('wasmoon-lua5.1/dist/liblua5.1.wasm')))
  return compiled
}

/**
 * `ii` is a function that Lua calls: it takes its state and returns the number of results. `vii` is
 * a hook, which takes state and activation record.
 */
export type Signature = 'ii' | 'vii'

/** Returns true for an error that is Lua's own, on its way to where it will be caught. */
export function isLuaError(thrown: unknown): boolean {
  return thrown === LONGJMP
}

/** One instance of the wasm file: its memory, its clock and its table of functions. */
export class LuaModule {
  readonly api: LuaApi
  /**
   * All of Lua's memory. It is another buffer after growing, so do not keep it across calls of Lua.
   */
  bytes: Buffer
  readonly limitBytes: number
  /** Called whenever functions of C have done WORK_PER_CALL_BYTES since the last call. */
  onWork: () => void = () => {}
  private work = 0
  private readonly table: WasmTable

  /**
   * Memory grows up to the limit; past it, allocations fail with Lua's "not enough memory".
   */
  constructor(limitBytes: number, monotonicMs: () => number) {
    this.limitBytes = limitBytes
    const instance = new wasm.Instance(compile(), this.imports(monotonicMs))
    this.api = instance.exports as unknown as LuaApi
    this.table = this.api.__indirect_function_table
    this.bytes = Buffer.from(this.api.memory.buffer)
    this.api.emscripten_stack_init()
    this.api.__wasm_call_ctors()
  }

  /**
   * Makes a JavaScript function callable by Lua and returns its pointer. The instance keeps it for
   * good.
   */
  addFunction(signature: 'ii', run: (state: number) => number): number
  addFunction(signature: 'vii', run: (state: number, record: number) => void): number
  addFunction(signature: Signature, run: (state: number, record: number) => unknown): number {
    const wrapper = new wasm.Instance(new wasm.Module(TRAMPOLINES[signature]), { e: { [EXPORTED]: run } })
    const index = this.table.grow(1)
    this.table.set(index, wrapper.exports[EXPORTED])
    return index
  }

  /**
   * Returns Lua's own function for a pointer. A host function can call it with its own state. It
   * then runs in the same call frame: it gets the same arguments, and its errors name the same
   * line.
   */
  nativeFunction(pointer: number): (state: number) => number {
    return this.table.get(pointer) as (state: number) => number
  }

  /**
   * Adds to the work of functions of C, in bytes copied or read. Lua's count of instructions does
   * not include that work.
   */
  charge(bytes: number): void {
    this.work += bytes
    if (this.work < WORK_PER_CALL_BYTES) return
    this.work = 0
    this.onWork()
  }

  private imports(monotonicMs: () => number): Imports {
    const fails = () => ENOSYS
    const env: Record<string, (...args: number[]) => unknown> = {
      exit() {
        throw new Error('not enough memory') // any other error is caught where it is thrown
      },
      invoke_vii: (index, first, second) => this.invoke(index as number, first as number, second as number),
      _emscripten_throw_longjmp() {
        throw LONGJMP
      },
      emscripten_resize_heap: (bytes) => this.grow(bytes as number),
      emscripten_memcpy_js: (to, from, count) => {
        this.bytes.copyWithin(to as number, from as number, (from as number) + (count as number))
        this.charge(count as number) // C's memcpy calls this for 512 bytes and more
      },
      emscripten_date_now: monotonicMs,
      _emscripten_get_now_is_monotonic: () => 1,
      emscripten_get_now: monotonicMs,
    }
    const wasi: Record<string, () => number> = {}
    for (const { module, name } of wasm.Module.imports(compile())) {
      if (module === 'env') env[name] ??= fails
      else wasi[name] = () => -ENOSYS // WASI's errors are positive
    }
    return { env, wasi_snapshot_preview1: wasi }
  }

  /** Calls a function that may longjmp. */
  private invoke(index: number, first: number, second: number): void {
    const { api } = this
    const stack = api.stackSave()
    try {
      ;(this.table.get(index) as (first: number, second: number) => void)(first, second)
    } catch (thrown) {
      api.stackRestore(stack)
      if (!isLuaError(thrown)) throw thrown
      api.setThrew(1, 0)
    }
  }

  private grow(bytes: number): number {
    const wanted = bytes >>> 0
    const { memory } = this.api
    const present = memory.buffer.byteLength
    if (wanted > this.limitBytes) return 0
    // Grows by a fifth at least, so that growing is rare.
    const target = Math.min(this.limitBytes, Math.max(wanted, present + present / 5))
    try {
      memory.grow(Math.ceil((target - present) / PAGE_BYTES))
    } catch {
      return 0
    }
    this.bytes = Buffer.from(memory.buffer)
    return 1
  }
}

/**
 * Builds a module that imports a function and exports it: a table takes only exported functions.
 */
function trampoline(type: readonly number[]): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: readonly number[]) => [id, content.length, ...content]
  const name = (text: string) => [text.length, ...Buffer.from(text)]
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, ...type]),
    ...section(2, [1, ...name('e'), ...name(EXPORTED), 0, 0]),
    ...section(7, [1, ...name(EXPORTED), 0, 0]),
  ])
}

const I32 = 0x7f
const TRAMPOLINES: Readonly<Record<Signature, Uint8Array<ArrayBuffer>>> = {
  ii: trampoline([1, I32, 1, I32]),
  vii: trampoline([2, I32, I32, 0]),
}
