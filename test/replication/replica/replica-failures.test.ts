/** The replica's state machine when the master refuses or answers badly. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Bench, logged, MASTER, MASTER_RUN, type META, OWN_RUN, sent, silent, types } from '../../support/replication/replica-bench.ts'

test('a refusal by the master becomes the reason, word for word, and is retried', () => {
  const refusals = [
    'NOAUTH Authentication required.',
    'LOADING haypile is loading the dataset in memory',
    'STALE attempt 1 comes after its attempt 2',
    'DUPLICATE 10.0.0.1:6379 is announced by two processes',
    'CYCLE this node follows it itself',
    'VERSION this master speaks format 2, the replica 1',
  ]
  for (const text of refusals) {
    const bench = new Bench().to('meta_sync')
    const actions = bench.reply(new Error(text))
    assert.equal(silent(actions), ['hang-up', 'changed'])
    assert.is(bench.machine.reason, `METASYNC: ${text}`)
    assert.is(bench.machine.state, 'connect')
  }
  const stranger = new Bench().to('meta_sync')
  stranger.reply(new Error("ERR unknown command 'METASYNC'"))
  assert.is(stranger.machine.reason, "METASYNC: the master is a Redis or the like, not a haypile: ERR unknown command 'METASYNC'")
  const steps = [
    ['auth', 'WRONGPASS invalid username-password pair or user is disabled.', 'AUTH'],
    ['try_sync', 'BEHIND this node is a replica itself', 'TRYSYNC'],
    ['try_sync', 'NOMASTERLINK a full sync is needed', 'TRYSYNC'],
    ['try_sync', 'BADSESSION session 7 is over', 'TRYSYNC'],
    ['db_sync', 'BADSESSION session 7 is over', 'DBSYNC'],
  ] as const
  for (const [state, text, request] of steps) {
    const bench = new Bench().to(state)
    bench.reply(new Error(text))
    assert.is(bench.machine.reason, `${request}: ${text}`)
  }
  const ended = new Bench().to('binlog_sync')
  ended.do({ type: 'ended', text: 'BADSESSION the data was replaced' })
  assert.is(ended.machine.reason, 'the master ended the stream: BADSESSION the data was replaced')
})

/** Returns the METASYNC that a failed link sends in its next attempt. */
function nextTry(bench: Bench): readonly string[] {
  Object.assign(bench.facts, { monotonicMs: bench.facts.monotonicMs + 60_000 })
  bench.do({ type: 'tick' })
  return sent(bench.do({ type: 'connected' }))
}

const stale = (own: number, seen: number) => new Error(`STALE attempt ${own} of ${OWN_RUN} comes after its attempt ${seen}`)

test('a replica with a stale attempt continues behind the number that the master has seen', () => {
  const bench = new Bench().to('meta_sync')
  bench.reply(stale(1, 41))
  assert.equal(nextTry(bench), [`METASYNC  6379 ${OWN_RUN} 42 1`])
  bench.reply(stale(42, Number.MAX_SAFE_INTEGER))
  assert.equal(nextTry(bench), [`METASYNC  6379 ${OWN_RUN} ${Number.MAX_SAFE_INTEGER} 1`])
  bench.meta()
  assert.is(bench.machine.state, 'try_sync')
})

test('reasons that differ only in numbers are logged once', () => {
  const bench = new Bench().to('meta_sync')
  let warnings = 0
  for (let attempt = 1; attempt <= 5; attempt++) {
    const error = stale(attempt, 100 * attempt)
    warnings += logged(bench.reply(error), 'warn').length
    assert.is(bench.machine.reason, `METASYNC: ${error.message}`)
    nextTry(bench)
  }
  assert.is(warnings, 1)
})

test('an unacceptable master is refused with the reason', () => {
  const cases: readonly (readonly [Partial<typeof META>, RegExp])[] = [
    [{ version: 2 }, /the master speaks format 2, this node format 1/],
    [{ runId: OWN_RUN }, /the master is this node itself/],
    [{ chain: [MASTER_RUN, OWN_RUN] }, /a cycle/],
    [{ databases: 17 }, /the master has 17 databases, this node 16/],
  ]
  for (const [changes, reason] of cases) {
    const bench = new Bench().to('meta_sync')
    assert.equal(silent(bench.meta(changes)), ['hang-up', 'changed'])
    assert.match(bench.machine.reason ?? '', reason)
    assert.equal(bench.machine.chain, [])
  }
})

