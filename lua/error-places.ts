/**
 * Finds the place in a script where an error was raised: the innermost frame that is neither C's
 * nor the sandbox's.
 */
import type { Bytes } from '../base/bytes.ts'
import type { LuaModule } from './module.ts'

/** The prelude's chunk name. */
export const SANDBOX = '=sandbox'

/** The place in a script where a function failed. */
export interface ErrorPlace {
  readonly source: Bytes
  readonly line: number
}

/** Lua's name for the place of a frame that a tail call has replaced. */
const TAIL_CALL = '=(tail call)'
/** Size of the C structure lua_Debug. */
const RECORD_BYTES = 112
const WHAT_AT = 12
const SOURCE_AT = 16
const LINE_AT = 20

/** Finds the place in a script where an error was raised. */
export class ErrorPlaces {
  private readonly module: LuaModule
  private readonly record: number
  /** Pointer to the letters that ask lua_getinfo for a frame's source and line. */
  private readonly question: number

  constructor(module: LuaModule) {
    this.module = module
    this.record = module.api.malloc(RECORD_BYTES)
    this.question = module.api.malloc(3)
    module.bytes.latin1Write('Sl\0', this.question)
  }

  /**
   * Returns the place where a thread failed, or null if it is unknown. Looks at `frames` frames.
   */
  find(thread: number, frames: number): ErrorPlace | null {
    for (let level = 0; level < frames; level++) {
      const place = this.at(thread, level)
      if (place !== 'elsewhere') return place
    }
    return null
  }

  /**
   * Returns 'elsewhere' for a frame in C or in the sandbox, and null for a frame that does not
   * exist.
   */
  private at(thread: number, level: number): ErrorPlace | 'elsewhere' | null {
    const { api, bytes } = this.module
    if (api.lua_getstack(thread, level, this.record) === 0) return null
    api.lua_getinfo(thread, this.question, this.record)
    const source = this.readText(bytes.readUInt32LE(this.record + SOURCE_AT))
    if (source === SANDBOX || source === TAIL_CALL || this.readText(bytes.readUInt32LE(this.record + WHAT_AT)) === 'C') return 'elsewhere'
    return { source, line: bytes.readInt32LE(this.record + LINE_AT) }
  }

  private readText(pointer: number): Bytes {
    const { bytes } = this.module
    return bytes.latin1Slice(pointer, bytes.indexOf(0, pointer))
  }
}
