/** Measures what keys cost in memory: strings, and collections with small elements. */
import { setTimeout as delay } from 'node:timers/promises'
import { batchesOf, Connection, encode } from '../support/connection.ts'
import { anonymousBytes, ask, type Build, endProgram, infoField, type Program, startBuild } from '../support/programs.ts'
import { table } from '../support/tables.ts'

export interface MemoryRow {
  readonly value: string
  readonly keys: number
  readonly servers: readonly MemoryFigures[]
}

interface MemoryFigures {
  readonly label: string
  /** Anonymous resident memory of the process for each key, or null without /proc. */
  readonly residentBytes: number | null
  /** The server's own count, used_memory of INFO, for each key. */
  readonly usedBytes: number
}

interface Kind {
  readonly title: string
  /** Share of the keys: large collections have fewer. */
  readonly share: number
  readonly words: (key: number) => readonly (string | number)[]
}

const COMMANDS_PER_WRITE = 100
const MAX_UNANSWERED = 1000
const RETRY_MS = 200
const SIZES = [5, 100]

const padded = (number: number) => String(number).padStart(12, '0')
const elements = (count: number, of: (index: number) => readonly (string | number)[]) =>
  Array.from({ length: count }, (_, index) => of(index)).flat()
const member = (key: number, index: number) => `m:${key}:${index}`

const KINDS: readonly Kind[] = [
  ...[64, 200].map((bytes) => ({
    title: `string of ${bytes} bytes`,
    share: 1,
    words: (key: number) => ['SET', `key:${padded(key)}`, 'x'.repeat(bytes)],
  })),
  ...SIZES.flatMap((size): Kind[] => {
    const share = 1 / size
    return [
      {
        title: `hash of ${size}`,
        share,
        words: (key) => ['HSET', `key:${padded(key)}`, ...elements(size, (index) => [`f:${index}`, member(key, index)])],
      },
      {
        title: `list of ${size}`,
        share,
        words: (key) => ['RPUSH', `key:${padded(key)}`, ...elements(size, (index) => [member(key, index)])],
      },
      {
        title: `set of ${size}`,
        share,
        words: (key) => ['SADD', `key:${padded(key)}`, ...elements(size, (index) => [member(key, index)])],
      },
      {
        title: `sorted set of ${size}`,
        share,
        words: (key) => ['ZADD', `key:${padded(key)}`, ...elements(size, (index) => [index, member(key, index)])],
      },
    ]
  }),
]

/** Loads each kind of value into a new server. `keys` is the number of strings. */
export async function memoryOfKeys(builds: readonly Build[], keys: number, note: (text: string) => void): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = []
  for (const kind of KINDS) {
    const count = Math.ceil(keys * kind.share)
    const servers: MemoryFigures[] = []
    for (const build of builds) servers.push(await measure(build, kind, count))
    rows.push({ value: kind.title, keys: count, servers })
    note(`${kind.title}: ${servers.map(({ label, residentBytes }) => `${label} ${Math.round(residentBytes ?? 0)} bytes`).join(', ')}`)
  }
  return rows
}

async function measure(build: Build, kind: Kind, keys: number): Promise<MemoryFigures> {
  const program = await startBuild(build, build.name === 'haypile' ? ['--cache-memory', '1gb'] : [])
  try {
    const connection = await Connection.open(program.port)
    const residentBefore = anonymousBytes(program)
    const usedBefore = await infoField(program, 'memory', 'used_memory')
    const requests = function* () {
      for (let key = 0; key < keys; key++) yield encode(kind.words(key))
    }
    await connection.pipeline(batchesOf(requests(), COMMANDS_PER_WRITE), MAX_UNANSWERED)
    connection.close()
    await settle(program)
    const residentAfter = anonymousBytes(program)
    const usedAfter = await infoField(program, 'memory', 'used_memory')
    const residentBytes = residentBefore === null || residentAfter === null ? null : (residentAfter - residentBefore) / keys
    return { label: build.label, residentBytes, usedBytes: (usedAfter - usedBefore) / keys }
  } finally {
    await endProgram(program)
  }
}

/** Writes all keys to disk where they are kept there, and releases memory that is not in use. */
async function settle(program: Program): Promise<void> {
  if (program.name === 'redis') {
    await ask(program.port, 'MEMORY PURGE')
    return
  }
  // SAVE is refused while a checkpoint is under way.
  while (!(await ask(program.port, 'SAVE')).startsWith('+OK')) await delay(RETRY_MS)
  for (let before = -1, packed = 0; packed > before; ) {
    before = packed
    await ask(program.port, 'MEMORY PURGE')
    packed = await infoField(program, 'storage', 'storage_packed_keys')
  }
}

export function memoryTable(rows: readonly MemoryRow[]): string {
  const labels = rows[0]?.servers.map(({ label }) => label) ?? []
  return table(
    ['bytes for each key', 'keys', ...labels.flatMap((label) => [`${label} RssAnon`, 'used_memory'])],
    rows.map(({ value, keys, servers }) => [
      value,
      String(keys),
      ...servers.flatMap(({ residentBytes, usedBytes }) => [residentBytes === null ? '?' : residentBytes.toFixed(0), usedBytes.toFixed(0)]),
    ]),
  )
}