test('malformed answers end the connection', () => {
  const answers = [new Error('ERR no'), Buffer.from('OK'), ['what']]
  for (const state of ['meta_sync', 'try_sync'] as const) {
    for (const answer of answers) {
      const bench = new Bench().to(state)
      bench.reply(answer)
      assert.is(bench.machine.state, 'connect')
    }
  }
  const noHead = new Bench().to('meta_sync')
  noHead.facts.fullSync = 'asked for'
  noHead.meta()
  noHead.reply(Buffer.from('a chunk'))
  assert.is(noHead.machine.state, 'connect')
  const noChunk = new Bench().to('db_sync')
  noChunk.do({ type: 'reply', reply: 5 })
  assert.is(noChunk.machine.reason, 'DBSYNC: a reply is not a chunk')
})

test("CONTINUE at another offset than this node's end is an error", () => {
  const bench = new Bench().to('try_sync')
  bench.allowContinue(299)
  assert.is(bench.machine.state, 'connect')
  assert.is(bench.machine.reason, 'TRYSYNC: the master would continue at offset 299, and this node is at 300')
})

test('retry delays grow from 100 ms to 5 s, with jitter of up to half', () => {
  const bench = new Bench().to('connecting')
  const { facts, machine } = bench
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    bench.do({ type: 'closed', reason: 'refused' })
    const fromMs = facts.monotonicMs
    while (machine.state === 'connect') {
      facts.monotonicMs += 50
      bench.do({ type: 'tick' })
    }
    waits.push(facts.monotonicMs - fromMs)
  }
  assert.equal(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000])
  facts.random = () => 0
  bench.do({ type: 'closed', reason: 'refused' })
  facts.monotonicMs += 2499
  assert.equal(bench.do({ type: 'tick' }), [])
  facts.monotonicMs += 1
  assert.equal(types(bench.do({ type: 'tick' })), ['dial', 'changed'])
})

test('a link that held is redialled at once when lost; one that did not hold, or failed here, is not', () => {
  const held = new Bench().to('binlog_sync')
  held.facts.monotonicMs += 1000
  assert.equal(silent(held.do({ type: 'closed', reason: 'cut' })), ['hang-up', 'dial', 'changed'])
  assert.is(held.machine.downSinceMs, 1000)
  held.do({ type: 'closed', reason: 'refused' })
  assert.is(held.machine.state, 'connect')
  const brief = new Bench().to('binlog_sync')
  brief.facts.monotonicMs += 999
  assert.equal(silent(brief.do({ type: 'closed', reason: 'cut' })), ['hang-up', 'changed'])
  const failed = new Bench().to('binlog_sync')
  failed.facts.monotonicMs += 60_000
  assert.equal(silent(failed.do({ type: 'failed', reason: 'no room' })), ['hang-up', 'changed'])
})

test('a reason is logged once, and again only after the link has held for a second', () => {
  const bench = new Bench().to('connecting')
  const { facts, machine } = bench
  const again = () => {
    facts.monotonicMs += 5000
    bench.do({ type: 'tick' })
  }
  assert.is(logged(bench.do({ type: 'closed', reason: 'refused' }), 'warn').length, 1)
  assert.is(machine.reasonSinceMs, 0)
  again()
  assert.is(logged(bench.do({ type: 'closed', reason: 'refused' }), 'warn').length, 0)
  assert.is(machine.reasonSinceMs, 0)
  again()
  bench.do({ type: 'connected' })
  bench.meta()
  const joined = bench.allowContinue()
  assert.equal(logged([...joined, ...bench.do({ type: 'streaming' })], 'info'), [], 'not before the link has held')
  assert.is(machine.reason, 'refused')
  facts.monotonicMs += 1000
  assert.is(logged(bench.do({ type: 'tick' }), 'info')[0]?.text, 'in step with the master')
  assert.is(machine.reason, null)
  assert.is(machine.reasonSinceMs, null)
  assert.equal(bench.do({ type: 'tick' }), [])
  assert.is(logged(bench.do({ type: 'closed', reason: 'refused' }), 'warn').length, 1)
})

test('a link that repeatedly comes up and fails for one reason is logged once', () => {
  const bench = new Bench().to('binlog_sync')
  let lines = 0
  for (let i = 0; i < 10; i++) {
    lines += logged(bench.do({ type: 'failed', reason: 'no room' }), 'warn').length
    bench.facts.monotonicMs += 5000
    bench.do({ type: 'tick' })
    bench.do({ type: 'connected' })
    const info = [...logged(bench.meta(), 'info'), ...logged(bench.allowContinue(), 'info')]
    assert.equal(info, [])
  }
  assert.is(lines, 1)
})

