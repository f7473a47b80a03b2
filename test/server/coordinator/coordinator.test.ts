/** Coordinators on an etcd in memory, with nodes that a test plays. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { clusterKeys } from '../../../server/cluster-map/keys.ts'
import { type ClusterMap, mapOf, textOfMap } from '../../../server/cluster-map/map.ts'
import { Coordinator } from '../../../server/coordinator/coordinator.ts'
import { NodeFailure, type NodeReply } from '../../../server/coordinator/node-requests.ts'
import { MemoryEtcd } from '../../support/cluster/memory-etcd.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { until } from '../../support/servers/running-server.ts'

const keys = clusterKeys('test')
const LEASE_MS = 5000
const HISTORY = 'c'.repeat(40)
const idOf = (port: number) => String(port).padStart(40, '0')
const node = (port: number) => ({ id: idOf(port), host: '127.0.0.1', port })
const MAP: ClusterMap = { version: 1, shards: [{ master: node(1), replicas: [node(2), node(3)], slots: [[0, 16_383]], handover: null }] }

/** A node as INFO shows it; null does not answer. */
interface PlayedNode {
  role: 'master' | 'slave'
  offset: number
  version: number
}

/** A cluster with one shard of three nodes. */
class World {
  readonly etcd = new MemoryEtcd()
  readonly clock = new ManualClock()
  readonly nodes = new Map<number, PlayedNode | null>()
  readonly commands: string[] = []
  /** Questions to nodes that do not answer. */
  unanswered = 0
  private readonly coordinators: Coordinator[] = []

  constructor(map = MAP) {
    this.etcd.put(keys.map, textOfMap(map))
    for (const port of [1, 2, 3]) {
      this.nodes.set(port, { role: port === 1 ? 'master' : 'slave', offset: 10 * port, version: -1 })
      this.renew(port)
    }
  }

  get map(): ClusterMap {
    return mapOf(this.etcd.keys.get(keys.map)?.value ?? '')
  }

  /** Renews the lease of a node. */
  renew(port: number): void {
    const role = this.nodes.get(port)?.role === 'master' ? 'master' : 'replica'
    const report = { runId: idOf(port), leaseMs: LEASE_MS, role, history: HISTORY, previousHistory: '', offset: 0 }
    this.etcd.put(`${keys.nodes}${idOf(port)}`, JSON.stringify(report))
  }

  start(name: string): Coordinator {
    const { etcd, clock } = this
    const coordinator = new Coordinator({
      etcd,
      keys,
      name,
      clock,
      log: silentLog,
      ask: async ({ port }, commands) => this.answer(port, commands),
    })
    coordinator.start()
    this.coordinators.push(coordinator)
    return coordinator
  }

  async elected(name: string): Promise<void> {
    await until(`${name} to be elected`, () => this.etcd.keys.get(keys.coordinator)?.value === name)
  }

  async stop(): Promise<void> {
    this.etcd.state = 'well'
    await Promise.all(this.coordinators.map((coordinator) => coordinator.close()))
  }

  private answer(port: number, commands: readonly (readonly string[])[]): NodeReply[] {
    const played = this.nodes.get(port) ?? null
    if (played === null) this.unanswered++
    if (played === null) throw new NodeFailure(`${port} does not answer`)
    return commands.map((words) => {
      const [name, action] = words
      if (name === 'INFO')
        return `role:${played.role}\r\nmaster_replid:${HISTORY}\r\nslave_repl_offset:${played.offset}\r\nmaster_failover_state:no-failover\r\n`
      this.commands.push(`${port} ${words.slice(0, 2).join(' ')}`)
      if (action === 'VERSION') return played.version
      if (action === 'SETNODES') played.version = Number(words.at(-1))
      if (name === 'FAILOVER') {
        played.role = 'slave'
        const to = this.nodes.get(Number(words[3]))
        if (to !== undefined && to !== null) to.role = 'master'
      }
      return 'OK'
    })
  }
}

