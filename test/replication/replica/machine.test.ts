/** The replica's state machine: a table of expected transitions, and walks through it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { metaReply, snapshotHeadWords, trySyncReplyWords } from '../../../replication/protocol/messages.ts'
import type { LinkEvent, LinkState } from '../../../replication/replica/machine-types.ts'
import {
  Bench,
  HEAD,
  logged,
  MASTER,
  MASTER_ID,
  MASTER_RUN,
  META,
  OLD_ID,
  OLDER_ID,
  OWN_ID,
  OWN_RUN,
  sent,
  silent,
  types,
  UPPER_RUN,
} from '../../support/replication/replica-bench.ts'

const STATES: readonly LinkState[] = [
  'none',
  'connect',
  'connecting',
  'auth',
  'meta_sync',
  'try_sync',
  'db_sync',
  'installing',
  'binlog_sync',
]
const EVENTS: readonly LinkEvent[] = [
  { type: 'follow', master: { host: 'another', port: 1, failover: false } },
  { type: 'leave' },
  { type: 'reconnect', reason: 'killed' },
  { type: 'connected' },
  { type: 'streaming' },
  { type: 'closed', reason: 'cut' },
  { type: 'received', atMs: 0 },
  { type: 'reply', reply: new Error('ERR no') },
  { type: 'ended', text: 'BADSESSION over' },
  { type: 'bad-group', offset: 300, reason: 'rubbish' },
  { type: 'failed', reason: 'no room' },
  { type: 'copied' },
  { type: 'copy-failed', reason: 'no room' },
  { type: 'installed' },
  { type: 'tick' },
]

const REDIAL = 'connecting: hang-up dial changed'
const FOLLOW = 'connecting: hang-up abandon-copy dial changed'
const LEAVE = 'none: hang-up abandon-copy changed'
const BACK = 'connect: hang-up changed'

/**
 * The next state and the actions for each state and event. Pairs that are missing change nothing.
 */
const EXPECTED: Readonly<Record<LinkState, Partial<Record<LinkEvent['type'], string>>>> = {
  none: { follow: 'connecting: abandon-copy dial changed' },
  connect: { follow: 'connecting: abandon-copy dial changed', leave: 'none: abandon-copy changed', reconnect: 'connecting: dial changed' },
  connecting: {
    follow: 'connecting: hang-up abandon-copy dial',
    leave: LEAVE,
    reconnect: 'connecting: hang-up dial',
    connected: 'meta_sync: send changed',
    closed: BACK,
    failed: BACK,
  },
  auth: { follow: FOLLOW, leave: LEAVE, reconnect: REDIAL, closed: BACK, reply: BACK, failed: BACK },
  meta_sync: { follow: FOLLOW, leave: LEAVE, reconnect: REDIAL, closed: BACK, reply: BACK, failed: BACK },
  try_sync: { follow: FOLLOW, leave: LEAVE, reconnect: REDIAL, closed: BACK, reply: BACK, failed: BACK },
  db_sync: {
    follow: FOLLOW,
    leave: LEAVE,
    reconnect: REDIAL,
    closed: BACK,
    reply: BACK,
    failed: BACK,
    copied: 'installing: install changed',
    'copy-failed': BACK,
  },
  installing: {
    follow: FOLLOW,
    leave: LEAVE,
    reconnect: 'installing: hang-up',
    closed: 'installing: hang-up',
    reply: 'installing: hang-up',
    failed: BACK,
    'copy-failed': BACK,
    installed: 'try_sync: send changed',
  },
  redis: {
    follow: FOLLOW,
    leave: LEAVE,
    reconnect: REDIAL,
    closed: BACK,
    failed: BACK,
    copied: 'installing: install changed',
    'copy-failed': BACK,
    streaming: 'redis: changed',
  },
  binlog_sync: {
    follow: FOLLOW,
    leave: LEAVE,
    reconnect: REDIAL,
    closed: BACK,
    reply: BACK,
    ended: BACK,
    'bad-group': BACK,
    failed: BACK,
  },
}

