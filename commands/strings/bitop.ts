/** BITOP, computed chunk by chunk over all sources. */
import { must } from '../../base/assert.ts'
import { EMPTY, lowerCase } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import { type BitOperation, combine, invert } from '../../storage/values/bits.ts'
import { CHUNK_BYTES, MIN_ROPE_BYTES, Rope } from '../../storage/values/rope.ts'
import type { StringValue } from '../../storage/values/string.ts'
import { type Args, command, keyRange } from '../contract/command.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { deleteKey, stringOrEmpty } from '../parsing/typed-access.ts'

export const bitop = command({
  name: 'bitop',
  group: 'bitmap',
  since: '2.6.0',
  summary: 'Performs bitwise operations on multiple strings, and stores the result.',
  complexity: 'O(N)',
  syntax: 'BITOP <AND | OR | XOR | NOT> destkey key [key ...]',
  arity: -4,
  flags: ['write', 'denyoom'],
  keys: [keyRange(2, 2, 1, 'OW', 'update'), keyRange(3, -1, 1, 'RO', 'access')],
  isVerbatim: true,
  run(context, args) {
    const { db } = context
    const operation = operationOf(args)
    const sources: StringValue[] = []
    let length = 0
    for (let i = 3; i < args.length; i++) {
      const value = stringOrEmpty(db.read(must(args[i])))
      sources.push(value)
      length = Math.max(length, value.length)
    }
    if (length === 0) deleteKey(context, args[2])
    else {
      db.set(args[2], resultOf(db, operation, sources, length))
      context.notify(EVENT_STRING, 'set', args[2])
    }
    return length
  },
})

function operationOf(args: Args): BitOperation | 'not' {
  const name = lowerCase(args[1])
  if (name === 'not') {
    if (args.length !== 4) throw clientError('ERR BITOP NOT must be called with a single source key.')
    return name
  }
  if (name === 'and' || name === 'or' || name === 'xor') return name
  throw syntaxError()
}

const result = Buffer.allocUnsafeSlow(CHUNK_BYTES)
const operand = Buffer.allocUnsafeSlow(CHUNK_BYTES)
const resultWords = new Int32Array(result.buffer)
const operandWords = new Int32Array(operand.buffer)
const zeros = Buffer.alloc(CHUNK_BYTES)

function resultOf(db: Database, operation: BitOperation | 'not', sources: readonly StringValue[], length: number): Rope | Buffer {
  const rope = length < MIN_ROPE_BYTES ? null : Rope.of(db, EMPTY)
  const short = Buffer.allocUnsafe(rope === null ? length : 0)
  for (let start = 0; start < length; start += CHUNK_BYTES) {
    combineChunk(operation, sources, start)
    const chunk = result.subarray(0, Math.min(CHUNK_BYTES, length - start))
    if (rope === null) chunk.copy(short, start)
    else if (!chunk.equals(zeros.subarray(0, chunk.length))) rope.write(start, chunk)
  }
  rope?.grow(length)
  return rope ?? short
}

/** Combines the sources' chunks at a position into `result`. */
function combineChunk(operation: BitOperation | 'not', sources: readonly StringValue[], start: number): void {
  load(must(sources[0]), start, result)
  if (operation === 'not') invert(resultWords)
  else
    for (let i = 1; i < sources.length; i++) {
      load(must(sources[i]), start, operand)
      combine(operation, resultWords, operandWords)
    }
}

/** Copies one chunk of a string, padded with zeros. */
function load(source: StringValue, start: number, into: Buffer): void {
  const count = Math.min(Math.max(source.length - start, 0), CHUNK_BYTES)
  if (count === 0) into.fill(0)
  else if (typeof source !== 'string') source.chunk(start / CHUNK_BYTES).copy(into)
  else {
    into.latin1Write(source.slice(start, start + count), 0)
    into.fill(0, count)
  }
}
