/** The lease of a node: when it may write, and what ends that. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import { clusterKeys } from '../../../server/cluster-map/keys.ts'
import { type NodePlace, textOfMap } from '../../../server/cluster-map/map.ts'
import { RoleRefused, WriterLease } from '../../../server/fencing/writer-lease.ts'
import { MemoryEtcd } from '../../support/cluster/memory-etcd.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { until } from '../../support/servers/running-server.ts'

const ID = 'a'.repeat(40)
const OTHER = 'b'.repeat(40)
const RUN = '1'.repeat(40)
const LEASE_MS = 5000
const keys = clusterKeys('test')
const KEY = `${keys.nodes}${ID}`
const node = (id: string, port: number) => ({ id, host: '127.0.0.1', port })
const mapText = (version: number, master: string, replica: string, handover: string | null = null) =>
  textOfMap({
    version,
    shards: [
      { master: node(master, master === ID ? 1 : 2), replicas: [node(replica, replica === ID ? 1 : 2)], slots: [[0, 16_383]], handover },
    ],
  })

/** Returns a node with a lease, on a clock that a test turns. */
async function made(policy: 'readonly' | 'continue' = 'readonly') {
  const etcd = new MemoryEtcd()
  const clock = new ManualClock()
  const world = { etcd, clock, policy, history: 'c'.repeat(40), offset: 0, hasUnsent: false, fenced: [] as boolean[] }
  const assumed: NodePlace['role'][] = []
  const refuse = { assume: false }
  const lease = new WriterLease({
    etcd,
    keys,
    clock,
    log: silentLog,
    leaseMs: LEASE_MS,
    onEtcdLoss: () => world.policy,
    node: {
      id: () => ID,
      report: () => ({ runId: RUN, role: 'master', history: world.history, previousHistory: '', offset: world.offset }),
      history: () => world.history,
      offset: () => world.offset,
      hasUnsentWrites: () => world.hasUnsent,
      assume: ({ role }) => {
        if (refuse.assume) throw new RoleRefused('not now')
        assumed.push(role)
      },
      onFenced: (isFenced) => world.fenced.push(isFenced),
    },
  })
  /** Renews now and waits for the end of the attempt. */
  const renew = async () => {
    const before = etcd.transactions
    const { lastError } = lease
    lease.poke()
    await until('the renewal', () => etcd.transactions > before || lease.lastError !== lastError || etcd.state === 'away')
    for (let i = 0; i < 20; i++) await Promise.resolve()
  }
  etcd.put(keys.map, mapText(1, ID, OTHER))
  return Object.assign(world, { lease, renew, assumed, refuse })
}

test('a master in the map may write until a tenth before the end of its lease, from the sending of the renewal', async () => {
  const { lease, clock, renew, etcd, fenced } = await made()
  assert.is(lease.refusal, 'CLUSTERDOWN this node has no lease in etcd')
  await renew()
  assert.equal([lease.isFenced, lease.mapRole, lease.writableUntilMs], [false, 'master', 4500])
  const { revision } = etcd
  clock.advance(4000)
  await renew()
  assert.is(lease.writableUntilMs, 8500)
  assert.ok(etcd.revision > revision, 'each renewal is a change of the key')
  clock.advance(4499)
  assert.is(lease.isFenced, false)
  clock.advance(1)
  assert.is(lease.refusal, 'CLUSTERDOWN the lease in etcd has ended, and etcd has not renewed it')
  lease.update()
  assert.equal(fenced, [false, true])
  await lease.close()
})

test('etcd that is away for less than the lease changes nothing, and longer ends the writes until it is back', async () => {
  const { lease, clock, renew, etcd } = await made()
  await renew()
  etcd.state = 'away'
  clock.advance(3000)
  await renew()
  assert.is(lease.isFenced, false)
  clock.advance(2000)
  await renew()
  assert.equal([lease.isFenced, lease.lastError], [true, 'no etcd'])
  etcd.state = 'well'
  await renew()
  assert.equal([lease.isFenced, lease.lastError], [false, ''])
  await lease.close()
})

