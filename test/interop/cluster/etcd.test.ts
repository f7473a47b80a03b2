/** The client of etcd with etcd itself: one member, and three of which one fails. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Etcd } from '../../../server/etcd/etcd.ts'
import { EtcdError } from '../../../server/etcd/etcd-error.ts'
import { FollowedKeys } from '../../../server/etcd/followed-keys.ts'
import { endpointsOf } from '../../../server/etcd/gateway.ts'
import { EtcdServers } from '../../support/cluster/etcd-servers.ts'
import { until } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

const RETRY_MS = 20

async function withEtcd(count: 1 | 3, run: (servers: EtcdServers, etcd: Etcd) => Promise<void>): Promise<void> {
  const servers = await EtcdServers.start(count)
  const etcd = new Etcd({ endpoints: endpointsOf(servers.urls), timeoutMs: 1000 })
  try {
    await run(servers, etcd)
  } finally {
    etcd.close()
    await servers.stop()
  }
}

/** Puts a value; repeats after failures. Resolves to the revision. */
async function put(etcd: Etcd, key: string, value: string): Promise<number> {
  let revision = 0
  await until('a write', async () => {
    try {
      ;({ revision } = await etcd.transact({ conditions: [], operations: [{ put: key, value }] }))
      return true
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      return false
    }
  })
  return revision
}

function follow(etcd: Etcd, prefix: string): FollowedKeys {
  const followed = new FollowedKeys({ etcd, prefix, retryMs: RETRY_MS, checkMs: 1000, onChanged() {}, onFailure() {} })
  followed.start()
  return followed
}

if (haveTools('The client of etcd', 'etcd')) {
  test('keys, transactions, watches, compaction and leases work with etcd', async () => {
    await withEtcd(1, async (servers, etcd) => {
      const key = '/t/ü'
      const done = await etcd.transact({
        conditions: [{ key, createRevision: 0 }],
        operations: [{ put: key, value: 'one\n' }, { read: key }, { read: '/t/none' }],
      })
      assert.equal(
        [done.isDone, done.reads.map((read) => read?.value ?? null), done.reads[0]?.modRevision],
        [true, ['one\n', null], done.revision],
      )
      const again = await etcd.transact({ conditions: [{ key, modRevision: done.revision + 1 }], operations: [{ delete: key }] })
      assert.equal([again.isDone, (await etcd.find(key)).value?.value], [false, 'one\n'])

      const followed = follow(etcd, '/t/')
      await until('the first reading', () => followed.isRead)
      await put(etcd, '/t/b', 'two')
      await etcd.transact({ conditions: [], operations: [{ delete: key }] })
      await until('the changes', () => !followed.values.has(key) && followed.values.has('/t/b'))

      // A watch that begins at a revision that is gone.
      const revision = await put(etcd, '/t/b', 'three')
      await servers.only.ask('/v3/kv/compaction', { revision: String(revision) })
      const ended: boolean[] = []
      const watch = etcd.watch('/t/', 1, { onMessage: ({ isCancelled }) => ended.push(isCancelled), onEnded() {} })
      await until('the end of the watch', () => ended.includes(true))
      watch.close()

      const lease = await etcd.grant(1000)
      await etcd.transact({ conditions: [], operations: [{ put: '/t/c', value: 'x', lease: lease.id }] })
      assert.is((await etcd.find('/t/c')).value?.lease, lease.id)
      assert.ok((await etcd.keepAlive(lease.id)) > 0)
      await until('the key', () => followed.values.has('/t/c'))
      await until('the end of the lease', () => !followed.values.has('/t/c'))
      assert.is(await etcd.keepAlive(lease.id), 0)
      await etcd.revoke(lease.id)

      // The member restarts: the watch goes on.
      await servers.only.kill9()
      servers.only.launch()
      await put(etcd, '/t/d', 'late')
      await until('the change after the restart', () => followed.values.has('/t/d'))
      await followed.close()
    })
  })

  test('with three members, writes and watches survive a leader that is killed and one that is stopped', async () => {
    await withEtcd(3, async (servers, etcd) => {
      const followed = follow(etcd, '/t/')
      await put(etcd, '/t/a', '1')
      const stopped = await servers.leader()
      stopped.signal('SIGSTOP')
      await put(etcd, '/t/a', '2')
      await until('the change', () => followed.values.get('/t/a')?.value === '2')
      stopped.signal('SIGCONT')
      const killed = await servers.leader()
      await killed.kill9()
      await put(etcd, '/t/a', '3')
      await until('the change', () => followed.values.get('/t/a')?.value === '3')
      await followed.close()
    })
  })
}

test.run()
