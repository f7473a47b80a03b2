/**
 * A format of struct, read option by option. The sizes are those of 64-bit Linux, where Redis runs:
 * short 2, int 4, long and size_t 8.
 *
 *     >  <            big, little endian          f  d      float, double
 *     ![n]            aligned to at most n        c[n]      n bytes; 0: all, or the last number
 *     b B h H l L T   integers; lower = signed    s         a string and a zero byte
 *     i[n] I[n]       integers of n bytes         x         a byte of padding
 */
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../stack.ts'
import { argumentError, raiseAt } from './arguments.ts'

const MAX_INT = 2 ** 31 - 1
const MAX_INTEGER_BYTES = 32
const MAX_ALIGNMENT = 8

const SIZES: Readonly<Record<string, number>> = { B: 1, b: 1, H: 2, h: 2, L: 8, l: 8, T: 8, f: 4, d: 8, x: 1 }

/** Reads a format option by option. */
export class StructFormat {
  isLittleEndian = true
  /**
   * The last option and its bytes. They are 0 if the value decides, or if the option is no element.
   */
  option: Bytes = ''
  size = 0
  private alignment = 1
  private position = 0
  private readonly stack: LuaStack
  private readonly text: Bytes

  constructor(stack: LuaStack, text: Bytes) {
    this.stack = stack
    this.text = text
  }

  /** Reads the next option. Returns false at the end. */
  next(): boolean {
    if (this.position >= this.text.length) return false
    this.option = this.text.charAt(this.position++)
    this.size = this.sizeOf(this.option)
    return true
  }

  /** Returns the bytes of padding before the element at an offset. */
  padding(offset: number): number {
    if (this.size === 0 || this.option === 'c') return 0
    const size = Math.min(this.size, this.alignment)
    return (size - (offset & (size - 1))) & (size - 1)
  }

  /** Applies an option that is no element but sets the layout of those after it. */
  control(): void {
    switch (this.option) {
      case ' ':
        return
      case '>':
      case '<':
        this.isLittleEndian = this.option === '<'
        return
      case '!':
        this.alignment = this.readNumber(MAX_ALIGNMENT)
        if (this.alignment === 0 || (this.alignment & (this.alignment - 1)) !== 0)
          raiseAt(this.stack, `alignment ${this.alignment} is not a power of 2`)
        return
      default:
        argumentError(this.stack, 1, `invalid format option '${this.option}'`)
    }
  }

  private sizeOf(option: Bytes): number {
    if (option === 'c') return this.readNumber(1)
    if (option !== 'i' && option !== 'I') return SIZES[option] ?? 0
    const size = this.readNumber(4)
    if (size > MAX_INTEGER_BYTES) raiseAt(this.stack, `integral size ${size} is larger than limit of ${MAX_INTEGER_BYTES}`)
    return size
  }

  /** Reads the number at the current place, or returns `otherwise` if there is none. */
  private readNumber(otherwise: number): number {
    const start = this.position
    let value = 0
    for (; ; this.position++) {
      const digit = this.text.charCodeAt(this.position) - 48
      if (!(digit >= 0 && digit <= 9)) return this.position === start ? otherwise : value
      value = value * 10 + digit
      if (value > MAX_INT) raiseAt(this.stack, 'integral size overflow')
    }
  }
}
