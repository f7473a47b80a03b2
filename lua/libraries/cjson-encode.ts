/**
 * cjson.encode. A table whose keys are all positive integers is an array; every other table is an
 * object, and so is an empty one. Open tables are kept in a list, without recursion: no nesting
 * comes near the end of JavaScript's stack.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { LUA_BOOLEAN, LUA_LIGHT_USERDATA, LUA_NIL, LUA_NUMBER, LUA_STRING, LUA_TABLE } from '../api.ts'
import type { LuaStack } from '../stack.ts'
import { argumentError, raiseAt, typeName } from './arguments.ts'
import { setting } from './cjson-settings.ts'
import { generalFormat } from './number-text.ts'
import { Output } from './output.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a

const MAX_INT = 2 ** 31 - 1
/** The result of C's cast of a double that does not fit in an `int`. */
const NO_INT = -(2 ** 31)

const SHORT_ESCAPES: Readonly<Record<string, Bytes>> = {
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '/': '\\/',
  '\\': '\\\\',
}

/** The escape of each byte in a JSON string; undefined for a byte that is written as it is. */
const ESCAPES: ReadonlyArray<Bytes | undefined> = Array.from({ length: 256 }, (_, code) => escapeOf(code))

function escapeOf(code: number): Bytes | undefined {
  const short = SHORT_ESCAPES[String.fromCharCode(code)]
  if (short !== undefined) return short
  return code < 0x20 || code === 0x7f ? `\\u${code.toString(16).padStart(4, '0')}` : undefined
}

/** cjson.encode(value) */
export function encode(stack: LuaStack): number {
  if (stack.top !== 1) argumentError(stack, 1, 'expected 1 argument')
  new Encoder(stack).encode()
  return 1
}

class Encoder {
  private readonly stack: LuaStack
  private readonly output: Output
  private readonly precision: number
  private readonly invalidNumbers: number
  private readonly maxDepth: number
  /** One item for each open table: the length of an array, or 0 for an object. */
  private readonly lengths: number[] = []
  /** One item for each open table: the number of elements begun. */
  private readonly counts: number[] = []
  /**
   * One item for each open table: the number of elements that `output` counted when it was
   * measured.
   */
  private readonly measured: number[] = []
  /** The number of elements that the last call of `arrayLength` examined. */
  private elements = 0

  constructor(stack: LuaStack) {
    this.stack = stack
    this.output = new Output(stack)
    this.precision = setting(stack, 'numberPrecision')
    this.invalidNumbers = setting(stack, 'encodeInvalidNumbers')
    this.maxDepth = setting(stack, 'encodeMaxDepth')
  }

  /** Pushes the text of the value on top of the stack. */
  encode(): void {
    this.output.count()
    this.beginContainer()
    while (this.lengths.length > 0) this.goOn()
    this.output.push()
  }

  /** Writes the value on top of the stack and pops it. If it is a table, enters it. */
  private beginContainer(): void {
    const { stack, output } = this
    const type = stack.api.lua_type(stack.state, -1)
    if (type === LUA_TABLE) {
      this.enter()
      return
    }
    if (type === LUA_STRING) this.addString(-1)
    else if (type === LUA_NUMBER) output.writeText(this.numberText(-1))
    else if (type === LUA_BOOLEAN) output.writeText(stack.boolean(-1) ? 'true' : 'false')
    else if (type === LUA_NIL || (type === LUA_LIGHT_USERDATA && stack.api.lua_touserdata(stack.state, -1) === 0)) output.writeText('null')
    else this.cannot(-1, 'type not supported')
    this.endContainer()
  }

  /** Pops a written value. The outermost one stays on the stack. */
  private endContainer(): void {
    if (this.lengths.length > 0) this.stack.pop()
  }

