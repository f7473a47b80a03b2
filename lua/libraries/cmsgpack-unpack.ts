/**
 * cmsgpack.unpack and its variants that read only some of a text's values. Binaries and extensions
 * of later MessagePack are unknown. Open tables are kept in a list, without recursion: nesting ends
 * where Lua's stack does.
 */
import { must } from '../../base/assert.ts'
import type { LuaStack } from '../stack.ts'
import { integerArgument, optionalInteger, pointerArgument, raiseAt, reserve, toInt } from './arguments.ts'

/** cmsgpack.unpack(text): all values. */
export function unpack(stack: LuaStack): number {
  return unpackSome(stack, 0, 0)
}

/** cmsgpack.unpack_one(text [, offset]): the offset of the next value, and a value. */
export function unpackOne(stack: LuaStack): number {
  const offset = optionalInteger(stack, 2, 0)
  if (stack.top > 1) stack.top = 1
  return unpackSome(stack, 1, offset)
}

/**
 * cmsgpack.unpack_limit(text, limit [, offset]): the offset of the next value, and at most `limit`
 * values.
 */
export function unpackLimit(stack: LuaStack): number {
  const limit = integerArgument(stack, 2)
  const offset = optionalInteger(stack, 3, 0)
  if (stack.top > 1) stack.top = 1
  return unpackSome(stack, limit, offset)
}

/**
 * Pushes the next offset, which is -1 at the end of the text, and values. If `limit` and `offset`
 * are both 0, pushes all values and no offset.
 */
function unpackSome(stack: LuaStack, limit: number, offset: number): number {
  const pointer = pointerArgument(stack, 1)
  const length = stack.length(1)
  // As in Redis, the message shows the text's length in the place of the limit.
  if (offset < 0 || limit < 0) raiseAt(stack, `Invalid request to unpack with offset of ${toInt(offset)} and limit of ${length}.`)
  if (offset > length) raiseAt(stack, `Start offset ${toInt(offset)} greater than input length ${length}.`)
  const isAll = limit === 0 && offset === 0
  const unpacker = new MsgpackUnpacker(stack, pointer, offset, length)
  let count = 0
  for (; !unpacker.isAtEnd && (isAll || count < limit); count++) unpacker.unpack()
  if (isAll) return count
  reserve(stack, 1, 'in function mp_unpack_full')
  stack.push(unpacker.isAtEnd ? -1 : unpacker.position)
  stack.api.lua_insert(stack.state, 2)
  return count + 1
}

/** A table that is being filled. `left` values are missing; a map's keys and values both count. */
interface Open {
  readonly isArray: boolean
  left: number
  /** An array's next position. */
  position: number
}

class MsgpackUnpacker {
  /** Offset from the text's beginning. */
  position: number
  private readonly stack: LuaStack
  private readonly length: number
  /**
   * Address of the text in Lua's memory, where it does not move. The memory itself does: `bytes` is
   * read again after every push.
   */
  private readonly pointer: number
  private readonly open: Open[] = []

  constructor(stack: LuaStack, pointer: number, position: number, length: number) {
    this.stack = stack
    this.position = position
    this.length = length
    this.pointer = pointer
  }

  get isAtEnd(): boolean {
    return this.position >= this.length
  }

  /** Pushes the next value. */
  unpack(): void {
    let isWhole = this.beginContainer()
    while (!isWhole || this.open.length > 0) isWhole = isWhole ? this.store() : this.beginContainer()
  }

  /**
   * Reads one value or the head of a table. Returns true if a whole value is on top of the stack.
   */
  private beginContainer(): boolean {
    const { stack } = this
    this.requireBytes(1)
    reserve(stack, 1, 'too many return values at once; use unpack_one or unpack_limit instead.')
    const first = must(stack.module.bytes[this.pointer + this.position])
    if (first < 0x80) return this.pushNumber(1, first)
    if (first >= 0xe0) return this.pushNumber(1, first - 0x100)
    if (first < 0x90) return this.enterMap(1, first & 0x0f)
    if (first < 0xa0) return this.enterArray(1, first & 0x0f)
    if (first < 0xc0) return this.pushBytes(1, first & 0x1f)
    return this.beginLong(first)
  }

