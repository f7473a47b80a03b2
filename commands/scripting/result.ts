/**
 * Converts the return value of a script to a reply by the rules of Redis's documentation, "Lua API
 * reference".
 *
 *   new ScriptResult(stack, resp) -> convertMore() -> convertMore() ... -> reply
 *
 * Each call of `convertMore` converts a limited number of values, so the conversion of a large
 * table can be suspended and killed like the script. The open tables are in a list here and also on
 * Lua's stack, the innermost on top.
 *
 * A few tables that contain one another several times expand to a reply of exponential size. A
 * reply is therefore limited to the size of Lua's memory: each value counts VALUE_BYTES plus its
 * own bytes. Tables that do not share their contents stay far below that limit.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { LuaStack } from '../../lua/stack.ts'
import { BigNumber, Double, ErrorReply, MapReply, type Reply, SetReply, SimpleString, Verbatim } from '../contract/reply.ts'
import { fitsInt64 } from './lua-values.ts'

/** Maximum nesting of tables. */
const MAX_DEPTH = 1000
/** Values that one call of `convertMore` converts. */
const VALUES_PER_CALL = 2000
/** Counted for each value in addition to its bytes: about its cost in a reply. */
const VALUE_BYTES = 32
/**
 * V8 reserves room for this many elements in an array that grows from empty. A shorter list is
 * copied to drop the unused room.
 */
const GROWN_LENGTH = 17
/** Room on Lua's stack for a key, its value, a copy and a name. */
const STACK_PER_TABLE = 6
const MIN_INT64 = -(2n ** 63n)

export const REPLY_TOO_LARGE = 'ERR the reply of the script exceeds lua-memory-limit'

/** Thrown by `convertMore` when the reply exceeds the limit. */
export class ReplyTooLarge extends Error {}

type TableKind = 'list' | 'map' | 'set'

/** A table that is being converted. */
interface OpenTable {
  readonly kind: TableKind
  readonly replies: Reply[]
  /** In a map: the key is converted, but the value on top of the stack is not. */
  hasKey: boolean
}

/** Converts the return value of a script to a reply, in limited steps. */
export class ScriptResult {
  /** Valid once `convertMore` has returned true. */
  reply: Reply = null
  private readonly stack: LuaStack
  private readonly resp: 2 | 3
  private readonly tables: OpenTable[] = []
  private bytesLeft: number
  private hasBegun = false

  /**
   * Converts the value on top of the stack. `resp` is the protocol that the script has selected.
   */
  constructor(stack: LuaStack, resp: 2 | 3) {
    this.stack = stack
    this.resp = resp
    this.bytesLeft = stack.module.limitBytes
  }

  /** Continues the conversion. Returns true if the reply is complete. Throws ReplyTooLarge. */
  convertMore(): boolean {
    if (!this.hasBegun) {
      this.hasBegun = true
      this.takeTop()
    }
    for (let count = 0; this.tables.length > 0; count++) {
      if (count === VALUES_PER_CALL) return false
      this.takeNext(must(this.tables.at(-1)))
    }
    return true
  }

  /** Starts the next value of the innermost table, or ends the table. */
  private takeNext(table: OpenTable): void {
    const { stack } = this
    if (table.hasKey) {
      table.hasKey = false
      this.takeTop()
      return
    }
    if (table.kind === 'list') {
      stack.rawGetAt(-1, table.replies.length + 1)
      if (stack.isNil(-1)) this.endTable(table, 2)
      else this.takeTop()
      return
    }
    if (!stack.next(-2)) {
      this.endTable(table, 1)
      return
    }
    if (table.kind === 'map') {
      table.hasKey = true
      stack.pushCopy(-2)
    } else {
      stack.pop() // a set ignores the value
      stack.pushCopy(-1)
    }
    this.takeTop()
  }

  /** Ends a table. Pops `values` values from the stack, including the table. */
  private endTable({ kind, replies: grown }: OpenTable, values: number): void {
    this.stack.pop(values)
    this.tables.pop()
    const replies = grown.length < GROWN_LENGTH ? grown.slice() : grown
    this.add(kind === 'list' ? replies : kind === 'map' ? new MapReply(replies) : new SetReply(replies))
  }

