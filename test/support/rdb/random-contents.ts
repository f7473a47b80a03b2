/** Random values of every type, in the sizes around which encodings change. */
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbStreamEntry } from '../../../rdb/elements.ts'
import { streamId } from '../../../rdb/encodings/stream-ids.ts'
import type { Seeded } from '../generators/seed.ts'
import type { Content, GroupContent } from './contents.ts'

export const TYPES = ['string', 'list', 'set', 'sorted-set', 'hash', 'stream'] as const

const INTEGERS = [0, 1, 12, 13, 127, 128, 255, 4095, 4096, 8191, 32767, 32768, 8388607, 8388608, 2147483647, 2147483648]
const BIG_INTEGERS = ['9223372036854775807', '-9223372036854775808', '9223372036854775808', '-0', '007', '+1', ' 1', '']
const LENGTHS = [0, 1, 5, 11, 20, 21, 63, 64, 65, 127, 128, 300, 4095, 4096]
const COUNTS = [1, 2, 5, 100, 127, 128, 129, 300]

/** Returns an element: a number, text that compresses, or bytes that do not. */
function randomElement(chance: Seeded): Bytes {
  const kind = chance.integer(8)
  if (kind === 0) return String(chance.pick(INTEGERS) * chance.pick([1, -1]))
  if (kind === 1) return chance.pick(BIG_INTEGERS)
  if (kind < 5) return String(chance.integer(1000))
  const length = kind === 7 && chance.integer(10) === 0 ? chance.pick([9000, 17_000]) : chance.pick(LENGTHS)
  if (kind === 5) return 'abc'.repeat(length).slice(0, length)
  return Buffer.from(Array.from({ length }, () => chance.integer(256))).latin1Slice()
}

function randomScore(chance: Seeded): number {
  const kind = chance.integer(6)
  if (kind === 0) return chance.pick([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300, 5e-324, -1e21, 2 ** 53])
  return kind < 4 ? chance.integer(1000) - 500 : (chance.random() - 0.5) * 10 ** chance.integer(20)
}

export function randomContent(chance: Seeded, type: Content['type'] = chance.pick(TYPES)): Content {
  const count = chance.integer(40) === 0 ? 1200 : chance.pick(COUNTS)
  const hasSmall = chance.integer(2) === 0
  const element = () => (hasSmall ? randomElement(chance).slice(0, 60) : randomElement(chance))
  const elements = Array.from({ length: count }, element)
  switch (type) {
    case 'string':
      return { type, value: chance.integer(20) === 0 ? element().repeat(3000).slice(0, 300_000) : element() }
    case 'list':
      return { type, elements }
    case 'set': {
      const isInteger = chance.integer(3) === 0
      const width = chance.pick([100, 2 ** 20, 2 ** 40])
      const integers = elements.map(() => String(chance.integer(2 * width) - width))
      return { type, members: [...new Set(isInteger ? integers : elements)] }
    }
    case 'sorted-set':
      return { type, members: [...new Set(elements)].map((member) => [member, randomScore(chance)]) }
    case 'hash':
      return { type, fields: [...new Set(elements)].map((field) => [field, element(), null]) }
    default:
      return randomStream(chance, count, element)
  }
}

function randomStream(chance: Seeded, count: number, element: () => Bytes): Content {
  let ms = 1_700_000_000_000n
  let sequence = BigInt(chance.integer(5))
  const names = Array.from({ length: 1 + chance.integer(3) }, (_, index) => `f${index}${element()}`)
  const entries: RdbStreamEntry[] = Array.from({ length: count }, () => {
    if (chance.integer(2) === 0) sequence++
    else {
      ms += BigInt(1 + chance.integer(1000))
      sequence = BigInt(chance.integer(3))
    }
    const fields = chance.integer(4) === 0 ? ['other', element()] : names.flatMap((name) => [name, element()])
    return { id: streamId(ms, sequence), fields }
  })
  const lastId = streamId(ms, sequence + BigInt(chance.integer(2)))
  const state = { length: BigInt(count), lastId, firstId: entries[0]!.id, maxDeletedId: streamId(0n, 0n), entriesAdded: BigInt(count + 3) }
  const groups = Array.from({ length: chance.integer(3) }, (_, index) => randomGroup(chance, `group ${index}`, entries))
  return { type: 'stream', entries, state, groups }
}

function randomGroup(chance: Seeded, name: Bytes, entries: readonly RdbStreamEntry[]): GroupContent {
  const consumers = Array.from({ length: 1 + chance.integer(3) }, (_, index) => ({
    name: `consumer ${index}`,
    seenAtMs: 1_700_000_000_000 + chance.integer(1e6),
    activeAtMs: null,
    ids: [] as Bytes[],
  }))
  const pending = entries
    .filter(() => chance.integer(3) === 0)
    .map(({ id }) => ({ id, deliveredAtMs: 1_700_000_000_000 + chance.integer(1e6), deliveryCount: 1 + chance.integer(200) }))
  for (const { id } of pending) chance.pick(consumers).ids.push(id)
  return { name, lastId: entries.at(-1)!.id, entriesRead: chance.integer(2) === 0 ? null : BigInt(entries.length), pending, consumers }
}
