/**
 * Measures replication beside redis-server: the cost of replicas for the master, their lag, and the
 * times of a full sync and of catching up. Prints Markdown.
 *
 *   npm run bench:replication -- [--rounds N] [--quick] [--part throughput|lag|full-sync|catch-up]
 *
 * Master, replicas and load share the machine's cores. Figures are comparable only on a machine
 * that does nothing else.
 */
import { parseArgs } from 'node:util'
import { type LagResult, measureLag } from './replication-lag.ts'
import { loadKeys } from './support/load.ts'
import { ask, endProgram, infoField, isInstalled, type Program, type ProgramName, startProgram } from './support/programs.ts'
import { redisBenchmark } from './support/redis-benchmark.ts'
import { machine, median, milliseconds, perSecond, table } from './support/tables.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    part: { type: 'string', default: 'all' },
  },
})

const CATCH_UP_TIMEOUT_MS = 300_000
const POLL_INTERVAL_MS = 5
const VALUE_BYTES = 64
const MILLION = 1_000_000

const names: readonly ProgramName[] = isInstalled('redis-server') ? ['haypile', 'redis'] : ['haypile']
const note = (text: string) => void process.stderr.write(`${text}\n`)
const scale = flags.quick ? 0.2 : 1
const rounds = Number(flags.rounds)
const isWanted = (part: string) => flags.part === 'all' || flags.part === part

const replicasOf = (count: number) => `${count} ${count === 1 ? 'replica' : 'replicas'}`

interface Cluster {
  readonly master: Program
  readonly replicas: readonly Program[]
}

async function startCluster(name: ProgramName, replicas: number): Promise<Cluster> {
  const master = await startProgram(name)
  const started: Program[] = []
  for (let i = 0; i < replicas; i++) started.push(await startReplica(name, master))
  for (const replica of started) await untilCaughtUp(master, replica)
  return { master, replicas: started }
}

/**
 * Starts a replica. By default Redis delays a full sync by five seconds to wait for more replicas.
 * This turns the delay off.
 */
async function startReplica(name: ProgramName, master: Program): Promise<Program> {
  if (name === 'redis') await ask(master.port, 'CONFIG SET repl-diskless-sync-delay 0')
  const replica = await startProgram(name)
  await ask(replica.port, `REPLICAOF 127.0.0.1 ${master.port}`)
  return replica
}

async function endCluster({ master, replicas }: Cluster): Promise<void> {
  for (const program of [...replicas, master]) await endProgram(program)
}

/**
 * Waits until the replica's link is up and the replica has all of the master's data. Resolves to
 * the time in milliseconds.
 */
