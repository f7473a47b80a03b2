/** Replies of commands as Lua's values, and Lua's values as replies. The rules are those of Redis's documentation, "Lua API reference". */
import type { LuaStack } from '../../lua/stack.ts'
import type { Bytes } from '../../storage/bytes.ts'
import { formatDouble } from '../format-double.ts'
import {
  Attributes,
  BigNumber,
  BulkChunks,
  Double,
  ErrorReply,
  MapReply,
  Message,
  NoReply,
  NullArray,
  Push,
  type Reply,
  Sequence,
  SetReply,
  SimpleString,
  Verbatim,
  WrittenDouble,
} from '../reply.ts'

/** Tables inside of each other, of either direction. */
const MOST_NESTED = 1000
const MIN_INT64 = -(2n ** 63n)
const INT64_LIMIT = 2 ** 63

/** Pushes a reply as a value of Lua; what there is only in RESP3 comes as such when the script has asked for that. */
export function pushReply(stack: LuaStack, reply: Reply, resp: 2 | 3): void {
  if (typeof reply === 'string') stack.pushString(reply)
  else if (typeof reply === 'number') stack.push(reply)
  else if (reply === null || reply instanceof NullArray) stack.push(resp === 3 ? null : false)
  else if (reply instanceof SimpleString) pushField(stack, 'ok', reply.text)
  else if (Array.isArray(reply)) pushList(stack, reply, resp)
  else pushRare(stack, reply as Exclude<Reply, Bytes | number | null | readonly Reply[]>, resp)
}

function pushRare(stack: LuaStack, reply: Exclude<Reply, Bytes | number | null | readonly Reply[]>, resp: 2 | 3): void {
  if (reply instanceof ErrorReply) pushError(stack, reply.text)
  else if (typeof reply === 'bigint') stack.push(Number(reply))
  else if (typeof reply === 'boolean') stack.push(resp === 3 ? reply : Number(reply))
  else if (reply instanceof Double) pushDouble(stack, reply.value, formatDouble(reply.value), resp)
  else if (reply instanceof WrittenDouble) pushDouble(stack, Number(reply.digits), reply.digits, resp)
  else if (reply instanceof MapReply) pushMap(stack, reply.flat, resp)
  else if (reply instanceof SetReply) pushSet(stack, reply.members, resp)
  else if (reply instanceof Push || reply instanceof Message) pushList(stack, reply.items, resp)
  else if (reply instanceof Sequence) pushSequence(stack, reply, resp)
  else if (reply instanceof Verbatim) pushVerbatim(stack, reply, resp)
  else if (reply instanceof BigNumber) resp === 3 ? pushField(stack, 'big_number', reply.digits) : stack.pushString(reply.digits)
  else if (reply instanceof BulkChunks) stack.pushString(Buffer.concat(reply.chunks, reply.length).latin1Slice())
  else if (Buffer.isBuffer(reply)) stack.pushString(reply.latin1Slice())
  else if (reply instanceof NoReply || reply instanceof Attributes) stack.push(false)
}

/** What redis.error_reply makes, and what a failed command answers. */
export function pushError(stack: LuaStack, text: Bytes): void {
  stack.pushTable(0, 2)
  stack.pushString(text)
  stack.rawSetField(-2, 'err')
  stack.push(true)
  stack.rawSetField(-2, 'ignore_error_stats_update')
}

/** A table with one field. */
export function pushField(stack: LuaStack, name: Bytes, value: Bytes | number): void {
  stack.pushTable(0, 1)
  stack.push(value)
  stack.rawSetField(-2, name)
}

function pushList(stack: LuaStack, replies: readonly Reply[], resp: 2 | 3): void {
  stack.reserve(4)
  stack.pushTable(replies.length)
  for (let i = 0; i < replies.length; i++) {
    pushReply(stack, replies[i] as Reply, resp)
    stack.rawSetAt(-2, i + 1)
  }
}

