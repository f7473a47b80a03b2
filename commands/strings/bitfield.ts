/**
 * Strings as arrays of integers of any width.
 *
 * Difference from Redis: SET of a very small number with OVERFLOW SAT gives the least value of a
 * signed field, as documented. In Redis a subtraction overflows, and the greatest value results.
 */
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { writeString } from '../../storage/keyspace/string-writes.ts'
import { type StringValue, stringBuffer } from '../../storage/values/string.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { findBitfieldKeys } from '../contract/key-finder.ts'
import type { Reply } from '../contract/reply.ts'
import { int64Of, integerOf, Options, requireInteger } from '../parsing/args.ts'
import { stringOrEmpty } from '../parsing/typed-access.ts'
import { requireBitOffset } from './bitmaps.ts'

type Overflow = 'wrap' | 'sat' | 'fail'

interface Encoding {
  readonly isSigned: boolean
  /** 1 to 63; for a signed field up to 64. */
  readonly bits: number
}

/** An integer in a string: `bits` bits from bit `offset` on. */
interface Field extends Encoding {
  readonly offset: number
}

type FieldOperation = { readonly field: Field } & (
  | { readonly kind: 'get' }
  | { readonly kind: 'set' | 'incrby'; readonly value: bigint; readonly overflow: Overflow }
)

const bitfieldCommand = command({
  name: 'bitfield',
  group: 'bitmap',
  since: '3.2.0',
  summary: 'Performs arbitrary bitfield integer operations on strings.',
  complexity: 'O(1) for each subcommand specified',
  syntax:
    'BITFIELD key [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> [GET encoding offset | [OVERFLOW <WRAP | SAT | FAIL>] <SET encoding offset value | INCRBY encoding offset increment> ...]]',
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: [
    {
      ...firstKey('RW', 'access', 'update', 'variable_flags')[0],
      notes: 'This command allows both access and modification of the key',
    },
  ],
  findKeys: findBitfieldKeys,
  isVerbatim: true,
  run(context, args) {
    const operations = operationsOf(context, args)
    return operations.some((operation) => operation.kind !== 'get')
      ? change(context, args[1], operations)
      : read(context, args[1], operations)
  },
})

const bitfieldReadOnly = command({
  name: 'bitfield_ro',
  group: 'bitmap',
  since: '6.0.0',
  summary: 'Performs arbitrary read-only bitfield integer operations on strings.',
  complexity: 'O(1) for each subcommand specified',
  syntax: 'BITFIELD_RO key [GET encoding offset [GET encoding offset ...]]',
  arity: -2,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  run(context, args) {
    const operations = operationsOf(context, args)
    if (operations.some((operation) => operation.kind !== 'get')) throw clientError('ERR BITFIELD_RO only supports the GET subcommand')
    return read(context, args[1], operations)
  },
})

function operationsOf(context: Context, args: Args): FieldOperation[] {
  const options = new Options(args, 2)
  const operations: FieldOperation[] = []
  let overflow: Overflow = 'wrap'
  while (options.more) {
    if (options.left > 2 && options.take('get')) operations.push({ kind: 'get', field: fieldOf(context, options) })
    else if (options.left > 1 && options.take('overflow')) overflow = overflowOf(options)
    else {
      const kind = options.left > 3 && options.take('set') ? 'set' : options.left > 3 && options.take('incrby') ? 'incrby' : null
      if (kind === null) throw syntaxError()
      operations.push({ kind, field: fieldOf(context, options), value: BigInt(requireInteger(options.value())), overflow })
    }
  }
  return operations
}

function overflowOf(options: Options): Overflow {
  if (options.take('wrap')) return 'wrap'
  if (options.take('sat')) return 'sat'
  if (options.take('fail')) return 'fail'
  throw clientError('ERR Invalid OVERFLOW type specified')
}

/** Reads an encoding and an offset; `#n` is the n-th field of that width. */
function fieldOf(context: Context, options: Options): Field {
  const encoding = encodingOf(options.value())
  const word = options.value()
  const isIndex = word.startsWith('#')
  const offset = isIndex ? requireBitOffset(context, word.slice(1), encoding.bits) : requireBitOffset(context, word)
  return { ...encoding, offset }
}

function encodingOf(word: Bytes): Encoding {
  const isSigned = word.startsWith('i')
  const bits = isSigned || word.startsWith('u') ? integerOf(word.slice(1)) : null
  if (typeof bits !== 'number' || bits < 1 || bits > (isSigned ? 64 : 63)) {
    throw clientError('ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.')
  }
  return { isSigned, bits }
}

function read({ db }: Context, key: Bytes, operations: readonly FieldOperation[]): Reply {
  const value = stringOrEmpty(db.read(key))
  return operations.map(({ field }) => int64Of(numberIn(windowOf(value, field), field)))
}

function change(context: Context, key: Bytes, operations: readonly FieldOperation[]): Reply {
  const { db } = context
  let entry = db.find(key)
  // The string grows to the last byte that may be written, even if all writes fail or change
  // nothing.
  const length = operations.reduce((longest, { kind, field }) => (kind === 'get' ? longest : Math.max(longest, endOf(field))), 0)
  const grows = stringOrEmpty(entry).length < length
  let changed = 0
  const replies: Reply[] = []
  for (const operation of operations) {
    const { field } = operation
    const window = windowOf(stringOrEmpty(entry), field)
    const before = numberIn(window, field)
    if (operation.kind === 'get') {
      replies.push(int64Of(before))
      continue
    }
    const after = valueAfter(operation, before)
    replies.push(after === null ? null : int64Of(operation.kind === 'set' ? before : after))
    if (after === null) continue
    // A write of the present value is no change: it is neither logged nor counted.
    if (after !== before) entry = writeString(db, key, entry, startOf(field), windowWith(window, field, after))
    if (grows || after !== before) changed++
  }
  if (stringOrEmpty(entry).length < length) entry = writeString(db, key, entry, length, Buffer.alloc(0))
  if (entry !== undefined) entry.isModifiedInPlace = true
  if (changed > 0) context.notify(EVENT_STRING, 'setbit', key)
  context.countChanges(changed)
  return replies
}

/** The value of a field after a write; null if the write fails. */
function valueAfter(operation: Exclude<FieldOperation, { kind: 'get' }>, before: bigint): bigint | null {
  const { field, overflow } = operation
  const { isSigned, bits } = field
  // As in Redis, SET takes a negative value for one above the range of every unsigned field.
  const given = operation.kind === 'set' && !isSigned ? BigInt.asUintN(64, operation.value) : operation.value
  const wanted = operation.kind === 'set' ? given : before + given
  const fitted = isSigned ? BigInt.asIntN(bits, wanted) : BigInt.asUintN(bits, wanted)
  if (fitted === wanted || overflow === 'wrap') return fitted
  if (overflow === 'fail') return null
  const [min, max] = isSigned ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n] : [0n, (1n << BigInt(bits)) - 1n]
  return wanted < min ? min : max
}

const startOf = (field: Field) => Math.floor(field.offset / 8)
const endOf = (field: Field) => Math.ceil((field.offset + field.bits) / 8)

/** The longest integer that Node's Buffer reads and writes, in bytes. */
const SMALL_WINDOW_BYTES = 6

/** The bytes that a field touches, as one number; bytes past the string's end are zero. */
function windowOf(value: StringValue, field: Field): bigint {
  const start = startOf(field)
  const end = endOf(field)
  if (start >= value.length) return 0n
  const bytes = stringBuffer(value, start, Math.min(end, value.length))
  const number = bytes.length <= SMALL_WINDOW_BYTES ? BigInt(bytes.readUIntBE(0, bytes.length)) : BigInt(`0x${bytes.toString('hex')}`)
  return number << BigInt((end - start - bytes.length) * 8)
}

/** The number of bits between a field and the end of its last byte. */
function shiftOf(field: Field): bigint {
  return BigInt(endOf(field) * 8 - field.offset - field.bits)
}

function numberIn(window: bigint, field: Field): bigint {
  const shifted = window >> shiftOf(field)
  return field.isSigned ? BigInt.asIntN(field.bits, shifted) : BigInt.asUintN(field.bits, shifted)
}

/** The bytes of a window after replacing the value of its field. */
function windowWith(window: bigint, field: Field, value: bigint): Buffer {
  const shift = shiftOf(field)
  const changed = window ^ (BigInt.asUintN(field.bits, (window >> shift) ^ value) << shift)
  const length = endOf(field) - startOf(field)
  if (length > SMALL_WINDOW_BYTES) return Buffer.from(changed.toString(16).padStart(length * 2, '0'), 'hex')
  const bytes = Buffer.allocUnsafe(length)
  bytes.writeUIntBE(Number(changed), 0, length)
  return bytes
}

export const bitfields: readonly Command[] = [bitfieldCommand, bitfieldReadOnly]