  /** Reads a value whose first byte holds only its type. */
  private beginLong(first: number): boolean {
    switch (first) {
      case 0xc0:
        return this.pushWord(null)
      case 0xc2:
        return this.pushWord(false)
      case 0xc3:
        return this.pushWord(true)
      case 0xca:
      case 0xcb:
        return this.pushFloat(first === 0xca ? 4 : 8)
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.pushUnsigned(1 << (first - 0xcc))
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.pushSigned(1 << (first - 0xd0))
      case 0xcf:
      case 0xd3:
        // Unsigned integers are signed, too, where Lua's integers have 64 bits.
        return this.pushLong()
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.pushBytes(1 + (1 << (first - 0xd9)), this.lengthOf(1 << (first - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.enterArray(first === 0xdc ? 3 : 5, this.lengthOf(first === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return this.enterMap(first === 0xde ? 3 : 5, this.lengthOf(first === 0xde ? 2 : 4))
      default:
        return raiseAt(this.stack, 'Bad data format in input.')
    }
  }

  /**
   * Puts the value on top into the innermost open table. Returns true if that table is whole now.
   */
  private store(): boolean {
    const { stack, open } = this
    const innermost = must(open.at(-1))
    innermost.left--
    const isKey = !innermost.isArray && innermost.left % 2 === 1
    if (!isKey) stack.api.lua_rawset(stack.state, -3)
    if (innermost.left > 0) {
      if (innermost.isArray) stack.push(innermost.position++)
      return false
    }
    open.pop()
    return true
  }

  private enterArray(headBytes: number, length: number): boolean {
    const { stack } = this
    this.position += headBytes
    stack.pushTable()
    reserve(stack, 1, 'in function mp_decode_to_lua_array')
    if (length === 0) return true
    stack.push(1)
    this.open.push({ isArray: true, left: length, position: 2 })
    return false
  }

  private enterMap(headBytes: number, entries: number): boolean {
    this.position += headBytes
    this.stack.pushTable()
    if (entries === 0) return true
    this.open.push({ isArray: false, left: 2 * entries, position: 0 })
    return false
  }

  private pushNumber(size: number, value: number): boolean {
    this.stack.push(value)
    this.position += size
    return true
  }

  private pushWord(value: boolean | null): boolean {
    this.stack.push(value)
    this.position++
    return true
  }

  private pushUnsigned(size: number): boolean {
    return this.pushNumber(1 + size, this.lengthOf(size))
  }

  private pushSigned(size: number): boolean {
    this.requireBytes(1 + size)
    return this.pushNumber(1 + size, this.stack.module.bytes.readIntBE(this.at, size))
  }

  private pushLong(): boolean {
    this.requireBytes(9)
    return this.pushNumber(9, Number(this.stack.module.bytes.readBigInt64BE(this.at)))
  }

  private pushFloat(size: number): boolean {
    this.requireBytes(1 + size)
    const { bytes } = this.stack.module
    return this.pushNumber(1 + size, size === 4 ? bytes.readFloatBE(this.at) : bytes.readDoubleBE(this.at))
  }

  private pushBytes(headBytes: number, length: number): boolean {
    const { stack } = this
    this.requireBytes(headBytes + length)
    stack.api.lua_pushlstring(stack.state, this.pointer + this.position + headBytes, length)
    this.position += headBytes + length
    return true
  }

  /** Reads the unsigned integer of `size` bytes after the first byte. */
  private lengthOf(size: number): number {
    this.requireBytes(1 + size)
    return this.stack.module.bytes.readUIntBE(this.at, size)
  }

  /** Address of the bytes after the first byte. */
  private get at(): number {
    return this.pointer + this.position + 1
  }

  private requireBytes(count: number): void {
    if (this.length - this.position < count) raiseAt(this.stack, 'Missing bytes in input.')
  }
}