  private enter(): void {
    const { stack, lengths } = this
    const depth = lengths.length + 1
    // Makes room for a key, its value and a message.
    if (depth > this.maxDepth || stack.api.lua_checkstack(stack.state, 3) === 0)
      raiseAt(stack, `Cannot serialise, excessive nesting (${depth})`)
    const length = Math.max(0, this.arrayLength())
    // Positions without a value are written, too.
    if (length > this.elements) this.output.count(length - this.elements)
    lengths.push(length)
    this.counts.push(0)
    this.measured.push(Math.max(length, this.elements))
    this.output.writeText(length > 0 ? '[' : '{')
    if (length === 0) stack.push(null)
  }

  private leaveContainer(closing: Bytes): void {
    this.output.writeText(closing)
    this.lengths.pop()
    this.counts.pop()
    this.measured.pop()
    this.endContainer()
  }

  /** Begins the next element of the innermost table, or ends the table. */
  private goOn(): void {
    const { stack, lengths, counts } = this
    const innermost = lengths.length - 1
    const length = must(lengths[innermost])
    const count = must(counts[innermost])
    if (length > 0 ? count === length : !stack.next(-2)) {
      this.leaveContainer(length > 0 ? ']' : '}')
      return
    }
    counts[innermost] = count + 1
    if (count >= must(this.measured[innermost])) this.output.count()
    if (count > 0) this.output.byte(COMMA)
    if (length > 0) stack.rawGetAt(-1, count + 1)
    else this.addKey()
    this.beginContainer()
  }

  /** Writes the key below the top, and a colon. */
  private addKey(): void {
    const type = this.stack.api.lua_type(this.stack.state, -2)
    if (type === LUA_STRING) this.addString(-2)
    else if (type === LUA_NUMBER) this.output.writeText(`"${this.numberText(-2)}"`)
    else this.cannot(-2, 'table key must be a number or string')
    this.output.byte(COLON)
  }

  private addString(index: number): void {
    const { stack, output } = this
    let from = stack.api.lua_tolstring(stack.state, index, 0)
    const end = from + stack.length(index)
    const { bytes } = stack.module
    output.byte(QUOTE)
    for (let i = from; i < end; i++) {
      const escaped = ESCAPES[bytes[i] as number] // hot: each byte
      if (escaped === undefined) continue
      if (i > from) output.copy(from, i)
      output.writeText(escaped)
      from = i + 1
    }
    output.copy(from, end)
    output.byte(QUOTE)
  }

  private numberText(index: number): Bytes {
    const value = this.stack.toNumber(index)
    if (!Number.isFinite(value)) {
      if (this.invalidNumbers === 0) this.cannot(index, 'must not be NaN or Inf')
      if (this.invalidNumbers === 2) return 'null'
    }
    return generalFormat(value, this.precision)
  }

  /**
   * Returns the greatest key of the table on top if all keys are positive integers, else -1.
   * Returns 0 for an empty table. Computes as C does with `int`.
   */
  private arrayLength(): number {
    const { stack } = this
    let greatest = 0
    this.elements = 0
    stack.push(null)
    while (stack.next(-2)) {
      const key = stack.api.lua_type(stack.state, -2) === LUA_NUMBER ? stack.toNumber(-2) : 0
      if (!(key >= 1 && (Number.isInteger(key) || key === Infinity))) {
        stack.pop(2)
        return -1
      }
      if (key > greatest) greatest = key > MAX_INT ? NO_INT : key
      this.elements++
      this.output.count()
      stack.pop()
    }
    return this.isSparse(greatest, this.elements) ? this.sparseLength() : greatest
  }

  private isSparse(greatest: number, elements: number): boolean {
    const ratio = setting(this.stack, 'sparseRatio')
    return ratio > 0 && greatest > Math.imul(elements, ratio) && greatest > setting(this.stack, 'sparseSafe')
  }

  private sparseLength(): number {
    if (setting(this.stack, 'sparseConvert') === 0) this.cannot(-1, 'excessively sparse array')
    return -1
  }

  private cannot(index: number, reason: Bytes): never {
    return raiseAt(this.stack, `Cannot serialise ${typeName(this.stack, index)}: ${reason}`)
  }
}
