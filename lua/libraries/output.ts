/**
 * Bytes that are put together from many small pieces. Libraries share one buffer, which nothing of a script's runs between; what an error leaves in
 * it is passed over by the next to use it. Two limits keep a script from taking all memory and all time with a few tables that contain one another
 * again and again: the bytes that Lua may have, and a number of values.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../stack.ts'
import { raiseAt, raiseOutOfMemory } from './arguments.ts'

const INITIAL_BYTES = 64 * 1024
/** A buffer that has grown beyond this is not kept. */
const KEPT_BYTES = 2 ** 20
/** In one call. */
const MOST_VALUES = 2 ** 22
/** Up to here a loop is faster than a copy. */
const SHORT_BYTES = 24

let kept = Buffer.allocUnsafe(INITIAL_BYTES)

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

  /** A few bytes. */
  text(text: Bytes): void {
    if (this.length + text.length > this.bytes.length) this.grow(text.length)
    for (let i = 0; i < text.length; i++) this.bytes[this.length++] = text.charCodeAt(i)
  }

  /** A part of Lua's memory. */
  copy(from: number, to: number): void {
    const count = to - from
    if (this.length + count > this.bytes.length) this.grow(count)
    const source = this.stack.module.bytes
    if (count > SHORT_BYTES) source.copy(this.bytes, this.length, from, to)
    else for (let i = 0; i < count; i++) this.bytes[this.length + i] = source[from + i] as number
    this.length += count
  }

  zeros(count: number): void {
    for (let i = 0; i < count; i++) this.byte(0)
  }

  /** Room for so many bytes that the caller writes into the buffer it is given, at the position it is given. */
  place(count: number, write: (bytes: Buffer, at: number) => void): void {
    if (this.length + count > this.bytes.length) this.grow(count)
    write(this.bytes, this.length)
    this.length += count
  }

  /**
   * Called for each value, as soon as it has been looked at: a table's are when it is measured. A large
   * table that holds itself is measured again on each level, long before its second element is written.
   */
  count(values = 1): void {
    this.values += values
    if (this.values > MOST_VALUES) raiseAt(this.stack, `Cannot serialise more than ${MOST_VALUES} values`)
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
    if (larger.length <= KEPT_BYTES) kept = larger
  }
}
