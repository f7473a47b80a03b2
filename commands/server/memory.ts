/**
 * MEMORY USAGE STATS DOCTOR PURGE MALLOC-STATS. The figures come from the storage port (see
 * `MemoryFigure`): those of the process and those of the working set. cache-memory limits the
 * working set; V8 takes the rest.
 */
import { residentBytesOf } from '../../storage/values/value.ts'
import { type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { notAnInteger, syntaxError } from '../contract/errors.ts'
import type { MemoryFigure } from '../contract/ports.ts'
import { Double, MapReply, OK, type Reply, Verbatim } from '../contract/reply.ts'
import { Options, requireSafeInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { countingKeys, settleKeys } from '../parsing/settled-keys.ts'

const MEBIBYTE = 1024 * 1024
/** DOCTOR reports nothing below this number of bytes. */
const MIN_REPORTED_BYTES = 5 * MEBIBYTE

/**
 * Returns the memory that the key holds now, in bytes. Pages of a large value that are only on disk
 * do not count. SAMPLES has no effect, because the size is known exactly.
 */
const usage = command({
  name: 'memory|usage',
  group: 'server',
  since: '4.0.0',
  summary: 'Estimates the memory usage of a key.',
  complexity: 'O(N) where N is the number of samples.',
  syntax: 'MEMORY USAGE key [SAMPLES count]',
  arity: -3,
  flags: ['readonly'],
  keys: [{ access: ['RO'], begin: { index: 2 }, find: { last: 0, step: 1, limit: 0 } }],
  run({ db }, args) {
    const options = new Options(args, 3)
    while (options.more) {
      if (!options.take('samples')) throw syntaxError()
      if (requireSafeInteger(options.value(), Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, notAnInteger) < 0) throw syntaxError()
    }
    const entry = db.peek(args[2])
    if (entry === undefined) return null
    const { value } = entry
    return entry.sizeBytes + (value === null || typeof value === 'string' ? 0 : residentBytesOf(value))
  },
})

type Figures = (name: MemoryFigure) => number

function figuresOf({ server }: Context): Figures {
  const figures = server.storage.memory()
  return (name) => figures.get(name) ?? 0
}

const share = (part: number, whole: number) => (whole > 0 ? part / whole : 0)

/**
 * MEMORY STATS returns Redis's fields in its order, then `dirty.bytes`. V8's heap takes the place
 * of the allocator. `dataset` is the resident part of the data.
 */
const stats = command({
  name: 'memory|stats',
  group: 'server',
  since: '4.0.0',
  summary: 'Returns details about memory usage.',
  complexity: 'O(1)',
  syntax: 'MEMORY STATS',
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  arity: 2,
  flags: [],
  ...countingKeys,
  *steps(context) {
    const { keyspace, server } = context
    yield* settleKeys(keyspace)
    const figure = figuresOf(context)
    const { databases } = keyspace
    const [heap, rss, anonymous] = [figure('heap'), figure('rss'), figure('rss-anonymous')]
    const used = figure('used')
    const dataset = figure('dataset')
    const keys = databases.reduce((sum, db) => sum + db.keyCount, 0)
    const residents = databases.reduce((sum, db) => sum + db.keysInMemory, 0)
    const flat: Reply[] = [
      ...['peak.allocated', figure('peak'), 'total.allocated', used, 'startup.allocated', figure('startup')],
      ...['replication.backlog', 0, 'clients.slaves', 0, 'clients.normal', figure('clients'), 'cluster.links', 0],
      ...['aof.buffer', figure('binlog'), 'lua.caches', server.scripting.memory.scripts, 'functions.caches', server.functions.codeBytes],
    ]
    for (const db of databases) {
      if (db.keyCount === 0) continue
      flat.push(
        `db.${db.index}`,
        new MapReply(['overhead.hashtable.main', 0, 'overhead.hashtable.expires', 0, 'overhead.hashtable.slot-to-keys', 0]),
      )
    }
    const overhead = Math.max(0, used - dataset)
    flat.push(
      ...['overhead.total', overhead, 'keys.count', keys, 'keys.bytes-per-key', Math.floor(share(dataset, residents))],
      ...['dataset.bytes', dataset, 'dataset.percentage', new Double(share(dataset, used) * 100)],
      ...['peak.percentage', new Double(share(used, figure('peak')) * 100)],
      ...['allocator.allocated', used, 'allocator.active', heap, 'allocator.resident', anonymous],
      ...['allocator-fragmentation.ratio', new Double(share(heap, used)), 'allocator-fragmentation.bytes', heap - used],
      ...['allocator-rss.ratio', new Double(share(anonymous, heap)), 'allocator-rss.bytes', anonymous - heap],
      ...['rss-overhead.ratio', new Double(share(rss, anonymous)), 'rss-overhead.bytes', rss - anonymous],
      ...['fragmentation', new Double(share(rss, used)), 'fragmentation.bytes', rss - used],
      ...['dirty.bytes', figure('dirty')],
    )
    return new MapReply(flat)
  },
})

/** Returns sentences about possible problems; an empty array if there are none. */
export function diagnose(figure: Figures): readonly string[] {
  const findings: string[] = []
  const used = figure('used')
  const cache = figure('cache-limit')
  const dirtyLimit = figure('dirty-limit')
  if (used < MIN_REPORTED_BYTES) return findings
  if (figure('peak') > used * 1.5) {
    findings.push('Peak memory: the peak was more than 1.5 times the current memory use. The resident size still includes it.')
  }
  const anonymous = figure('rss-anonymous')
  if (anonymous > used * 2 && anonymous > 256 * MEBIBYTE) {
    findings.push('Resident size: without mapped files the process holds more than twice the memory in use. V8 returns memory later.')
  }
  if (dirtyLimit > 0 && figure('dirty') * 2 > dirtyLimit) {
    findings.push('Unwritten changes: they fill more than half of dirty-limit. The disk may be too slow for the write load.')
  }
  if (cache > 0 && figure('dataset') > cache) {
    findings.push('Working set: it exceeds cache-memory. Changes that no checkpoint has written yet cannot be evicted.')
  }
  return findings
}

const doctor = command({
  name: 'memory|doctor',
  group: 'server',
  since: '4.0.0',
  summary: 'Outputs a memory problems report.',
  complexity: 'O(1)',
  syntax: 'MEMORY DOCTOR',
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  arity: 2,
  flags: [],
  run(context) {
    const findings = diagnose(figuresOf(context))
    const report =
      findings.length === 0 ? 'Nothing is wrong with the memory of this server.' : findings.map((finding) => ` * ${finding}`).join('\n')
    return new Verbatim('txt', `${report}\n`)
  },
})

/** MEMORY PURGE packs clean keys and collects V8's heap. */
const purge = command({
  name: 'memory|purge',
  group: 'server',
  since: '4.0.0',
  summary: 'Asks the allocator to release memory.',
  complexity: 'Depends on how much memory is allocated, could be slow',
  syntax: 'MEMORY PURGE',
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  arity: 2,
  flags: [],
  run({ server }) {
    server.storage.releaseMemory()
    return OK
  },
})

/** MEMORY MALLOC-STATS returns the figures by name, one a line. */
const mallocStats = command({
  name: 'memory|malloc-stats',
  group: 'server',
  since: '4.0.0',
  summary: 'Returns the allocator statistics.',
  complexity: 'Depends on how much memory is allocated, could be slow',
  syntax: 'MEMORY MALLOC-STATS',
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  arity: 2,
  flags: [],
  run: ({ server }) => new Verbatim('txt', [...server.storage.memory()].map(([name, bytes]) => `${name}: ${bytes}\n`).join('')),
})

const help = command({
  name: 'memory|help',
  group: 'server',
  since: '4.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'MEMORY HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () =>
    helpReply('memory', [
      'DOCTOR',
      '    Reports possible memory problems of this server.',
      'MALLOC-STATS',
      '    Returns the memory figures, one a line.',
      'PURGE',
      '    Does nothing: V8 returns memory by itself.',
      'STATS',
      '    Returns the memory figures of the server.',
      'USAGE <key> [SAMPLES <count>]',
      '    Returns the bytes of memory that <key> and its value hold.',
    ]),
})

const container = command({
  name: 'memory',
  group: 'server',
  since: '4.0.0',
  summary: 'A container for memory diagnostics commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'MEMORY',
  arity: -2,
  flags: [],
  subcommands: [usage, stats, doctor, purge, mallocStats, help],
})

export const memory: readonly Command[] = [container]
