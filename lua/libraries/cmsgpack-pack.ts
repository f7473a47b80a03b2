/**
 * cmsgpack.pack: each value in the shortest form of MessagePack, and a double without a fraction as
 * an integer. Tables with the keys 1 to n are arrays, and so is an empty one. Tables inside of
 * sixteen others become nil, and so do values that have no form.
 */
import { LUA_BOOLEAN, LUA_NUMBER, LUA_STRING, LUA_TABLE } from '../api.ts'
import type { LuaStack } from '../stack.ts'
import { argumentError, reserve } from './arguments.ts'
import { Output } from './output.ts'

const MAX_DEPTH = 16

/** cmsgpack.pack(value, ...): the values one after another. */
export function pack(stack: LuaStack): number {
  const { top } = stack
  if (top === 0) argumentError(stack, 0, 'MessagePack pack needs input.')
  if (stack.api.lua_checkstack(stack.state, top) === 0) argumentError(stack, 0, 'Too many arguments for MessagePack pack.')
  const packer = new Packer(stack)
  for (let position = 1; position <= top; position++) {
    reserve(stack, 1, 'in function mp_check')
    stack.pushCopy(position)
    packer.output.count()
    packer.packTop(0)
  }
  packer.output.push()
  return 1
}

class Packer {
  readonly output: Output
  private readonly stack: LuaStack

  constructor(stack: LuaStack) {
    this.stack = stack
    this.output = new Output(stack)
  }

  /** Packs and pops the value on top of the stack, which lies inside of `depth` tables. */
  packTop(depth: number): void {
    const { stack, output } = this
    const type = stack.api.lua_type(stack.state, -1)
    if (type === LUA_STRING) this.packString()
    else if (type === LUA_NUMBER) this.packNumber(stack.toNumber(-1))
    else if (type === LUA_BOOLEAN) output.byte(stack.boolean(-1) ? 0xc3 : 0xc2)
    else if (type === LUA_TABLE && depth < MAX_DEPTH) this.packTable(depth)
    else output.byte(0xc0)
    stack.pop()
  }

  private packString(): void {
    const { stack, output } = this
    const length = stack.length(-1)
    const pointer = stack.api.lua_tolstring(stack.state, -1, 0)
    if (length < 32) output.byte(0xa0 | length)
    else if (length <= 0xff) this.writeSized(0xd9, length, 1)
    else this.lengthHead(0xda, length)
    output.copy(pointer, pointer + length)
  }

  private packTable(depth: number): void {
    const { stack, output } = this
    const { entries, isArray } = this.measure()
    if (isArray) {
      if (entries <= 15) output.byte(0x90 | entries)
      else this.lengthHead(0xdc, entries)
      reserve(stack, 1, 'in function mp_encode_lua_table_as_array')
      for (let position = 1; position <= entries; position++) {
        stack.rawGetAt(-1, position)
        this.packTop(depth + 1)
      }
      return
    }
    if (entries <= 15) output.byte(0x80 | entries)
    else this.lengthHead(0xde, entries)
    output.count(entries) // the keys
    reserve(stack, 3, 'in function mp_encode_lua_table_as_map')
    stack.push(null)
    while (stack.next(-2)) {
      stack.pushCopy(-2)
      this.packTop(depth + 1)
      this.packTop(depth + 1)
    }
  }

  /** Counts the entries of the table on top. It is an array if its keys are 1 to that number. */
  private measure(): { readonly entries: number; readonly isArray: boolean } {
    const { stack } = this
    let entries = 0
    let greatest = 0
    let isArray = true
    reserve(stack, 2, 'in function table_is_an_array')
    stack.push(null)
    while (stack.next(-2)) {
      stack.pop()
      entries++
      this.output.count()
      if (!isArray) continue
      const key = stack.api.lua_type(stack.state, -1) === LUA_NUMBER ? stack.toNumber(-1) : 0
      isArray = key > 0 && key === (key | 0)
      greatest = Math.max(greatest, key)
    }
    return { entries, isArray: isArray && greatest === entries }
  }

  private packNumber(value: number): void {
    const isInteger = Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 63
    if (!isInteger) this.packDouble(value)
    else if (value >= 0) this.packPositive(value)
    else this.packNegative(value)
  }

  private packPositive(value: number): void {
    if (value <= 0x7f) this.output.byte(value)
    else if (value <= 0xff) this.writeSized(0xcc, value, 1)
    else if (value <= 0xffff) this.writeSized(0xcd, value, 2)
    else if (value <= 0xffffffff) this.writeSized(0xce, value, 4)
    else this.writeSized(0xcf, value, 8)
  }

  private packNegative(value: number): void {
    if (value >= -32) this.output.byte(value & 0xff)
    else if (value >= -0x80) this.writeSized(0xd0, value, 1)
    else if (value >= -0x8000) this.writeSized(0xd1, value, 2)
    else if (value >= -0x80000000) this.writeSized(0xd2, value, 4)
    else this.writeSized(0xd3, value, 8)
  }

  /** Writes a float if it holds the value exactly, else a double. */
  private packDouble(value: number): void {
    const isFloat = Math.fround(value) === value
    this.output.byte(isFloat ? 0xca : 0xcb)
    this.output.place(isFloat ? 4 : 8, (bytes, at) => (isFloat ? bytes.writeFloatBE(value, at) : bytes.writeDoubleBE(value, at)))
  }

  /**
   * Writes a length: two bytes after the byte `first`, or four bytes after the byte `first + 1`.
   */
  private lengthHead(first: number, length: number): void {
    if (length <= 0xffff) this.writeSized(first, length, 2)
    else this.writeSized(first + 1, length, 4)
  }

  /** Writes a first byte and an integer of `size` bytes in two's complement. */
  private writeSized(first: number, value: number, size: number): void {
    const { output } = this
    output.byte(first)
    if (size === 8) this.word(Math.floor(value / 2 ** 32))
    if (size >= 4) this.word(value)
    if (size === 2) output.byte((value >> 8) & 0xff)
    if (size <= 2) output.byte(value & 0xff)
  }

  private word(value: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) this.output.byte((value >>> shift) & 0xff)
  }
}