/** Attributes are not shown to scripts: what they are said of is. */
function pushSequence(stack: LuaStack, { parts }: Sequence, resp: 2 | 3): void {
  const shown = parts.filter((part) => !(part instanceof Attributes))
  if (shown.length === 1) pushReply(stack, shown[0] as Reply, resp)
  else pushList(stack, shown, resp)
}

function pushDouble(stack: LuaStack, value: number, digits: Bytes, resp: 2 | 3): void {
  if (resp === 3) pushField(stack, 'double', value)
  else stack.pushString(digits)
}

function pushMap(stack: LuaStack, flat: readonly Reply[], resp: 2 | 3): void {
  if (resp === 2) {
    pushList(stack, flat, resp)
    return
  }
  stack.reserve(6)
  stack.pushTable(0, 1)
  stack.pushTable(0, flat.length / 2)
  for (let i = 0; i < flat.length; i += 2) {
    pushReply(stack, flat[i] as Reply, resp)
    pushReply(stack, flat[i + 1] as Reply, resp)
    stack.api.lua_rawset(stack.state, -3)
  }
  stack.rawSetField(-2, 'map')
}

function pushSet(stack: LuaStack, members: readonly Reply[], resp: 2 | 3): void {
  if (resp === 2) {
    pushList(stack, members, resp)
    return
  }
  stack.reserve(6)
  stack.pushTable(0, 1)
  stack.pushTable(0, members.length)
  for (const member of members) {
    pushReply(stack, member, resp)
    stack.push(true)
    stack.api.lua_rawset(stack.state, -3)
  }
  stack.rawSetField(-2, 'set')
}

function pushVerbatim(stack: LuaStack, { format, text }: Verbatim, resp: 2 | 3): void {
  if (resp === 2) {
    stack.pushString(text)
    return
  }
  stack.pushTable(0, 1)
  stack.pushTable(0, 2)
  stack.pushString(text)
  stack.rawSetField(-2, 'string')
  stack.pushString(format)
  stack.rawSetField(-2, 'format')
  stack.rawSetField(-2, 'verbatim_string')
}

/** Pushes words as a list. */
export function pushWords(stack: LuaStack, words: readonly Bytes[], from: number, to: number): void {
  stack.pushTable(to - from)
  for (let i = from; i < to; i++) {
    stack.pushString(words[i] as Bytes)
    stack.rawSetAt(-2, i - from + 1)
  }
}

/** The value on top of the stack, which is taken, as a reply. `resp` is what the script has asked for. */
export function takeReply(stack: LuaStack, resp: 2 | 3, depth = 0): Reply {
  const reply = replyOf(stack, resp, depth)
  stack.pop()
  return reply
}

function replyOf(stack: LuaStack, resp: 2 | 3, depth: number): Reply {
  switch (stack.typeOf(-1)) {
    case 'string':
      return stack.string(-1)
    case 'number':
      return integerReply(stack.number(-1))
    case 'boolean':
      if (resp === 3) return stack.boolean(-1)
      return stack.boolean(-1) ? 1 : null
    case 'table':
      return tableReply(stack, resp, depth)
    default:
      return null
  }
}

/** As C casts a double to 64 bits: what does not fit becomes the least number. */
function integerReply(value: number): number | bigint {
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole + 0
  return whole >= -INT64_LIMIT && whole < INT64_LIMIT ? BigInt(whole) : MIN_INT64
}

function tableReply(stack: LuaStack, resp: 2 | 3, depth: number): Reply {
  if (depth > MOST_NESTED || stack.api.lua_checkstack(stack.state, 6) === 0) return new ErrorReply('ERR reached lua stack limit')
  for (const read of [readError, readStatus, readDouble, readMap, readSet, readBigNumber, readVerbatim]) {
    const reply = read(stack, resp, depth)
    if (reply !== undefined) return reply
  }
  const replies: Reply[] = []
  for (let i = 1; ; i++) {
    stack.rawGetAt(-1, i)
    if (stack.isNil(-1)) break
    replies.push(takeReply(stack, resp, depth + 1))
  }
  stack.pop()
  return replies
}