test('each state handles each event as the table says', () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const bench = new Bench().to(state)
      const actions = bench.do(event)
      // A change of the chain alone is reported, too: `follow` from `connecting` has none.
      const happened = `${bench.machine.state}: ${silent(actions).join(' ')}`
      assert.is(happened, EXPECTED[state][event.type] ?? `${state}: `, `${state} with ${event.type}`)
    }
  }
})

test('the handshake goes from dial to in step: AUTH, METASYNC, TRYSYNC, BINLOGSYNC', () => {
  const bench = new Bench()
  const { facts, machine } = bench
  facts.identity = {
    ...facts.identity,
    past: [
      { id: OLD_ID, until: 300 },
      { id: OLDER_ID, until: 299 },
    ],
  }
  Object.assign(facts.settings, { masterPassword: 'secret', announceIp: '10.0.0.9', announcePort: 7000 })
  assert.equal(bench.do({ type: 'follow', master: MASTER }), [
    { type: 'abandon-copy' },
    { type: 'dial', host: 'upstream', port: 6380 },
    { type: 'changed' },
  ])
  assert.equal(sent(bench.do({ type: 'connected' })), ['AUTH secret'])
  assert.equal(sent(bench.reply(Buffer.from('OK'))), [`METASYNC 10.0.0.9 7000 ${OWN_RUN} 1 1`])
  assert.equal(sent(bench.meta()), [`TRYSYNC 7 ${OWN_ID} 300 abcdef01 ${OLD_ID}`])
  assert.equal(machine.chain, [MASTER_RUN, UPPER_RUN])
  const last = bench.allowContinue()
  assert.equal(last.slice(0, 3), [
    { type: 'adopt-history', replicationId: MASTER_ID, past: [{ id: OWN_ID, until: 300 }] },
    { type: 'send', words: ['BINLOGSYNC', '7', '300'] },
    { type: 'stream', offset: 300 },
  ])
  assert.equal([machine.isStreaming, machine.partialSyncs], [false, 0], 'the master may still refuse')
  assert.equal(types(bench.do({ type: 'streaming' })), ['log', 'changed'])
  assert.equal([machine.isStreaming, machine.partialSyncs, machine.downSinceMs], [true, 1, null])
  assert.equal(bench.do({ type: 'streaming' }), [])
})

test('after a refused BINLOGSYNC the link was never up, and its down time does not restart', () => {
  const bench = new Bench().to('binlog_sync')
  const { facts, machine } = bench
  facts.monotonicMs = 5000
  bench.do({ type: 'closed', reason: 'cut' })
  for (const monotonicMs of [60_000, 120_000]) {
    facts.monotonicMs = monotonicMs
    if (machine.state === 'connect') bench.do({ type: 'tick' })
    bench.do({ type: 'connected' })
    bench.meta()
    const actions = [...bench.allowContinue(), ...bench.do({ type: 'ended', text: 'NOPERM no permission' })]
    assert.equal(logged(actions, 'info'), [])
    assert.equal([machine.state, machine.isStreaming, machine.partialSyncs], ['connect', false, 1])
    assert.equal([machine.reason, machine.downSinceMs], ['BINLOGSYNC: NOPERM no permission', 5000])
  }
})

test('without an own address the replica announces its port, and sends its user with the password', () => {
  const bench = new Bench()
  Object.assign(bench.facts.settings, { masterUser: 'replica', masterPassword: 'secret' })
  bench.do({ type: 'follow', master: MASTER })
  assert.equal(sent(bench.do({ type: 'connected' })), ['AUTH replica secret'])
  assert.equal(sent(bench.reply(Buffer.from('OK'))), [`METASYNC  6379 ${OWN_RUN} 1 1`])
})

test('the attempt number grows with every METASYNC', () => {
  const bench = new Bench()
  for (let attempt = 1; attempt <= 5; attempt++) {
    bench.do(attempt % 2 === 0 ? { type: 'reconnect', reason: 'killed' } : { type: 'follow', master: MASTER })
    assert.equal(sent(bench.do({ type: 'connected' })), [`METASYNC  6379 ${OWN_RUN} ${attempt} 1`])
  }
  assert.is(bench.machine.attempts, 5)
})

