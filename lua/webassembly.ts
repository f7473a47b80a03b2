/**
 * Types for the part of WebAssembly's interface that is used here. Node's types do not include
 * them.
 */
export type Imports = Record<string, Record<string, unknown>>

export interface WasmModule {
  readonly [Symbol.toStringTag]: string
}

interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>
}

export interface WasmMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

export interface WasmTable {
  get(index: number): unknown
  set(index: number, value: unknown): void
  /** Grows the table by `count` places. Returns the index of the first new one. */
  grow(count: number): number
}

interface Wasm {
  readonly Module: {
    new (bytes: Uint8Array): WasmModule
    imports(module: WasmModule): readonly { readonly module: string; readonly name: string }[]
  }
  readonly Instance: new (module: WasmModule, imports: Imports) => WasmInstance
}

export const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly
