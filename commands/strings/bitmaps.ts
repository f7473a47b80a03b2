/** Strings as arrays of bits. Bit 0 is the highest bit of the first byte. */
import type { Bytes } from '../../base/bytes.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { writeString } from '../../storage/keyspace/string-writes.ts'
import { countOnes, firstBit } from '../../storage/values/bits.ts'
import { type StringValue, stringByteAt, stringPieces } from '../../storage/values/string.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { integerOf, isToken, requireClampedInteger } from '../parsing/args.ts'
import { requireString, stringOrEmpty } from '../parsing/typed-access.ts'
import { bitop } from './bitop.ts'
import { clampedRange, rangeWithin } from './ranges.ts'

const invalidOffset = () => clientError('ERR bit offset is not an integer or out of range')
const invalidBit = () => clientError('ERR bit is not an integer or out of range')

/**
 * Reads a bit offset in units of `unitBits`. Throws if it is invalid or beyond proto-max-bulk-len.
 */
export function requireBitOffset({ keyspace, server }: Context, word: Bytes, unitBits = 1): number {
  const value = integerOf(word)
  if (typeof value !== 'number' || value < 0) throw invalidOffset()
  const offset = value * unitBits
  const limitBytes = keyspace.expiryMode === 'ignore' ? Number.MAX_SAFE_INTEGER : server.config.number('proto-max-bulk-len')
  if (Math.floor(offset / 8) >= limitBytes) throw invalidOffset()
  return offset
}

function bitAt(value: StringValue, offset: number): 0 | 1 {
  return ((stringByteAt(value, Math.floor(offset / 8)) >> (7 - (offset % 8))) & 1) as 0 | 1
}

const oneByte = Buffer.allocUnsafeSlow(1)

const setbit = command({
  name: 'setbit',
  group: 'bitmap',
  since: '2.2.0',
  summary: "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
  complexity: 'O(1)',
  syntax: 'SETBIT key offset value',
  arity: 4,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW', 'access', 'update'),
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    const [, key, , word] = args
    const offset = requireBitOffset(context, args[2])
    if (word !== '0' && word !== '1') throw invalidBit()
    const bit = word === '1' ? 1 : 0
    const entry = db.find(key)
    const value = stringOrEmpty(entry)
    const before = bitAt(value, offset)
    const position = Math.floor(offset / 8)
    if (before === bit && position < value.length) return before
    const mask = 1 << (7 - (offset % 8))
    oneByte[0] = (stringByteAt(value, position) & ~mask) | (bit === 1 ? mask : 0)
    writeString(db, key, entry, position, oneByte).isModifiedInPlace = true
    context.notify(EVENT_STRING, 'setbit', key)
    return before
  },
})

const getbit = command({
  name: 'getbit',
  group: 'bitmap',
  since: '2.2.0',
  summary: 'Returns a bit value by offset.',
  complexity: 'O(1)',
  syntax: 'GETBIT key offset',
  arity: 3,
  flags: ['readonly', 'fast'],
  keys: firstKey('RO', 'access'),
  run(context, args) {
    const offset = requireBitOffset(context, args[2])
    return bitAt(stringOrEmpty(context.db.read(args[1])), offset)
  },
})

type RangeUnit = 'byte' | 'bit'

function requireUnit(word: Bytes | undefined): RangeUnit {
  if (word === undefined || isToken(word, 'byte')) return 'byte'
  if (isToken(word, 'bit')) return 'bit'
  throw syntaxError()
}

const bitcount = command({
  name: 'bitcount',
  group: 'bitmap',
  since: '2.6.0',
  summary: 'Counts the number of set bits (population counting) in a string.',
  complexity: 'O(N)',
  syntax: 'BITCOUNT key [start end [BYTE | BIT]]',
  arity: -2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
  run({ db }, args) {
    const entry = db.read(args[1])
    if (entry === undefined) return 0
    const value = requireString(entry)
    if (args.length === 3 || args.length > 5) throw syntaxError()
    const isWhole = args.length === 2
    const first = isWhole ? 0 : requireClampedInteger(args[2])
    const last = isWhole ? -1 : requireClampedInteger(args[3])
    const unitBits = requireUnit(args[4]) === 'bit' ? 1 : 8
    const range = rangeWithin(first, last, (value.length * 8) / unitBits)
    return range === null ? 0 : countBits(value, range.start * unitBits, range.end * unitBits)
  },
})

/**
 * The number of ones from one bit to before another. REQUIRES: at least one bit lies between them.
 */
function countBits(value: StringValue, from: number, before: number): number {
  const start = Math.floor(from / 8)
  const end = Math.ceil(before / 8)
  let count = 0
  for (const piece of stringPieces(value, start, end)) count += countOnes(piece)
  for (let bit = start * 8; bit < from; bit++) count -= bitAt(value, bit)
  for (let bit = before; bit < end * 8; bit++) count -= bitAt(value, bit)
  return count
}

const bitpos = command({
  name: 'bitpos',
  group: 'bitmap',
  since: '2.8.7',
  summary: 'Finds the first set (1) or clear (0) bit in a string.',
  complexity: 'O(N)',
  syntax: 'BITPOS key bit [start [end [BYTE | BIT]]]',
  arity: -3,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  history: [['7.0.0', 'Added the `BYTE|BIT` option.']],
  run({ db }, args) {
    const bit = requireClampedInteger(args[2])
    if (bit !== 0 && bit !== 1) throw clientError('ERR The bit argument must be 1 or 0.')
    const entry = db.read(args[1])
    if (entry === undefined) return bit === 1 ? -1 : 0
    const value = requireString(entry)
    const { first, last, unitBits } = searchRangeOf(args)
    const range = clampedRange(first, last ?? -1, (value.length * 8) / unitBits)
    if (range === null) return -1
    const found = findBit(value, bit, range.start * unitBits, range.end * unitBits)
    // Without an end, zeros are assumed to follow the string.
    return found === -1 && bit === 0 && last === null ? value.length * 8 : found
  },
})

function searchRangeOf(args: Args): { first: number; last: number | null; unitBits: number } {
  if (args.length > 6) throw syntaxError()
  return {
    first: args.length > 3 ? requireClampedInteger(args[3]) : 0,
    last: args.length > 4 ? requireClampedInteger(args[4]) : null,
    unitBits: requireUnit(args[5]) === 'bit' ? 1 : 8,
  }
}

/**
 * The position of the first bit that equals `bit`, from one position to before another; -1 if there
 * is none.
 */
function findBit(value: StringValue, bit: 0 | 1, from: number, before: number): number {
  let position = from
  for (; position % 8 !== 0 && position < before; position++) if (bitAt(value, position) === bit) return position
  if (position >= before) return -1
  for (const piece of stringPieces(value, position / 8, Math.ceil(before / 8))) {
    const found = firstBit(piece, bit)
    if (found !== -1) return position + found < before ? position + found : -1
    position += piece.length * 8
  }
  return -1
}

export const bitmaps: readonly Command[] = [setbit, getbit, bitcount, bitpos, bitop]
