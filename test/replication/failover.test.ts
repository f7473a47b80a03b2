import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Failover, type FailoverRequest } from '../../replication/failover.ts'
import type { ReplicaView } from '../../replication/replica-view.ts'
import type { Log } from '../../storage/log.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

/** A node in outline, and what failover has done to it. */
function node() {
  const done: string[] = []
  const state = {
    end: 100,
    replicas: [] as { ip: string; port: number; applied?: number; synced: number }[],
    linked: false,
    isDiskBroken: false,
  }
  const failover = new Failover({
    log,
    end: () => state.end,
    online: () => state.replicas as unknown as ReplicaView[],
    askForAcks: () => done.push('ask'),
    pauseWrites: () => done.push('pause'),
    resumeWrites: () => done.push('resume'),
    handOver(host, port) {
      if (state.isDiskBroken) throw new Error('EIO')
      done.push(`hand over to ${host}:${port}`)
    },
    takeBack() {
      if (state.isDiskBroken) throw new Error('EIO')
      done.push('take back')
    },
    isLinked: () => state.linked,
  })
  return { failover, state, done }
}

const any: FailoverRequest = { to: null, force: false, timeoutMs: 0 }

test('writes wait, the replica gets everything, the role is handed over, and writes go on once the link is up', () => {
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 90 }]
  failover.start(any, 0)
  assert.equal(done, ['pause', 'ask'])
  assert.is(failover.state, 'waiting-for-sync')
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  failover.advance(10)
  assert.is(failover.state, 'failover-in-progress')
  assert.is(done.at(-1), 'hand over to 10.0.0.1:1')
  failover.advance(20)
  assert.is(failover.state, 'failover-in-progress')
  state.linked = true
  failover.advance(30)
  assert.is(failover.state, 'no-failover')
  assert.is(done.at(-1), 'resume')
})

test('what a replica has applied and not synced does not count: it could come back without it and lead all the same', () => {
  const { failover, state } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, applied: 100, synced: 90 }]
  failover.start(any, 0)
  assert.is(failover.state, 'waiting-for-sync')
  state.replicas = [{ ip: '10.0.0.1', port: 1, applied: 100, synced: 100 }]
  failover.advance(1)
  assert.is(failover.state, 'failover-in-progress')
})

test('the replica that was named is waited for, whoever else is ready', () => {
  const { failover, state, done } = node()
  state.replicas = [
    { ip: '10.0.0.1', port: 1, synced: 100 },
    { ip: '10.0.0.2', port: 2, synced: 50 },
  ]
  failover.start({ ...any, to: { host: '10.0.0.2', port: 2 } }, 0)
  assert.is(failover.state, 'waiting-for-sync')
  state.replicas = [{ ip: '10.0.0.2', port: 2, synced: 100 }]
  failover.advance(1)
  assert.is(done.at(-1), 'hand over to 10.0.0.2:2')
})

test('without FORCE the end of the time gives up, with it the replica takes over with what it has', () => {
  for (const force of [false, true]) {
    const { failover, state, done } = node()
    state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 10 }]
    failover.start({ to: { host: '10.0.0.1', port: 1 }, force, timeoutMs: 100 }, 0)
    failover.advance(99)
    assert.is(failover.state, 'waiting-for-sync')
    failover.advance(100)
    assert.is(failover.state, force ? 'failover-in-progress' : 'no-failover')
    assert.is(done.at(-1), force ? 'hand over to 10.0.0.1:1' : 'resume')
  }
})

test('giving up while waiting lets writes go on; while handing over it takes the role back first', () => {
  const waiting = node()
  assert.is(waiting.failover.abort('nothing'), false)
  waiting.failover.start(any, 0)
  assert.is(waiting.failover.abort('told to'), true)
  assert.equal(waiting.done, ['pause', 'ask', 'resume'])
  const handing = node()
  handing.state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  handing.failover.start(any, 0)
  assert.is(handing.failover.abort('told to'), true)
  assert.equal(handing.done, ['pause', 'hand over to 10.0.0.1:1', 'take back', 'resume'])
  assert.is(handing.failover.state, 'no-failover')
})

test('a role that cannot be stored is not handed over: this node goes on as the master', () => {
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  state.isDiskBroken = true
  failover.start(any, 0)
  assert.is(failover.state, 'no-failover')
  assert.equal(done, ['pause', 'resume'])
})

test('a role that cannot be taken back is handed over on, and writes go on in the end', () => {
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  failover.start(any, 0)
  state.isDiskBroken = true
  assert.throws(() => failover.abort('told to'), /EIO/)
  assert.is(failover.state, 'failover-in-progress')
  state.linked = true
  failover.advance(10)
  assert.is(failover.state, 'no-failover')
  assert.is(done.at(-1), 'resume')
})

test.run()
