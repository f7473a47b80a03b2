/** A full sync to a replica whose disk is too small for it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeChunk } from '../../../replication/protocol/chunks.ts'
import { metaReply, snapshotHeadWords } from '../../../replication/protocol/messages.ts'
import { DIRECTORY } from '../../support/harness/engine.ts'
import { array, bulk, META as LINK_META, LinkBench, MASTER_ID } from '../../support/replication/link-bench.ts'
import { Bench, HEAD, logged, META, sent, silent } from '../../support/replication/replica-bench.ts'

/** LevelDB holds the data twice for a while: in its log and in a table. */
const needed = 2 * HEAD.bytes
const FULL = 'a full sync cannot be written: IO error: 000005.log: No space left on device'

/** Runs one attempt, from the wait before it to the head of a snapshot. Returns the actions. */
function attempt(bench: Bench, head = HEAD) {
  return [
    ...bench.do({ type: 'tick' }),
    ...bench.do({ type: 'connected' }),
    ...bench.reply(metaReply(META)),
    ...bench.reply(snapshotHeadWords(head)),
  ]
}

function short(freeBytes = needed - 1): Bench {
  const bench = new Bench()
  bench.facts.fullSync = 'asked for'
  bench.facts.freeBytes = freeBytes
  bench.do({ type: 'follow', master: { host: 'upstream', port: 6380, failover: false } })
  return bench
}

test('a snapshot larger than the free space is not received, and the reason is logged once', () => {
  const bench = short()
  const all = [...attempt(bench)]
  assert.ok(silent(all).includes('hang-up'))
  assert.not(silent(all).includes('copy'))
  assert.is(bench.machine.state, 'connect')
  assert.is(bench.machine.reason, `no room for a full sync: it takes about ${needed} bytes, and ${needed - 1} are free`)
  for (let i = 0; i < 12; i++) {
    bench.facts.monotonicMs = bench.machine.retryAtMs
    bench.facts.freeBytes-- // the number in the text is another one each time
    all.push(...attempt(bench))
    assert.is(bench.machine.state, 'connect')
  }
  assert.is(logged(all, 'warn').length, 1)
  assert.is(logged(all, 'info').length, 1, 'a full sync is asked for')
  assert.is(sent(all).filter((words) => words.startsWith('DBSYNC')).length, 13)
})

test('the wait for room doubles each time, up to five minutes', () => {
  const bench = short()
  const waits: number[] = []
  for (let i = 0; i < 11; i++) {
    attempt(bench)
    waits.push(bench.machine.retryAtMs - bench.facts.monotonicMs)
    bench.facts.monotonicMs = bench.machine.retryAtMs - 1
    bench.do({ type: 'tick' })
    assert.is(bench.machine.state, 'connect')
    bench.facts.monotonicMs++
  }
  assert.equal(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000])
})

test('a full sync is tried again as soon as there is room', () => {
  const bench = short()
  for (let i = 0; i < 8; i++) {
    bench.facts.monotonicMs = bench.machine.retryAtMs
    attempt(bench)
  }
  bench.facts.monotonicMs += 100
  bench.do({ type: 'tick' })
  assert.is(bench.machine.state, 'connect')
  bench.facts.freeBytes = needed
  assert.ok(silent(attempt(bench)).includes('copy'))
  assert.is(bench.machine.state, 'db_sync')
  bench.do({ type: 'copied' })
  bench.do({ type: 'installed' })
  bench.facts.fullSync = null
  bench.allowContinue()
  assert.is(bench.machine.state, 'binlog_sync')
})

test('a resumed full sync needs room for the rest only; a copy of another snapshot is abandoned', () => {
  const bench = short(800)
  bench.facts.copy = { snapshot: HEAD.id, after: '6b' }
  bench.facts.copiedBytes = 600
  assert.ok(silent(attempt(bench)).includes('copy'))
  const other = short(800)
  other.facts.copy = { snapshot: 'ffff', after: '6b' }
  other.facts.copiedBytes = 600
  const actions = silent(attempt(other))
  assert.ok(actions.includes('abandon-copy'))
  assert.not(actions.includes('copy'))
})

