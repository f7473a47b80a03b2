/** struct: converts values to and from the layouts of C. */
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../stack.ts'
import { argumentError, isNumeric, numberArgument, optionalInteger, pointerArgument, raiseAt, reserve, textArgument } from './arguments.ts'
import { pushLibrary } from './library.ts'
import { Output } from './output.ts'
import { StructFormat } from './struct-format.ts'
import { packInteger, toUnsignedInteger, unpackedInteger } from './struct-integers.ts'

const INTEGERS = 'bBhHlLTiI'

/** struct.pack(format, value, ...) */
function pack(stack: LuaStack): number {
  const format = new StructFormat(stack, textArgument(stack, 1))
  const output = new Output(stack)
  // A missing argument is nil in Redis, which keeps a mark after the last argument.
  stack.push(null)
  let position = 2
  while (format.next()) {
    output.zeros(format.padding(output.length))
    if (packElement(stack, format, output, position)) position++
  }
  output.push()
  return 1
}

/**
 * Writes the element of the current option, if it is one. Returns true if it has used an argument.
 */
function packElement(stack: LuaStack, format: StructFormat, output: Output, position: number): boolean {
  const { option, size, isLittleEndian } = format
  if (INTEGERS.includes(option)) {
    packInteger(output, numberArgument(stack, position), size, isLittleEndian)
    return true
  }
  switch (option) {
    case 'x':
      output.byte(0)
      return false
    case 'f':
    case 'd':
      packFloat(output, numberArgument(stack, position), size, isLittleEndian)
      return true
    case 'c':
    case 's':
      packBytes(stack, format, output, position)
      return true
    default:
      format.control()
      return false
  }
}

function packFloat(output: Output, value: number, size: number, isLittleEndian: boolean): void {
  output.place(size, (bytes, at) => {
    if (size === 4) isLittleEndian ? bytes.writeFloatLE(value, at) : bytes.writeFloatBE(value, at)
    else isLittleEndian ? bytes.writeDoubleLE(value, at) : bytes.writeDoubleBE(value, at)
  })
}

function packBytes(stack: LuaStack, { option, size }: StructFormat, output: Output, position: number): void {
  const pointer = pointerArgument(stack, position)
  const length = stack.length(position)
  if (length < size) argumentError(stack, position + 1, 'string too short')
  output.copy(pointer, pointer + (size === 0 ? length : size))
  if (option === 's') output.byte(0)
}

/** struct.unpack(format, bytes [, position]): the values, and the position after them. */
function unpack(stack: LuaStack): number {
  const format = new StructFormat(stack, textArgument(stack, 1))
  const pointer = pointerArgument(stack, 2)
  const start = optionalInteger(stack, 3, 1)
  if (start === 0) argumentError(stack, 3, 'offset must be 1 or greater')
  const reader = new StructUnpacker(stack, format, pointer, start - 1)
  while (format.next()) reader.read()
  stack.push(reader.position + 1)
  return reader.results + 1
}

class StructUnpacker {
  /** Offset of the next element, from 0. */
  position: number
  results = 0
  private readonly stack: LuaStack
  private readonly format: StructFormat
  /** Address of the data in Lua's memory, where it does not move. */
  private readonly pointer: number
  private readonly length: number

  constructor(stack: LuaStack, format: StructFormat, pointer: number, position: number) {
    this.stack = stack
    this.format = format
    this.position = position
    this.pointer = pointer
    this.length = stack.length(2)
  }

  /** Reads the element of the current option. */
  read(): void {
    const { stack, format } = this
    const { option, size } = format
    this.position += format.padding(this.position)
    this.requireBytes(size)
    reserve(stack, 2, 'too many results')
    const taken = this.push(option, size)
    if (option !== 'x' && taken !== null) this.results++
    this.position += taken ?? 0
  }

  /**
   * Pushes an element and returns its bytes. Applies an option that is no element and returns null.
   */
  private push(option: Bytes, size: number): number | null {
    const { stack, format, position } = this
    const at = this.pointer + position
    const { bytes } = stack.module
    if (INTEGERS.includes(option)) {
      stack.push(unpackedInteger(bytes, at, size, format.isLittleEndian, option === option.toLowerCase()))
      return size
    }
    switch (option) {
      case 'x':
        return size
      case 'f':
        stack.push(format.isLittleEndian ? bytes.readFloatLE(at) : bytes.readFloatBE(at))
        return size
      case 'd':
        stack.push(format.isLittleEndian ? bytes.readDoubleLE(at) : bytes.readDoubleBE(at))
        return size
      case 'c':
        return this.pushBytes(size === 0 ? this.sizeBefore() : size)
      case 's':
        return this.pushTerminated()
      default:
        format.control()
        return null
    }
  }

  private pushBytes(size: number): number {
    this.stack.api.lua_pushlstring(this.stack.state, this.pointer + this.position, size)
    return size
  }

  private pushTerminated(): number {
    const { stack, pointer, position, length } = this
    // Lua ends every string with a zero byte of its own, so the search always finds one.
    const zero = stack.module.bytes.indexOf(0, pointer + position) - pointer
    if (zero >= length) raiseAt(stack, 'unfinished string in data')
    return this.pushBytes(zero - position) + 1
  }

  /** Pops the number that was unpacked last: the length of the next element. */
  private sizeBefore(): number {
    const { stack } = this
    if (this.results === 0 || !isNumeric(stack, -1)) raiseAt(stack, `format 'c0' needs a previous size`)
    const size = toUnsignedInteger(stack.toNumber(-1))
    stack.pop()
    this.results--
    this.requireBytes(size)
    return size
  }

  private requireBytes(size: number): void {
    const hasBytes = this.position >= 0 && size >= 0 && this.position + size <= this.length
    if (!hasBytes) argumentError(this.stack, 2, 'data string too short')
  }
}

/** struct.size(format) */
function size(stack: LuaStack): number {
  const format = new StructFormat(stack, textArgument(stack, 1))
  let total = 0
  while (format.next()) {
    total += format.padding(total)
    if (format.option === 's') argumentError(stack, 1, "option 's' has no fixed size")
    if (format.option === 'c' && format.size === 0) argumentError(stack, 1, "option 'c0' has no fixed size")
    // Meaningless letters and digits are ignored here, and only here.
    if (!/[a-zA-Z0-9]/.test(format.option)) format.control()
    total += format.size
  }
  stack.push(total)
  return 1
}

/** Pushes the table of struct. */
export function pushStruct(stack: LuaStack): void {
  pushLibrary(stack, { pack, unpack, size })
}
