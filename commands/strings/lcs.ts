/**
 * The longest common subsequence, computed from a table of the lengths for all pairs of prefixes.
 */
import type { Entry } from '../../storage/keyspace/entry.ts'
import { type StringValue, stringBuffer } from '../../storage/values/string.ts'
import { type Args, type Command, command, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { MapReply, type Reply } from '../contract/reply.ts'
import { Options, requireClampedInteger } from '../parsing/args.ts'
import { stringOf } from '../parsing/typed-access.ts'

// hot: runs once for each pair of bytes

interface Match {
  /** The positions of the first byte in the two strings. */
  a: number
  b: number
  length: number
}

interface LcsOptions {
  readonly answer: 'bytes' | 'length' | 'matches'
  readonly minLength: number
  readonly mustShowLength: boolean
}

const lcs = command({
  name: 'lcs',
  group: 'string',
  since: '7.0.0',
  summary: 'Finds the longest common substring.',
  complexity: 'O(N*M) where N and M are the lengths of s1 and s2, respectively',
  syntax: 'LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]',
  arity: -3,
  flags: ['readonly'],
  keys: [keyRange(1, 2, 1, 'RO', 'access')],
  run(context, args) {
    const { db } = context
    // Both are read before either is checked.
    const [one, other] = [db.read(args[1]), db.read(args[2])]
    const first = operand(one)
    const second = operand(other)
    const options = optionsOf(args)
    requireTableSize(context, first, second)
    return compare(stringBuffer(first), stringBuffer(second), options)
  },
})

function operand(entry: Entry | undefined): StringValue {
  const value = entry === undefined ? '' : stringOf(entry)
  if (value === null) throw clientError('ERR The specified keys must contain string values')
  return value
}

function optionsOf(args: Args): LcsOptions {
  const options = new Options(args, 3)
  let length = false
  let matches = false
  let minLength = 0
  let mustShowLength = false
  while (options.more) {
    if (options.take('idx')) matches = true
    else if (options.take('len')) length = true
    else if (options.take('withmatchlen')) mustShowLength = true
    else if (options.left > 1 && options.take('minmatchlen')) minLength = Math.max(requireClampedInteger(options.value()), 0)
    else throw syntaxError()
  }
  if (length && matches) throw clientError('ERR If you want both the length and indexes, please just use IDX.')
  return { answer: matches ? 'matches' : length ? 'length' : 'bytes', minLength, mustShowLength }
}

/** Throws if the table would be larger than proto-max-bulk-len. */
function requireTableSize({ server }: Context, first: StringValue, second: StringValue): void {
  const sizeBytes = (first.length + 1) * (second.length + 1) * 4
  if (sizeBytes <= server.config.number('proto-max-bulk-len')) return
  throw clientError('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len')
}

function compare(a: Buffer, b: Buffer, { answer, minLength, mustShowLength }: LcsOptions): Reply {
  const table = lengthsOfPrefixes(a, b)
  const length = table[table.length - 1] as number
  if (answer === 'length') return length
  const matches = matchesOf(table, a, b)
  if (answer === 'bytes') {
    const parts = matches.reverse().map((match) => a.subarray(match.a, match.a + match.length))
    return Buffer.concat(parts, length)
  }
  const shown = matches
    .filter((match) => match.length >= minLength)
    .map((match) => {
      const ranges = [bounds(match.a, match.length), bounds(match.b, match.length)]
      return mustShowLength ? [...ranges, match.length] : ranges
    })
  return new MapReply(['matches', shown, 'len', length])
}

const bounds = (start: number, length: number) => [start, start + length - 1]

/**
 * The table of lengths, row by row. Row i, column j has the length for the first i bytes of a and
 * the first j bytes of b.
 */
function lengthsOfPrefixes(a: Buffer, b: Buffer): Uint32Array {
  const width = b.length + 1
  const table = new Uint32Array((a.length + 1) * width)
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1]
    let above = (i - 1) * width
    let cell = i * width
    let left = 0
    for (let j = 0; j < b.length; j++) {
      const up = table[above + 1] as number
      left = byte === b[j] ? (table[above] as number) + 1 : Math.max(left, up)
      table[++cell] = left
      above++
    }
  }
  return table
}

/**
 * The runs of equal bytes on the way back from the table's end, the last run first. If both ways
 * are equally good, b is shortened.
 */
function matchesOf(table: Uint32Array, a: Buffer, b: Buffer): Match[] {
  const width = b.length + 1
  const matches: Match[] = []
  let run: Match | null = null
  let i = a.length
  let j = b.length
  while (i > 0 && j > 0) {
    if (a[i - 1] === b[j - 1]) {
      i--
      j--
      if (run === null) {
        run = { a: i, b: j, length: 1 }
        matches.push(run)
      } else {
        run.a = i
        run.b = j
        run.length++
      }
      continue
    }
    run = null
    if ((table[(i - 1) * width + j] as number) > (table[i * width + j - 1] as number)) i--
    else j--
  }
  return matches
}

export const lcsCommands: readonly Command[] = [lcs]
