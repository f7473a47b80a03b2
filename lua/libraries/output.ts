/**
 * A buffer for a result that is built from many small pieces. All libraries share one: no script
 * runs while a library fills it, and the next user ignores what an error has left in it.
 *
 * A few tables that contain one another several times expand to a result of exponential size. A
 * result is therefore limited to the size of Lua's memory and to MAX_VALUES values.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../stack.ts'
import { raiseAt, raiseOutOfMemory } from './arguments.ts'

const INITIAL_BYTES = 64 * 1024
/** A buffer larger than this is not kept. */
const MAX_KEPT_BYTES = 2 ** 20
/** The maximum number of values in one call. */
const MAX_VALUES = 2 ** 22
/** A loop is faster than a copy up to this many bytes. */
const SHORT_BYTES = 24

let kept = Buffer.allocUnsafe(INITIAL_BYTES)

/** Collects the bytes of a result in a buffer. */
export class Output {
  length = 0
  private bytes = kept
  private values = 0
  private readonly stack: LuaStack

  constructor(stack: LuaStack) {
    this.stack = stack
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.grow(1)
    this.bytes[this.length++] = value
  }

  /** Adds a short text. */
  writeText(text: Bytes): void {
    if (this.length + text.length > this.bytes.length) this.grow(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i)
  }

  /** Adds a part of Lua's memory. */
  copy(from: number, to: number): void {
    const count = to - from
    if (this.length + count > this.bytes.length) this.grow(count)
    const source = this.stack.module.bytes
    if (count > SHORT_BYTES) source.copy(this.bytes, this.length, from, to)
    // hot: each byte
    else for (let i = 0; i < count; i++) this.bytes[this.length + i] = source[from + i] as number
    this.length += count
  }

  zeros(count: number): void {
    for (let i = 0; i < count; i++) this.byte(0)
  }

  /** Adds `count` bytes, which `write` writes into the buffer at the position that it is given. */
  place(count: number, write: (bytes: Buffer, at: number) => void): void {
    if (this.length + count > this.bytes.length) this.grow(count)
    write(this.bytes, this.length)
    this.length += count
  }

  /**
   * Counts values; call it as soon as they are examined. A table's elements are counted when it is
   * measured. A large table that contains itself is measured again on each level, before any second
   * element is written.
   */
  count(values = 1): void {
    this.values += values
    if (this.values > MAX_VALUES) raiseAt(this.stack, `Cannot serialise more than ${MAX_VALUES} values`)
  }

  /** Pushes everything as a string. */
  push(): void {
    this.stack.pushBuffer(this.bytes, this.length)
  }

  private grow(count: number): void {
    const needed = this.length + count
    const { limitBytes } = this.stack.module
    if (needed > limitBytes) raiseOutOfMemory(this.stack)
    const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(2 * this.bytes.length, limitBytes)))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
    if (larger.length <= MAX_KEPT_BYTES) kept = larger
  }
}