test('left histories are sent to a master that accepts them', () => {
  const bench = new Bench().to('meta_sync')
  const past = [
    { id: OLD_ID, until: 300 },
    { id: OLDER_ID, until: 200 },
  ]
  bench.facts.identity = { ...bench.facts.identity, past }
  const accepting = bench.reply(metaReply({ ...META, accepts: ['left'] }))
  assert.equal(sent(accepting), [`TRYSYNC 7 ${OWN_ID} 300 abcdef01 ${OLD_ID} LEFT ${OLDER_ID} 200`])
})

test('an empty node that was promoted and demoted continues from its offset', () => {
  const bench = new Bench().to('meta_sync')
  bench.facts.isEmpty = true
  bench.facts.end = { offset: 0, crc: 0 }
  bench.facts.identity = { ...bench.facts.identity, past: [{ id: MASTER_ID, until: 0 }] }
  assert.equal(sent(bench.meta()), [`TRYSYNC 7 ${OWN_ID} 0 00000000 ${MASTER_ID}`])
})

test('an empty node, or one with a stored reason, requests a full sync without TRYSYNC', () => {
  const empty = new Bench()
  Object.assign(empty.facts, { isEmpty: true, end: { offset: 0, crc: 0 } })
  assert.equal(sent(empty.to('meta_sync').meta()), ['DBSYNC 7 ? -'])
  const doubted = new Bench()
  doubted.facts.fullSync = 'diverged'
  assert.equal(sent(doubted.to('meta_sync').meta()), ['DBSYNC 7 ? -'])
})

test("an empty node that already has its master's history continues from there", () => {
  const bench = new Bench()
  Object.assign(bench.facts, { isEmpty: true, end: { offset: 0, crc: 0 }, identity: { ...bench.facts.identity, replicationId: MASTER_ID } })
  assert.equal(sent(bench.to('meta_sync').meta()), [`TRYSYNC 7 ${MASTER_ID} 0 00000000`])
})

test('a refused TRYSYNC leads to a full sync, and then TRYSYNC from there on the same connection', () => {
  for (const reason of ['new', 'unknown', 'purged', 'ahead', 'diverged'] as const) {
    const bench = new Bench().to('try_sync')
    const { machine, facts } = bench
    const asked = bench.reply(trySyncReplyWords({ type: 'full-sync', reason, text: 'because' }))
    assert.equal(sent(asked), ['DBSYNC 7 ? -'])
    assert.equal(bench.reply(Buffer.from('WAIT')), [])
    assert.equal(silent(bench.reply(snapshotHeadWords(HEAD))), ['copy'])
    assert.equal(bench.reply(Buffer.from('WAIT')), [])
    const chunk = Buffer.from('a chunk')
    assert.equal(bench.reply(chunk), [{ type: 'chunk', chunk }])
    assert.equal(types(bench.do({ type: 'copied' })), ['install', 'changed'])
    Object.assign(facts, { identity: { ...facts.identity, replicationId: MASTER_ID }, end: { offset: 900, crc: 5 } })
    assert.equal(sent(bench.do({ type: 'installed' })), [`TRYSYNC 7 ${MASTER_ID} 900 00000005`])
    assert.ok(types(bench.allowContinue()).includes('stream'))
    assert.is(machine.fullSyncs, 1)
    assert.is(machine.partialSyncs, 0)
  }
})

test('an interrupted full sync resumes behind its last record, and is abandoned if the master allows to continue', () => {
  const bench = new Bench().to('try_sync')
  bench.facts.copy = { snapshot: 'abc', after: '6b01' }
  assert.equal(sent(bench.reply(trySyncReplyWords({ type: 'full-sync', reason: 'purged', text: '' }))), ['DBSYNC 7 abc 6b01'])
  assert.match(logged(bench.reply(snapshotHeadWords(HEAD)), 'info')[0]?.text ?? '', /resumes/)
  const other = new Bench().to('try_sync')
  other.facts.copy = { snapshot: 'abc', after: null }
  assert.is(types(other.allowContinue())[0], 'abandon-copy')
})