async function untilCaughtUp(master: Program, replica: Program): Promise<number> {
  const startedAtMs = performance.now()
  for (;;) {
    const info = await ask(replica.port, 'INFO replication')
    if (info.includes('master_link_status:up')) {
      const [wanted, got] = [
        await infoField(master, 'replication', 'master_repl_offset'),
        await infoField(replica, 'replication', 'slave_repl_offset'),
      ]
      if (got >= wanted) return performance.now() - startedAtMs
    }
    if (performance.now() - startedAtMs > CATCH_UP_TIMEOUT_MS)
      throw new Error(`${replica.name}: the replica did not catch up within ${CATCH_UP_TIMEOUT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
  }
}

async function throughput(): Promise<string> {
  const found = new Map<string, number[]>()
  const key = (name: ProgramName, replicas: number, pipeline: number) => `${name} ${replicas} ${pipeline}`
  for (const replicas of [0, 1, 2]) {
    for (const name of names) {
      const cluster = await startCluster(name, replicas)
      for (const pipeline of [1, 16]) {
        const requests = (pipeline === 1 ? 100_000 : 500_000) * scale
        const load = { tests: ['set'], requests, pipeline, clients: 50, valueBytes: VALUE_BYTES, keys: 100_000 }
        for (let round = 0; round <= rounds; round++) {
          const [measurement] = await redisBenchmark(cluster.master.port, load)
          for (const replica of cluster.replicas) await untilCaughtUp(cluster.master, replica)
          const list = found.get(key(name, replicas, pipeline)) ?? []
          if (round > 0 && measurement !== undefined) found.set(key(name, replicas, pipeline), [...list, measurement.requestsPerSecond])
        }
        note(`${name}, ${replicasOf(replicas)}, -P ${pipeline}: ${Math.round(median(found.get(key(name, replicas, pipeline)) ?? []))}`)
      }
      await endCluster(cluster)
    }
  }
  const rows = [1, 16].flatMap((pipeline) =>
    [0, 1, 2].map((replicas) => [
      `SET${pipeline === 1 ? '' : ` -P ${pipeline}`}, ${replicasOf(replicas)}`,
      ...names.flatMap((name) => {
        const rate = median(found.get(key(name, replicas, pipeline)) ?? [])
        return [perSecond(rate), (rate / median(found.get(key(name, 0, pipeline)) ?? [])).toFixed(2)]
      }),
    ]),
  )
  return table(['test', ...names.flatMap((name) => [`${name} /s`, 'ratio to 0 replicas'])], rows)
}

async function lag(): Promise<string> {
  const rows: string[][] = []
  for (const name of names) {
    for (const [title, pipeline] of [
      ['SET', 1],
      ['SET -P 16', 16],
    ] as const) {
      const cluster = await startCluster(name, 1)
      const replica = cluster.replicas[0] as Program
      const probe = measureLag(cluster.master.port, replica.port)
      const requests = (pipeline === 1 ? 500_000 : 3 * MILLION) * scale
      const load = { tests: ['set'], requests, pipeline, clients: 50, valueBytes: VALUE_BYTES, keys: 100_000 }
      const [measurement] = await redisBenchmark(cluster.master.port, load)
      const result: LagResult = await (await probe).stop()
      const cells = [result.p50Ms, result.p99Ms, result.maxMs].map(milliseconds)
      rows.push([`${name}, ${title}`, perSecond(measurement?.requestsPerSecond ?? 0), ...cells, perSecond(result.samples)])
      note(`${name} lag under ${title}: ${cells.join(' / ')}`)
      await endCluster(cluster)
    }
  }
  return table(['server, load', 'load /s', 'p50 ms', 'p99 ms', 'max ms', 'samples'], rows)
}

async function fullSync(): Promise<string> {
  const rows: string[][] = []
  for (const name of names) {
    const master = await startProgram(name)
    const bytes = await loadKeys(master.port, MILLION * scale, VALUE_BYTES)
    const timesMs: number[] = []
    for (let round = 0; round < rounds; round++) {
      const replica = await startReplica(name, master)
      timesMs.push(await untilCaughtUp(master, replica))
      await endProgram(replica)
    }
    const timeMs = median(timesMs)
    note(`${name} full sync: ${milliseconds(timeMs)} ms`)
    rows.push([name, perSecond(MILLION * scale), (timeMs / 1000).toFixed(2), (bytes / 2 ** 20 / (timeMs / 1000)).toFixed(1)])
    await endProgram(master)
  }
  return table(['full sync', 'keys', 'seconds', 'MiB of keys and values /s'], rows)
}

async function catchUp(): Promise<string> {
  const rows: string[][] = []
  for (const name of names) {
    const cluster = await startCluster(name, 1)
    const { master } = cluster
    let replica = cluster.replicas[0] as Program
    replica.process.kill('SIGSTOP')
    await loadKeys(master.port, MILLION * scale, VALUE_BYTES)
    replica.process.kill('SIGCONT')
    const stoppedMs = await untilCaughtUp(master, replica)
    rows.push([`${name}, stopped during the writes`, perSecond(MILLION * scale), (stoppedMs / 1000).toFixed(2), 'incremental'])
    if (name === 'haypile') {
      const syncsBefore = await infoField(master, 'stats', 'sync_full')
      await endProgram(replica, 'SIGKILL', 'keep')
      await loadKeys(master.port, MILLION * scale, VALUE_BYTES)
      const startedAtMs = performance.now()
      replica = await startProgram(name, [], replica.directory)
      await untilCaughtUp(master, replica)
      const how = (await infoField(master, 'stats', 'sync_full')) === syncsBefore ? 'incremental' : 'full sync'
      const seconds = (performance.now() - startedAtMs) / 1000
      rows.push([`${name}, killed and restarted`, perSecond(MILLION * scale), seconds.toFixed(2), how])
    }
    note(rows.map((row) => row.join(' ')).join('; '))
    await endCluster({ master, replicas: [replica] })
  }
  return table(['catch-up', 'writes', 'seconds', 'how'], rows)
}

if (!isInstalled('redis-benchmark')) {
  process.stderr.write('redis-benchmark is not installed (Debian: redis-tools)\n')
  process.exit(1)
}
const parts = [machine()]
if (isWanted('throughput')) parts.push(await throughput())
if (isWanted('lag')) parts.push(await lag())
if (isWanted('full-sync')) parts.push(await fullSync())
if (isWanted('catch-up')) parts.push(await catchUp())
process.stdout.write(`${parts.join('\n\n')}\n`)