const mastersOf = ({ shards }: ClusterMap) => shards.map(({ master, replicas }) => [master.port, ...replicas.map(({ port }) => port)])

test('each node is told the map until it has its version', async () => {
  const world = new World()
  const deaf = world.nodes.get(3) ?? null
  world.nodes.set(3, null)
  world.start('a')
  await until('two nodes', () => [1, 2].every((port) => world.nodes.get(port)?.version === 1))
  world.nodes.set(3, deaf)
  world.clock.advance(1000)
  await until('the third', () => deaf?.version === 1)
  assert.is(world.commands.filter((line) => line === '1 CLUSTERX SETNODES').length, 1)
  await world.stop()
})

test('a master whose key has not changed for a lease is replaced by the replica with the greatest offset', async () => {
  const world = new World()
  world.start('a')
  await until('a node with the map', () => world.nodes.get(2)?.version === 1)
  world.nodes.set(1, null)
  world.clock.advance(LEASE_MS - 1)
  world.renew(2)
  world.renew(3)
  await until('the renewals to be seen', () => world.commands.length > 3)
  assert.is(world.map.version, 1)
  world.clock.advance(2)
  await until('a new master', () => world.map.version === 2)
  assert.equal(mastersOf(world.map), [[3, 2, 1]])
  await world.stop()
})

test('a replica that lives and does not answer is waited for, one whose lease is over is not', async () => {
  const world = new World()
  world.start('a')
  await until('a node with the map', () => world.nodes.get(3)?.version === 1)
  world.nodes.set(1, null)
  world.nodes.set(3, null)
  world.clock.advance(LEASE_MS - 100)
  world.renew(3)
  world.renew(2)
  await until('the renewals to be seen', () => world.etcd.transactions > 0)
  world.clock.advance(200)
  const { unanswered } = world
  await until('two more questions to it', () => world.unanswered >= unanswered + 2)
  assert.is(world.map.version, 1)
  world.renew(2)
  world.clock.advance(LEASE_MS - 100)
  await until('a new master', () => world.map.version === 2)
  assert.equal(mastersOf(world.map), [[2, 3, 1]])
  await world.stop()
})

test('a handover runs FAILOVER on the master, and the map follows', async () => {
  const [shard] = MAP.shards
  const world = new World({ version: 1, shards: [{ ...(shard as (typeof MAP.shards)[number]), handover: idOf(2) }] })
  world.start('a')
  await until('a new master', () => world.map.version === 2)
  assert.equal([mastersOf(world.map), world.map.shards[0]?.handover], [[[2, 3, 1]], null])
  assert.ok(world.commands.includes('1 FAILOVER TO'))
  await world.stop()
})

test('one coordinator is elected, another takes over when its lease ends, and the first changes nothing any more', async () => {
  const world = new World()
  const first = world.start('a')
  await world.elected('a')
  world.start('b')
  const lease = world.etcd.keys.get(keys.coordinator)?.lease ?? ''
  world.etcd.endLease(lease)
  await until('another election', () => world.etcd.keys.has(keys.coordinator))
  assert.is.not(world.etcd.keys.get(keys.coordinator)?.lease, lease)
  await first.close()
  await world.elected('b')
  await world.stop()
})

test('a map that cannot be read, and an etcd that is away, are waited for', async () => {
  const world = new World()
  world.etcd.put(keys.map, '{')
  world.start('a')
  await world.elected('a')
  world.etcd.state = 'away'
  const { requests } = world.etcd
  world.clock.advance(1000)
  await until('a request without an answer', () => world.etcd.requests > requests)
  world.etcd.state = 'well'
  assert.equal(world.commands, [])
  world.etcd.put(keys.map, textOfMap(MAP))
  await until('a node with the map', () => world.nodes.get(1)?.version === 1)
  await world.stop()
})

test.run()