  private add(reply: Reply): void {
    const table = this.tables.at(-1)
    if (table === undefined) this.reply = reply
    else table.replies.push(reply)
  }

  /** Converts and pops the value on top of the stack, or opens it if it is a table. */
  private takeTop(): void {
    const { stack } = this
    this.spend(VALUE_BYTES)
    if (stack.isTable(-1)) {
      this.takeTable()
      return
    }
    const reply = this.scalar()
    stack.pop()
    this.add(reply)
  }

  private scalar(): Reply {
    const { stack, resp } = this
    switch (stack.typeOf(-1)) {
      case 'string':
        return this.textOfTop()
      case 'number':
        return integerReply(stack.toNumber(-1))
      case 'boolean':
        if (resp === 3) return stack.boolean(-1)
        return stack.boolean(-1) ? 1 : null
      default:
        return null
    }
  }

  private takeTable(): void {
    const { stack, tables } = this
    if (tables.length > MAX_DEPTH || stack.api.lua_checkstack(stack.state, STACK_PER_TABLE) === 0) {
      stack.pop()
      this.add(new ErrorReply('ERR reached lua stack limit'))
      return
    }
    const reply = this.error() ?? this.status() ?? this.double()
    if (reply !== undefined) {
      stack.pop()
      this.add(reply)
    } else if (!this.openField('map') && !this.openField('set')) this.takeListOrText()
  }

  private takeListOrText(): void {
    const reply = this.bigNumber() ?? this.verbatim()
    if (reply === undefined) this.open('list')
    else {
      this.stack.pop()
      this.add(reply)
    }
  }

  /** If a field of the top table holds a table, opens that one in place of the outer table. */
  private openField(kind: 'map' | 'set'): boolean {
    const { stack } = this
    stack.rawGetField(-1, kind)
    if (!stack.isTable(-1)) {
      stack.pop()
      return false
    }
    stack.api.lua_replace(stack.state, -2)
    stack.push(null) // start of the iteration
    this.open(kind)
    return true
  }

  private open(kind: TableKind): void {
    this.tables.push({ kind, replies: [], hasKey: false })
  }

  private error(): Reply | undefined {
    const text = this.textField('err')
    return text === null ? undefined : new ErrorReply(text)
  }

  private status(): Reply | undefined {
    const text = this.textField('ok')
    return text === null ? undefined : new SimpleString(oneLine(text))
  }

  private double(): Reply | undefined {
    const { stack } = this
    stack.rawGetField(-1, 'double')
    const value = stack.isNumber(-1) ? new Double(stack.toNumber(-1)) : undefined
    stack.pop()
    return value
  }

  private bigNumber(): Reply | undefined {
    const digits = this.textField('big_number')
    return digits === null ? undefined : new BigNumber(oneLine(digits))
  }

  private verbatim(): Reply | undefined {
    const { stack } = this
    stack.rawGetField(-1, 'verbatim_string')
    let reply: Reply | undefined
    if (stack.isTable(-1)) {
      const text = this.textField('string')
      const format = this.textField('format')
      if (text !== null && format !== null) reply = new Verbatim(format.slice(0, 3) as 'txt', text)
    }
    stack.pop()
    return reply
  }

  /** Returns the string in a field of the top table; null if it has none. */
  private textField(name: Bytes): Bytes | null {
    const { stack } = this
    stack.rawGetField(-1, name)
    const text = stack.isString(-1) ? this.textOfTop() : null
    stack.pop()
    return text
  }

  /** Returns the string on top of the stack. */
  private textOfTop(): Bytes {
    this.spend(this.stack.length(-1))
    return must(this.stack.string(-1))
  }

  private spend(bytes: number): void {
    this.bytesLeft -= bytes
    if (this.bytesLeft < 0) throw new ReplyTooLarge()
  }
}

const oneLine = (text: Bytes): Bytes => text.replace(/[\r\n]/g, ' ')

/** Converts like C's cast of a double to 64 bits: values out of range become the minimum. */
function integerReply(value: number): number | bigint {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole + 0
  return fitsInt64(whole) ? BigInt(whole) : MIN_INT64
}