test('two alternating reasons are logged once each', () => {
  const bench = new Bench().to('connecting')
  let lines = 0
  for (let i = 0; i < 10; i++) {
    const reason = i % 2 === 0 ? 'refused' : 'reset'
    lines += logged(bench.do({ type: 'closed', reason }), 'warn').length
    assert.is(bench.machine.reason, reason)
    bench.facts.monotonicMs += 5000
    bench.do({ type: 'tick' })
  }
  assert.is(lines, 2)
})

test('silence for repl-timeout ends a full sync and a stream', () => {
  for (const state of ['db_sync', 'binlog_sync'] as const) {
    const bench = new Bench().to(state)
    bench.facts.monotonicMs += 59_999
    bench.do({ type: 'tick' })
    assert.is(bench.machine.state, state)
    bench.do({ type: 'received', atMs: bench.facts.monotonicMs })
    bench.facts.monotonicMs += 59_999
    bench.do({ type: 'tick' })
    assert.is(bench.machine.state, state)
    bench.facts.monotonicMs += 1
    bench.do({ type: 'tick' })
    assert.is(bench.machine.state, state === 'binlog_sync' ? 'connecting' : 'connect')
    assert.is(bench.machine.reason, 'nothing was heard from the master for 60 s')
  }
})

test('a request is answered within ten seconds and within repl-timeout, whatever else arrives', () => {
  for (const [state, request] of [
    ['auth', 'AUTH'],
    ['meta_sync', 'METASYNC'],
    ['try_sync', 'TRYSYNC'],
  ] as const) {
    for (const [timeoutMs, limitMs] of [
      [60_000, 10_000],
      [3000, 3000],
    ] as const) {
      const bench = new Bench().to(state)
      bench.facts.settings.timeoutMs = timeoutMs
      bench.facts.monotonicMs += limitMs - 1
      bench.do({ type: 'received', atMs: bench.facts.monotonicMs })
      assert.equal(bench.do({ type: 'tick' }), [])
      bench.facts.monotonicMs += 1
      bench.do({ type: 'tick' })
      assert.is(bench.machine.state, 'connect')
      assert.is(bench.machine.reason, `no answer to ${request} within ${limitMs / 1000} s`)
    }
  }
})

test('the answer to a FAILOVER request may take up to repl-timeout', () => {
  const bench = new Bench()
  bench.do({ type: 'follow', master: { ...MASTER, failover: true } })
  bench.do({ type: 'connected' })
  bench.meta()
  assert.is(bench.machine.state, 'try_sync')
  bench.facts.monotonicMs += 59_000
  bench.do({ type: 'tick' })
  assert.is(bench.machine.state, 'try_sync')
})

test('dialling takes at most ten seconds and at most repl-timeout', () => {
  for (const [timeoutMs, limitMs] of [
    [60_000, 10_000],
    [3000, 3000],
  ] as const) {
    const bench = new Bench().to('connecting')
    bench.facts.settings.timeoutMs = timeoutMs
    bench.facts.monotonicMs += limitMs - 1
    assert.equal(bench.do({ type: 'tick' }), [])
    bench.facts.monotonicMs += 1
    bench.do({ type: 'tick' })
    assert.is(bench.machine.reason, `no connection within ${limitMs / 1000} s`)
  }
})

test('time in which this node did not run does not count as silence', () => {
  const bench = new Bench().to('binlog_sync')
  bench.facts.isPaused = true
  for (let i = 0; i < 10; i++) {
    bench.facts.monotonicMs += 30_000
    bench.do({ type: 'tick' })
  }
  bench.facts.isPaused = false
  bench.facts.monotonicMs += 59_999
  bench.do({ type: 'tick' })
  assert.is(bench.machine.state, 'binlog_sync')
})

test('three failures to follow in a row at one offset lead to a full sync', () => {
  const bench = new Bench().to('binlog_sync')
  const bad = (offset: number) => {
    const actions = bench.do({ type: 'bad-group', offset, reason: `rubbish at offset ${offset}` })
    bench.facts.monotonicMs += 5000
    bench.do({ type: 'tick' })
    bench.do({ type: 'connected' })
    bench.meta()
    bench.allowContinue()
    return types(actions).includes('require-full-sync')
  }
  assert.equal([300, 300, 400, 400, 300, 300].map(bad), [false, false, false, false, false, false])
  assert.ok(bad(300))
  assert.not.ok(bad(300), 'the count starts again')
})

test.run()
