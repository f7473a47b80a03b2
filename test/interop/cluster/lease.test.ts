/** A master with a lease in a real etcd: etcd away for a short and a long time, a frozen master. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterKeys } from '../../../server/cluster-map/keys.ts'
import { textOfMap } from '../../../server/cluster-map/map.ts'
import { Etcd } from '../../../server/etcd/etcd.ts'
import { endpointsOf } from '../../../server/etcd/gateway.ts'
import { EtcdServers } from '../../support/cluster/etcd-servers.ts'
import { pause, RunningServer, until } from '../../support/servers/running-server.ts'
import { type WireClient, WireError } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const LEASE_MS = 2000
const keys = clusterKeys('test')

/** A master with a lease, alone in its map. */
class LeasedMaster {
  readonly etcd: EtcdServers
  readonly server: RunningServer
  readonly client: WireClient

  private constructor(etcd: EtcdServers, server: RunningServer, client: WireClient) {
    this.etcd = etcd
    this.server = server
    this.client = client
  }

  static async start(): Promise<LeasedMaster> {
    const etcd = await EtcdServers.start()
    const flags = { 'cluster-enabled': 'emulated', 'cluster-etcd': etcd.urls, 'cluster-name': 'test', 'cluster-lease-ms': LEASE_MS }
    const server = await RunningServer.start({ flags })
    const client = await server.connect()
    const master = new LeasedMaster(etcd, server, client)
    assert.match(await master.write('early'), /^CLUSTERDOWN/)
    await master.enter()
    return master
  }

  /** Writes a map with this node as its master, and waits for the permission to write. */
  async enter(): Promise<void> {
    const id = String(await this.client.call('CLUSTER', 'MYID'))
    const { port } = this.server
    const map = { version: 1, shards: [{ master: { id, host: '127.0.0.1', port }, replicas: [], slots: [], handover: null }] }
    const etcd = new Etcd({ endpoints: endpointsOf(this.etcd.urls), timeoutMs: 1000 })
    await etcd.transact({ conditions: [], operations: [{ put: keys.map, value: textOfMap(map) }] })
    etcd.close()
    await until('the permission to write', async () => (await this.write('first')) === 'OK')
  }

  /** Writes a key. Resolves to the reply, or the text of the error. */
  async write(key: string): Promise<string> {
    const reply = await this.client.call('SET', key, 'x').catch((error: unknown) => error)
    return reply instanceof WireError ? reply.text : String(reply)
  }

  async info(field: string): Promise<string> {
    const text = String(await this.client.call('INFO', 'cluster'))
    return new RegExp(`^${field}:(.*)\\r$`, 'm').exec(text)?.[1] ?? ''
  }

  async stop(): Promise<void> {
    await this.client.close()
    await this.server.stop()
    await this.etcd.stop()
  }
}

if (haveTools('The lease of a master', 'etcd')) {
  test('etcd away for less than the lease changes nothing, longer ends the writes, and `continue` allows them', async () => {
    const master = await LeasedMaster.start()
    const { only } = master.etcd
    assert.equal([await master.info('cluster_map_role'), await master.info('cluster_writes_refused')], ['master', '0'])
    const began = performance.now()
    await only.kill9()
    while (performance.now() - began < LEASE_MS * 0.3) assert.is(await master.write('short'), 'OK')
    only.launch()
    await until('a renewal', async () => Number(await master.info('cluster_lease_left_ms')) > LEASE_MS * 0.8)
    assert.not.ok(master.server.log.includes('refuses writes'), 'not in between either')

    await only.kill9()
    await until('the end of the lease', async () => (await master.write('long')) !== 'OK')
    assert.is(await master.write('long'), 'CLUSTERDOWN the lease in etcd has ended, and etcd has not renewed it')
    assert.is(await master.client.call('GET', 'first'), 'x', 'reads go on')
    assert.is(await master.info('cluster_writes_refused_reason'), 'CLUSTERDOWN the lease in etcd has ended, and etcd has not renewed it')
    assert.match(await master.info('cluster_etcd_last_error'), /ECONNREFUSED/)
    const waiting = await master.client.call('WAIT', '0', '10').catch((error: unknown) => error)
    assert.match(String((waiting as WireError).text), /^CLUSTERDOWN/)
    await master.client.call('CONFIG', 'SET', 'cluster-on-etcd-loss', 'continue')
    assert.is(await master.write('continued'), 'OK')
    await master.client.call('CONFIG', 'SET', 'cluster-on-etcd-loss', 'readonly')
    assert.match(await master.write('again'), /^CLUSTERDOWN/)
    only.launch()
    await until('the lease to return', async () => (await master.write('back')) === 'OK')
    await master.stop()
  })

  test('a master that was stopped for longer than its lease acknowledges no write before it has renewed it', async () => {
    const master = await LeasedMaster.start()
    const { server, etcd } = master
    const writer = await server.connect()
    const acknowledged: number[] = []
    let sent = 0
    let isOver = false
    // Writes that are in the sockets when the process stops, and that arrive while it is stopped.
    const writing = (async () => {
      while (!isOver) {
        const words = Array.from({ length: 20 }, () => ['SET', `k${sent++}`, 'x'] as const)
        const replies = await writer.pipeline(words).catch(() => [])
        for (const reply of replies) if (reply === 'OK') acknowledged.push(performance.now())
        if (replies.length === 0) return
      }
    })()
    await until('some writes', () => acknowledged.length > 200)
    process.kill(server.pid, 'SIGSTOP')
    await pause(100)
    // etcd stops, too: the process can renew nothing when it continues.
    etcd.only.signal('SIGSTOP')
    const stoppedMs = performance.now()
    await pause(LEASE_MS)
    process.kill(server.pid, 'SIGCONT')
    assert.match(await master.write('after'), /^CLUSTERDOWN/)
    isOver = true
    await writing
    assert.equal(acknowledged.filter((ms) => ms > stoppedMs).length, 0, 'writes that were acknowledged after the lease')
    etcd.only.signal('SIGCONT')
    await until('the lease to return', async () => (await master.write('back')) === 'OK')
    await writer.close()
    await master.stop()
  })
}

test.run()
