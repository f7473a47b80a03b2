/** Faults of a cluster under load: masters, coordinators and etcd are killed or stopped. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { TestCluster } from '../../support/cluster/test-cluster.ts'
import { fieldOf, fullSyncs } from '../../support/servers/replicated-servers.ts'
import { pause, type RunningServer, until } from '../../support/servers/running-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const WAIT_MS = 500
const LEASE_MS = 2000

/** Writes to the master that the map names, one write after the other, each with WAIT 1. */
class Writer {
  /** Keys that a replica had in time; their value is their name. */
  readonly confirmed: string[] = []
  failures = 0
  private readonly cluster: TestCluster
  private isOver = false
  private readonly done: Promise<void>

  constructor(cluster: TestCluster) {
    this.cluster = cluster
    this.done = this.writeOn()
  }

  async confirmMore(count = 100): Promise<void> {
    const wanted = this.confirmed.length + count
    await until('more confirmed writes', () => this.confirmed.length >= wanted, 20_000)
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.done
  }

  private async writeOn(): Promise<void> {
    let client: WireClient | null = null
    for (let i = 0; !this.isOver; i++) {
      const key = `key:${i}`
      try {
        client ??= await (await this.cluster.master()).connect()
        const replies = await client.pipeline([
          ['SET', key, key],
          ['WAIT', '1', String(WAIT_MS)],
        ])
        if (replies[0] !== 'OK' || typeof replies[1] !== 'number') throw new Error('refused')
        if (replies[1] >= 1) this.confirmed.push(key)
      } catch {
        this.failures++
        await client?.close().catch(() => {})
        client = null
        await pause(20)
      }
    }
    await client?.close()
  }
}

async function assertKept(server: RunningServer, keys: readonly string[]): Promise<void> {
  const client = await server.connect()
  const values = await client.pipeline(keys.map((key) => ['GET', key]))
  const lost = keys.filter((key, i) => values[i] !== key)
  assert.equal(lost, [], 'lost confirmed writes')
  await client.close()
}

if (haveTools('Faults of a cluster', 'etcd')) {
  test('after kill -9 of the coordinator and of the master, a replica takes over, the other continues, no confirmed write is lost', async () => {
    const cluster = await TestCluster.start({ nodes: 3, replicas: 2, coordinators: 2, leaseMs: LEASE_MS })
    const writer = new Writer(cluster)
    await writer.confirmMore()
    const killed = await cluster.elected()
    await killed.end('SIGKILL')
    const master = await cluster.master()
    await master.kill9()
    const confirmed = [...writer.confirmed]
    const successor = await cluster.successorOf(master)
    assert.is.not(await cluster.elected(), killed)
    await assertKept(successor, confirmed)
    await writer.confirmMore()
    await writer.stop()
    await assertKept(successor, writer.confirmed)
    assert.is(await fullSyncs(successor), 0, 'the other replica continued')
    assert.is((await cluster.map()).version, 2)
    await master.launch()
    await until('the old master to follow', async () => (await fieldOf(master, 'master_link_status')) === 'up')
    await cluster.becomeWell()
    await cluster.stop()
  })

  test('a master that is stopped for longer than its lease acknowledges nothing when it continues, and follows its successor', async () => {
    const cluster = await TestCluster.start({ nodes: 2, replicas: 1, leaseMs: LEASE_MS })
    const master = await cluster.master()
    const client = await master.connect()
    assert.is(await client.call('SET', 'before', 'x'), 'OK')
    process.kill(master.pid, 'SIGSTOP')
    // Writes that wait in the socket of the stopped process.
    const late = client.pipeline(Array.from({ length: 50 }, (_, i) => ['SET', `late:${i}`, 'x']))
    const successor = await cluster.successorOf(master)
    process.kill(master.pid, 'SIGCONT')
    const replies = await late.catch(() => [])
    assert.equal(
      replies.filter((reply) => reply === 'OK'),
      [],
    )
    await until('the old master to follow', async () => (await fieldOf(master, 'master_link_status')) === 'up')
    assert.is(await fieldOf(master, 'master_port'), String(successor.port))
    assert.is(await successor.call('EXISTS', 'late:0'), 0)
    await cluster.becomeWell()

    // The way back is a handover, which loses nothing and needs no end of a lease.
    const writer = new Writer(cluster)
    await writer.confirmMore()
    const handover = await cluster.run('failover', `127.0.0.1:${master.port}`)
    assert.is(handover.status, 0, handover.output)
    await writer.confirmMore()
    await writer.stop()
    assert.is(await cluster.master(), master)
    await assertKept(master, writer.confirmed)
    await client.close()
    await cluster.stop()
  })

  test('the loss of the leader among three etcd changes nothing for clients', async () => {
    const cluster = await TestCluster.start({ etcds: 3, nodes: 2, replicas: 1, leaseMs: 3000 })
    const writer = new Writer(cluster)
    await writer.confirmMore()
    await (await cluster.etcd.leader()).kill9()
    const began = performance.now()
    await until('the time of a lease', () => performance.now() - began > 3500)
    await writer.confirmMore()
    await writer.stop()
    assert.equal([writer.failures, (await cluster.map()).version], [0, 1])
    await cluster.becomeWell()
    await cluster.stop()
  })
}

test.run()