test('a disk that fills up during a full sync makes the replica wait as long; other failures do not', () => {
  for (const state of ['db_sync', 'installing'] as const) {
    const bench = new Bench().to(state)
    for (const waitMs of [1000, 2000, 4000]) {
      bench.do({ type: 'copy-failed', reason: FULL })
      assert.is(bench.machine.retryAtMs - bench.facts.monotonicMs, waitMs)
      bench.facts.monotonicMs = bench.machine.retryAtMs
      attempt(bench)
      if (state === 'installing') bench.do({ type: 'copied' })
      assert.is(bench.machine.state, state)
    }
  }
  const full = new Bench().to('db_sync')
  full.do({ type: 'copy-failed', reason: FULL })
  full.facts.freeBytes *= 1.05
  full.do({ type: 'tick' })
  assert.is(full.machine.state, 'connect')
  full.facts.freeBytes *= 1.05
  full.do({ type: 'tick' })
  assert.is(full.machine.state, 'connecting', 'there is more room than at the beginning')
  const bench = new Bench().to('db_sync')
  bench.do({ type: 'copy-failed', reason: 'a full sync cannot be written: IO error: EIO' })
  assert.is(bench.machine.retryAtMs - bench.facts.monotonicMs, 100)
})

test('an RDB of a Redis that cannot be loaded is asked for again ever later, until a stream begins', () => {
  const bench = new Bench()
  bench.facts.mayFollowRedis = true
  const converse = () => {
    bench.facts.monotonicMs = bench.machine.retryAtMs
    bench.do({ type: 'tick' })
    bench.do({ type: 'connected' })
    bench.reply(new Error("ERR unknown command 'METASYNC', with args beginning with: "))
    assert.is(bench.machine.state, 'redis')
  }
  const waitAfter = (reason: string) => {
    bench.do({ type: 'copy-failed', reason })
    return bench.machine.retryAtMs - bench.facts.monotonicMs
  }
  const refusal = 'the RDB of the master cannot be loaded: RDB refused at byte 9: version 99 is not known'
  bench.do({ type: 'follow', master: { host: 'upstream', port: 6380, failover: false } })
  const waits: number[] = []
  for (let i = 0; i < 7; i++) {
    converse()
    waits.push(waitAfter(refusal))
    assert.is(bench.machine.reason, refusal)
  }
  assert.equal(waits, [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000])
  bench.do({ type: 'tick' })
  assert.is(bench.machine.state, 'connect', 'free space does not end the wait')

  converse()
  bench.do({ type: 'copied' })
  assert.is(bench.machine.state, 'installing')
  assert.is(waitAfter('the data of the master cannot be installed: EIO'), 300_000)
  converse()
  bench.do({ type: 'closed', reason: 'cut' })
  assert.ok(bench.machine.retryAtMs - bench.facts.monotonicMs <= 5000, 'a cut transfer is tried again soon')
  converse()
  bench.do({ type: 'streaming' })
  bench.do({ type: 'closed', reason: 'cut' })
  converse()
  assert.is(waitAfter(refusal), 10_000)
  converse()
  assert.is(waitAfter(FULL), 2000, 'a full disk has waits of its own')
  assert.is(bench.machine.reason, 'no room for a full sync: the disk was full before its end')
})

test('on a small disk no chunk of a snapshot is written before there is room for all of it', async () => {
  const bench = await LinkBench.open({ writes: 3 })
  const { files } = bench.engine.disk
  bench.follow()
  files.capacityBytes = files.usedBytes + 500_000
  const head = array(['SNAPSHOT', 'a1', '500', '00000001', '10', '1000000', MASTER_ID])
  const chunk = bulk(encodeChunk(0, [[Buffer.from('k1'), Buffer.from('v')]]))
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(LINK_META)))
  bench.receive(array(['FULLSYNC', 'unknown', 'none of its histories is known here']))
  bench.receive(Buffer.concat([Buffer.from(head), chunk]))
  await bench.runTurns()
  assert.match(bench.link.view.reason ?? '', /^no room for a full sync: it takes about 2000000 bytes, and \d+ are free$/)
  assert.is(bench.link.view.fullSync, null)
  assert.is(files.listSync(DIRECTORY).filter((name) => name.startsWith('generation-')).length, 1)
  assert.is(bench.warnings().length, 1)
  const dials = bench.wires.length
  bench.wait(100)
  assert.is(bench.wires.length, dials)
  files.capacityBytes = 2 ** 40
  bench.wait(100)
  assert.is(bench.wires.length, dials + 1)
  bench.wire.events.onConnected()
  bench.receive(array(metaReply(LINK_META)))
  bench.receive(array(['FULLSYNC', 'unknown', 'none of its histories is known here']))
  bench.receive(Buffer.concat([Buffer.from(head), chunk]))
  await bench.untilWritten(1)
})

test.run()