/** The text in a field of the table on top; null where it has none. */
function textField(stack: LuaStack, name: Bytes): Bytes | null {
  stack.rawGetField(-1, name)
  const text = stack.isString(-1) ? stack.string(-1) : null
  stack.pop()
  return text
}

const oneLine = (text: Bytes): Bytes => text.replace(/[\r\n]/g, ' ')

function readError(stack: LuaStack): Reply | undefined {
  const text = textField(stack, 'err')
  return text === null ? undefined : new ErrorReply(text)
}

function readStatus(stack: LuaStack): Reply | undefined {
  const text = textField(stack, 'ok')
  return text === null ? undefined : new SimpleString(oneLine(text))
}

function readDouble(stack: LuaStack): Reply | undefined {
  stack.rawGetField(-1, 'double')
  const value = stack.isNumber(-1) ? new Double(stack.number(-1)) : undefined
  stack.pop()
  return value
}

function readBigNumber(stack: LuaStack): Reply | undefined {
  const digits = textField(stack, 'big_number')
  return digits === null ? undefined : new BigNumber(oneLine(digits))
}

function readMap(stack: LuaStack, resp: 2 | 3, depth: number): Reply | undefined {
  const flat = entriesOf(stack, 'map', (entries) => {
    stack.pushCopy(-2)
    entries.push(takeReply(stack, resp, depth + 1))
    entries.push(takeReply(stack, resp, depth + 1))
  })
  return flat === null ? undefined : new MapReply(flat)
}

function readSet(stack: LuaStack, resp: 2 | 3, depth: number): Reply | undefined {
  const members = entriesOf(stack, 'set', (entries) => {
    stack.pop()
    stack.pushCopy(-1)
    entries.push(takeReply(stack, resp, depth + 1))
  })
  return members === null ? undefined : new SetReply(members)
}

/** Goes through the table in a field of the table on top; `take` finds key and value on top and leaves the key. */
function entriesOf(stack: LuaStack, name: Bytes, take: (entries: Reply[]) => void): Reply[] | null {
  stack.rawGetField(-1, name)
  if (!stack.isTable(-1)) {
    stack.pop()
    return null
  }
  const entries: Reply[] = []
  stack.push(null)
  while (stack.next(-2)) take(entries)
  stack.pop()
  return entries
}

function readVerbatim(stack: LuaStack): Reply | undefined {
  stack.rawGetField(-1, 'verbatim_string')
  let reply: Reply | undefined
  if (stack.isTable(-1)) {
    const text = textField(stack, 'string')
    const format = textField(stack, 'format')
    if (text !== null && format !== null) reply = new Verbatim(format.slice(0, 3) as 'txt', text)
  }
  stack.pop()
  return reply
}

/**
 * An argument of redis.call: a string, or a number as Redis 7.2 prints it. Null for other types.
 *
 * Whole numbers that fit in 64 bits have all their digits, so that INCRBY and the like take them. Redis
 * writes those beyond 2^62 with an exponent where that is shorter.
 */
export function argumentAt(stack: LuaStack, index: number): Bytes | null {
  if (stack.isString(index)) return stack.string(index)
  if (!stack.isNumber(index)) return null
  const value = stack.number(index)
  if (Number.isSafeInteger(value)) return String(value) // "0" for -0, too
  if (Number.isNaN(value)) return nanText(stack, index)
  return isWholeInt64(value) ? BigInt(value).toString() : formatDouble(value)
}

const isWholeInt64 = (value: number): boolean => Number.isInteger(value) && value >= -INT64_LIMIT && value < INT64_LIMIT

/** `nan` or `-nan`: JavaScript cannot see the sign, Lua prints it. */
function nanText(stack: LuaStack, index: number): Bytes | null {
  stack.pushCopy(index)
  const text = stack.string(-1)
  stack.pop()
  return text
}