test('a node that cannot continue its history needs a full sync, also after a cut, until it follows', () => {
  const bench = new Bench().to('db_sync')
  const { machine, facts } = bench
  assert.is(machine.fullSync, 'needed')
  bench.do({ type: 'closed', reason: 'cut' })
  assert.is(machine.fullSync, 'needed')
  bench.do({ type: 'follow', master: MASTER })
  assert.is(machine.fullSync, null, 'another master may know the history')
  bench.do({ type: 'connected' })
  bench.meta()
  bench.reply(snapshotHeadWords(HEAD))
  bench.do({ type: 'copied' })
  facts.fullSync = null
  bench.do({ type: 'installed' })
  assert.is(machine.fullSync, 'installed')
  bench.allowContinue()
  bench.do({ type: 'streaming' })
  assert.equal([machine.fullSync, machine.fullSyncs, machine.partialSyncs], [null, 1, 0])
})

test('an install ends without a connection, and the master is dialled again afterwards', () => {
  const bench = new Bench().to('installing')
  assert.equal(types(bench.do({ type: 'closed', reason: 'cut' })), ['hang-up'])
  assert.equal(bench.do({ type: 'tick' }), [])
  assert.equal(silent(bench.do({ type: 'installed' })), ['dial', 'changed'])
})

test('FAILOVER is requested once, in METASYNC and TRYSYNC, and ignores a cycle', () => {
  const bench = new Bench()
  bench.do({ type: 'follow', master: { ...MASTER, failover: true } })
  assert.match(sent(bench.do({ type: 'connected' }))[0] ?? '', / FAILOVER$/)
  const words = sent(bench.meta({ chain: [MASTER_RUN, OWN_RUN, UPPER_RUN] }))
  assert.equal(words, [`TRYSYNC 7 ${OWN_ID} 300 abcdef01 FAILOVER`])
  assert.equal(bench.machine.chain, [MASTER_RUN])
  assert.is(types(bench.allowContinue())[0], 'failover-done')
  assert.equal(bench.machine.master, MASTER)
  bench.do({ type: 'reconnect', reason: 'killed' })
  assert.not.match(sent(bench.do({ type: 'connected' }))[0] ?? '', /FAILOVER/)
})

test('FAILOVER is requested even by a node that needs a full sync afterwards', () => {
  const bench = new Bench()
  bench.facts.fullSync = 'diverged'
  bench.do({ type: 'follow', master: { ...MASTER, failover: true } })
  bench.do({ type: 'connected' })
  assert.match(sent(bench.meta())[0] ?? '', /^TRYSYNC .* FAILOVER$/)
  const actions = bench.allowContinue()
  assert.is(types(actions)[0], 'failover-done')
  assert.equal(sent(actions), ['DBSYNC 7 ? -'])
})

test('a refused FAILOVER is requested again', () => {
  const bench = new Bench()
  bench.do({ type: 'follow', master: { ...MASTER, failover: true } })
  bench.do({ type: 'connected' })
  bench.meta()
  assert.not.ok(types(bench.reply(new Error('ERR not now'))).includes('failover-done'))
  assert.ok(bench.machine.master?.failover)
})

test('following another master clears the state of the earlier one', () => {
  const bench = new Bench().to('binlog_sync')
  bench.facts.monotonicMs += 50
  bench.do({ type: 'closed', reason: 'cut' })
  bench.do({ type: 'follow', master: { host: 'another', port: 1, failover: false } })
  const { chain, reason, reasonSinceMs, downSinceMs, lastIoMs, master } = bench.machine
  assert.equal(
    { chain, reason, reasonSinceMs, downSinceMs, lastIoMs },
    { chain: [], reason: null, reasonSinceMs: null, downSinceMs: null, lastIoMs: null },
  )
  assert.is(master?.host, 'another')
})

test('the chain is kept while the link is down, and an equal one counts as unchanged', () => {
  const bench = new Bench().to('binlog_sync')
  bench.do({ type: 'closed', reason: 'cut' })
  assert.equal(bench.machine.chain, META.chain)
  const { chain } = bench.machine
  bench.facts.monotonicMs += 5000
  bench.do({ type: 'tick' })
  bench.do({ type: 'connected' })
  bench.meta()
  assert.is(bench.machine.chain, chain, 'the same is no change')
})

test.run()