test('with `continue` the end of a lease ends nothing, but another master in the map does', async () => {
  const { lease, clock, renew, etcd } = await made('continue')
  await renew()
  clock.advance(60_000)
  assert.equal([lease.isFenced, lease.writableUntilMs], [false, Number.POSITIVE_INFINITY])
  etcd.put(keys.map, mapText(2, OTHER, ID))
  await renew()
  assert.is(lease.refusal, 'CLUSTERDOWN this node is no master in the map of the cluster')
  await lease.close()
})

test('the node takes its role from the map, but not while the map asks for a handover', async () => {
  const { lease, renew, etcd, assumed } = await made()
  await renew()
  etcd.put(keys.map, mapText(2, OTHER, ID))
  await renew()
  etcd.put(keys.map, mapText(3, OTHER, ID, ID))
  await renew()
  assert.equal(assumed, ['master', 'replica'])
  assert.is(lease.mapRole, 'replica')
  await lease.close()
})

test('a role that cannot be taken is tried again, and no error ends the renewals', async () => {
  const { lease, renew, refuse, assumed } = await made()
  refuse.assume = true
  await renew()
  refuse.assume = false
  await renew()
  assert.equal(assumed, ['master'])
  await lease.close()
})

test('a node may not write under a history that etcd does not know', async () => {
  const world = await made()
  const { lease, renew } = world
  await renew()
  world.history = 'd'.repeat(40)
  assert.is(lease.refusal, 'CLUSTERDOWN the lease in etcd is of another history, it is being renewed')
  await renew()
  assert.is(lease.isFenced, false)
  await lease.close()
})

test('a map that is missing, unreadable or without this node ends the writes', async () => {
  const { lease, renew, etcd } = await made()
  for (const text of ['{', '{"format":9}', mapText(5, OTHER, 'c'.repeat(40))]) {
    etcd.put(keys.map, text)
    await renew()
    assert.is(lease.mapRole, 'none', text)
    assert.is(lease.isFenced, true)
  }
  await lease.close()
})

test('a renewal whose answer is lost does not count, and the next one goes on', async () => {
  const { lease, renew, etcd, clock } = await made()
  await renew()
  clock.advance(1000)
  etcd.state = 'unheard'
  await renew()
  assert.is(lease.writableUntilMs, 4500)
  etcd.state = 'well'
  await renew() // finds its own key with another revision
  await renew()
  assert.is(lease.writableUntilMs, 5500)
  await lease.close()
})

test('a process whose key another one renews has no lease until the other is silent for the length of one', async () => {
  const { lease, renew, etcd, clock } = await made()
  await renew()
  const rival = () =>
    etcd.put(KEY, JSON.stringify({ runId: '2'.repeat(40), leaseMs: LEASE_MS, role: 'master', history: '', previousHistory: '', offset: 0 }))
  for (let i = 0; i < 4; i++) {
    rival()
    await renew()
    assert.is(lease.isFenced, true)
    clock.advance(LEASE_MS - 1)
  }
  await renew()
  assert.is(lease.isFenced, true)
  clock.advance(1)
  await renew()
  await renew()
  assert.is(lease.isFenced, false)
  await lease.close()
})

test('replies are held back in the turn in which the lease has ended, if it wrote or writes wait for the disk', async () => {
  const world = await made()
  const { lease, clock, renew } = world
  const turn = (writtenBytes: number) => {
    world.offset += writtenBytes
    return lease.takeLapse()
  }
  await renew()
  assert.equal([turn(10), turn(10), turn(0)], [false, false, false])
  clock.advance(5000) // the process was stopped
  assert.is(turn(10), true)
  assert.is(turn(0), false)
  await renew()
  clock.advance(5000)
  assert.is(turn(0), false, 'only reads')
  await renew()
  world.hasUnsent = true
  clock.advance(5000)
  assert.is(turn(0), true)
  await lease.close()
})

test.run()
