/** A whole cluster of processes: etcd, nodes, coordinators. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { clusterKeys } from '../../../server/cluster-map/keys.ts'
import { type ClusterMap, mapOf } from '../../../server/cluster-map/map.ts'
import { RunningServer, runProgram, until } from '../servers/running-server.ts'
import { EtcdServers } from './etcd-servers.ts'

const MAIN = fileURLToPath(new URL('../../../program/main.js', import.meta.url))
const NAME = 'test'
const keys = clusterKeys(NAME)

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A process of `haypile coordinator`. */
export class CoordinatorProcess {
  log = ''
  private readonly child: ChildProcess
  private readonly ended: Promise<void>

  constructor(urls: string) {
    const child = spawn(process.execPath, [MAIN, 'coordinator', '--etcd', urls, '--cluster', NAME], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    running.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.log += data
      })
    }
    this.ended = new Promise((resolve) =>
      child.on('close', () => {
        running.delete(child)
        resolve()
      }),
    )
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.child.kill(signal)
    await this.ended
  }
}

export interface TestClusterOptions {
  readonly etcds?: 1 | 3
  readonly nodes: number
  readonly replicas: number
  readonly coordinators?: number
  readonly leaseMs?: number
}

/** A cluster that a test starts and stops. */
export class TestCluster {
  readonly etcd: EtcdServers
  readonly nodes: readonly RunningServer[]
  readonly coordinators: readonly CoordinatorProcess[]

  private constructor(etcd: EtcdServers, nodes: readonly RunningServer[], coordinators: readonly CoordinatorProcess[]) {
    this.etcd = etcd
    this.nodes = nodes
    this.coordinators = coordinators
  }

  /** Starts everything and creates the cluster; resolves when every node is well. */
  static async start({ etcds = 1, nodes: count, replicas, coordinators = 1, leaseMs = 2000 }: TestClusterOptions): Promise<TestCluster> {
    const etcd = await EtcdServers.start(etcds)
    const flags = { 'cluster-enabled': MODE, 'cluster-etcd': etcd.urls, 'cluster-name': NAME, 'cluster-lease-ms': leaseMs }
    const nodes = await Promise.all(Array.from({ length: count }, () => RunningServer.start({ flags })))
    const cluster = new TestCluster(
      etcd,
      nodes,
      Array.from({ length: coordinators }, () => new CoordinatorProcess(etcd.urls)),
    )
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
    await until('the creation', async () => (await cluster.run('create', ...addresses, '--replicas', String(replicas))).status === 0)
    await cluster.becomeWell()
    return cluster
  }

  /** Runs `haypile cluster`. */
  run(...words: readonly string[]): ReturnType<typeof runProgram> {
    return runProgram(['cluster', ...words, '--etcd', this.etcd.urls, '--cluster', NAME])
  }

  async becomeWell(): Promise<void> {
    let output = ''
    await until('every node to be well', async () => {
      const status = await this.run('status')
      output = status.output
      return status.status === 0
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${output}\n${this.coordinators.map(({ log }) => log).join('\n')}`)
    })
  }

  /** Reads a key of the cluster from any member of etcd. */
  async read(key: string): Promise<string | null> {
    for (const member of this.etcd.members) {
      const answer = (await member.ask('/v3/kv/range', { key: Buffer.from(key).toString('base64') })) as {
        kvs?: { value: string }[]
      } | null
      const value = answer?.kvs?.[0]?.value
      if (value !== undefined) return Buffer.from(value, 'base64').toString()
    }
    return null
  }

  async map(): Promise<ClusterMap> {
    const text = await this.read(keys.map)
    assert.is.not(text, null)
    return mapOf(text ?? '')
  }

  /** The master of the first shard. */
  async master(): Promise<RunningServer> {
    const [shard] = (await this.map()).shards
    return this.nodes.find(({ port }) => port === shard?.master.port) as RunningServer
  }

  /** Waits until another node than this one is the master of the first shard, and may write. */
  async successorOf(server: RunningServer): Promise<RunningServer> {
    await until('another master in the map', async () => (await this.master()) !== server)
    const successor = await this.master()
    await until('its permission to write', async () => (await successor.call('SET', 'probe', 'x').catch(() => '')) === 'OK')
    return successor
  }

  /** The coordinator that is elected. */
  async elected(): Promise<CoordinatorProcess> {
    let elected: CoordinatorProcess | undefined
    await until('an elected coordinator', async () => {
      const name = await this.read(keys.coordinator)
      elected = this.coordinators.find(({ pid }) => name?.endsWith(`:${pid}`) === true)
      return elected !== undefined
    })
    return elected as CoordinatorProcess
  }

  async stop(): Promise<void> {
    await Promise.all(this.coordinators.map((coordinator) => coordinator.end('SIGKILL')))
    await Promise.all(this.nodes.map((node) => (node.isRunning ? node.stop() : node.remove())))
    await this.etcd.stop()
  }
}

const MODE = 'yes'
