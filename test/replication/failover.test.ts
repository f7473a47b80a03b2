/** FAILOVER on the master: waiting for a replica, handing the role over, giving up. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../base/log.ts'
import { Failover, type FailoverRequest, FORCED_TIMEOUT_MS } from '../../replication/failover.ts'
import type { ReplicaView } from '../../replication/master/replica-view.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

/** Returns a node in outline that records the actions of a failover. */
function node() {
  const done: string[] = []
  const state = {
    end: 100,
    replicas: [] as { ip: string; port: number; runId?: string; applied?: number; synced: number }[],
    linked: false,
    isDiskBroken: false,
    /** A replica's answer at its address; undefined while there is none. */
    answer: null as string | null | undefined,
    mayTakeBack: true,
  }
  let answered: (failure: string | null) => void = () => {}
  const failover = new Failover({
    log,
    binlogEnd: () => state.end,
    online: () => state.replicas.map((replica) => ({ runId: `run ${replica.ip}`, ...replica })) as unknown as ReplicaView[],
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
    mayTakeBack: () => state.mayTakeBack,
    inquire({ ip, port }, tell) {
      done.push(`inquire ${ip}:${port}`)
      answered = (failure) => {
        tell(failure)
        failover.advance(0)
      }
      if (state.answer !== undefined) tell(state.answer)
      if (state.answer === null) failover.advance(0)
    },
    stopInquiry() {},
  })
  return { failover, state, done, answers: (failure: string | null) => answered(failure) }
}

const any: FailoverRequest = { to: null, isForced: false, timeoutMs: 0 }

test('FAILOVER pauses writes, waits for the replica, hands the role over, and resumes writes once the link is up', () => {
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

test('a replica counts for FAILOVER only when it has synced everything, as it might restart without the rest', () => {
  const { failover, state } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, applied: 100, synced: 90 }]
  failover.start(any, 0)
  assert.is(failover.state, 'waiting-for-sync')
  state.replicas = [{ ip: '10.0.0.1', port: 1, applied: 100, synced: 100 }]
  failover.advance(1)
  assert.is(failover.state, 'failover-in-progress')
})

test('FAILOVER waits for the named replica even if another one is ready', () => {
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

test('at TIMEOUT FAILOVER gives up, and with FORCE hands the role over anyway', () => {
  for (const isForced of [false, true]) {
    const { failover, state, done } = node()
    state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 10 }]
    failover.start({ to: { host: '10.0.0.1', port: 1 }, isForced, timeoutMs: 100 }, 0)
    failover.advance(99)
    assert.is(failover.state, 'waiting-for-sync')
    failover.advance(100)
    assert.is(failover.state, isForced ? 'failover-in-progress' : 'no-failover')
    assert.is(done.at(-1), isForced ? 'hand over to 10.0.0.1:1' : 'resume')
  }
})

test('ABORT while waiting resumes writes; while handing over it takes the role back first', () => {
  const waiting = node()
  assert.is(waiting.failover.abort('nothing'), false)
  waiting.failover.start(any, 0)
  assert.is(waiting.failover.abort('told to'), true)
  assert.equal(waiting.done, ['pause', 'ask', 'resume'])
  const handing = node()
  handing.state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  handing.failover.start(any, 0)
  assert.is(handing.failover.abort('told to'), true)
  assert.equal(handing.done, ['pause', 'inquire 10.0.0.1:1', 'hand over to 10.0.0.1:1', 'take back', 'resume'])
  assert.is(handing.failover.state, 'no-failover')
})

test('a role that cannot be stored is not handed over, and this node stays the master', () => {
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  state.isDiskBroken = true
  failover.start(any, 0)
  assert.is(failover.state, 'no-failover')
  assert.equal(done, ['pause', 'inquire 10.0.0.1:1', 'resume'])
})

test('the role is handed over only after the replica has answered at its address', () => {
  const { failover, state, done, answers } = node()
  state.answer = undefined
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  failover.start(any, 0)
  failover.advance(10)
  assert.equal(done, ['pause', 'inquire 10.0.0.1:1', 'ask', 'ask'], 'asked once')
  answers(null)
  assert.is(done.at(-1), 'hand over to 10.0.0.1:1')
})

test("FAILOVER ends if the named replica's address leads elsewhere, with nothing handed over", () => {
  const { failover, state, done } = node()
  state.answer = 'does not answer'
  state.replicas = [
    { ip: '10.0.0.1', port: 1, synced: 100 },
    { ip: '10.0.0.2', port: 2, synced: 100 },
  ]
  failover.start({ ...any, to: { host: '10.0.0.1', port: 1 } }, 0)
  assert.is(failover.state, 'no-failover')
  assert.equal(done, ['pause', 'inquire 10.0.0.1:1', 'resume'])
})

test('without a named replica the next one is asked, and FAILOVER ends when none is left', () => {
  const { failover, state, done } = node()
  state.answer = 'does not answer'
  state.replicas = [
    { ip: '10.0.0.1', port: 1, synced: 100 },
    { ip: '10.0.0.2', port: 2, synced: 100 },
  ]
  failover.start(any, 0)
  assert.is(failover.state, 'waiting-for-sync')
  failover.advance(1)
  assert.is(failover.state, 'no-failover')
  assert.equal(
    done.filter((what) => what !== 'ask'),
    ['pause', 'inquire 10.0.0.1:1', 'inquire 10.0.0.2:2', 'resume'],
  )
})

test('a replica that restarted since its answer is asked again', () => {
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 10 }]
  failover.start({ ...any, to: { host: '10.0.0.1', port: 1 } }, 0)
  state.answer = undefined
  state.replicas = [{ ip: '10.0.0.1', port: 1, runId: 'another', synced: 100 }]
  failover.advance(1)
  assert.is(failover.state, 'waiting-for-sync')
  assert.is(done.filter((what) => what.startsWith('inquire')).length, 2)
})

test('TIMEOUT also covers the inquiry, with and without FORCE', () => {
  for (const isForced of [false, true]) {
    const { failover, state, done } = node()
    state.answer = undefined
    state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
    failover.start({ to: { host: '10.0.0.1', port: 1 }, isForced, timeoutMs: 100 }, 0)
    failover.advance(99)
    assert.is(failover.state, 'waiting-for-sync')
    failover.advance(100)
    assert.is(failover.state, 'no-failover')
    assert.not.ok(done.some((what) => what.startsWith('hand over')))
  }
  const forced = node()
  forced.state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 10 }]
  forced.failover.start({ to: { host: '10.0.0.1', port: 1 }, isForced: true, timeoutMs: 100 }, 0)
  forced.failover.advance(100)
  forced.failover.advance(100 + FORCED_TIMEOUT_MS - 1)
  assert.is(forced.failover.state, 'failover-in-progress')
  forced.failover.advance(100 + FORCED_TIMEOUT_MS)
  assert.equal(forced.done.slice(-2), ['take back', 'resume'])
  const { failover, state, done } = node()
  state.replicas = [{ ip: '10.0.0.1', port: 1, synced: 100 }]
  failover.start({ ...any, timeoutMs: 100 }, 0)
  state.mayTakeBack = false
  failover.advance(1000)
  assert.is(failover.state, 'failover-in-progress', 'it may have taken over')
  state.mayTakeBack = true
  failover.advance(1000)
  assert.equal(done.slice(-2), ['take back', 'resume'])
})

test('if the role cannot be taken back, the hand-over continues and writes resume in the end', () => {
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
