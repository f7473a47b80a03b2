/** The link to a Redis master, whose side a test plays: its refusals, its stream, its ids. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LinkBench } from '../../support/replication/link-bench.ts'
import { answer, fullSync, NEW_REDIS_ID, REDIS_ID, rdbOf, streamOf, upToPsync } from '../../support/replication/redis-peer.ts'

async function following(): Promise<LinkBench> {
  const bench = await LinkBench.open({ writes: 1, mayFollowRedis: true })
  bench.follow()
  return bench
}

/** A node that has the data of offset 100. */
async function inStep(): Promise<LinkBench> {
  const bench = await following()
  upToPsync(bench)
  await fullSync(bench, rdbOf({ n: '1' }), 100)
  bench.takeSent()
  return bench
}

/** Connects again after a cut or a failure. */
function again(bench: LinkBench): string {
  if (bench.link.state === 'connect') bench.wait(5000)
  return upToPsync(bench).at(-1) ?? ''
}

const positionOf = ({ engine }: LinkBench) => engine.storage.followed.position

/** True if the link tries again within the ordinary five seconds. */
function retriesSoon({ link, clock }: LinkBench): boolean {
  return link.view.nextTryMs !== null && link.view.nextTryMs - clock.monotonicMs() <= 5000
}

test('a wrong password, and a missing one, are reasons', async () => {
  const bench = await following()
  bench.settings.masterPassword = 'wrong'
  bench.wire.events.onConnected()
  assert.equal(bench.takeSent(), ['AUTH wrong'])
  bench.receive('-WRONGPASS invalid username-password pair or user is disabled.\r\n')
  assert.match(bench.link.view.reason ?? '', /^AUTH: WRONGPASS/)
  assert.ok(retriesSoon(bench))
  bench.settings.masterPassword = ''
  bench.wait(5000)
  bench.wire.events.onConnected()
  answer(bench, '-NOAUTH Authentication required.')
  assert.match(bench.link.view.reason ?? '', /^PING: .*NOAUTH.*set masterauth/)
  assert.is(bench.warnings().length, 2)
})

test('a refused PSYNC is a reason with advice, is tried again soon, and changes nothing', async () => {
  for (const [line, advice] of [
    ['-LOADING Redis is loading the dataset in memory', /LOADING.*this node tries again/],
    ["-NOMASTERLINK Can't SYNC while not connected with my master", /NOMASTERLINK.*without a link to its own master/],
    ["-NOPERM User repl has no permissions to run the 'psync' command", /NOPERM.*\+psync \+replconf \+ping/],
    ['-ERR something else', /says: ERR something else$/],
    ['+FULLRESYNC short 1', /says: FULLRESYNC short 1$/],
    [`+FULLRESYNC ${REDIS_ID} 5\r\n-ERR Unable to perform background save`, /says: ERR Unable to perform background save$/],
  ] as const) {
    const bench = await inStep()
    bench.wire.events.onClosed('cut')
    assert.is(again(bench), `PSYNC ${REDIS_ID} 101`)
    bench.receive(`${line}\r\n`)
    assert.match(bench.link.view.reason ?? '', advice)
    assert.ok(retriesSoon(bench), line)
    assert.is(bench.engine.run('GET', 'n'), '1')
    assert.is(again(bench), `PSYNC ${REDIS_ID} 101`, 'the position is still the same')
  }
})

test('refusals of REPLCONF cost only what the master shows about this node', async () => {
  const bench = await following()
  bench.wire.events.onConnected()
  answer(bench, '+PONG', '-NOPERM no replconf', '-NOPERM no replconf')
  assert.is(bench.takeSent().at(-1), 'PSYNC ? -1')
})

test('a stream continues after +CONTINUE without an id, and under a new id', async () => {
  for (const [line, id] of [
    ['+CONTINUE', REDIS_ID],
    [`+CONTINUE ${NEW_REDIS_ID}`, NEW_REDIS_ID],
  ] as const) {
    const bench = await inStep()
    bench.wire.events.onClosed('cut')
    again(bench)
    const increment = streamOf(['INCR', 'n'])
    bench.receive(Buffer.concat([Buffer.from(`${line}\r\n`), increment]), 3)
    assert.is(bench.engine.run('GET', 'n'), '2')
    assert.equal(positionOf(bench), { replicationId: id, offset: 100 + increment.length, database: 0 })
    assert.is(bench.link.view.redis?.replicationId, id)
    bench.wire.events.onClosed('cut')
    assert.is(again(bench), `PSYNC ${id} ${101 + increment.length}`)
  }
})

test('+CONTINUE is refused where nothing is there to continue', async () => {
  const bench = await following()
  assert.is(upToPsync(bench).at(-1), 'PSYNC ? -1')
  bench.receive(`+CONTINUE ${REDIS_ID}\r\n`)
  assert.match(bench.link.view.reason ?? '', /^PSYNC: .*CONTINUE/)
  assert.is(bench.engine.run('GET', 'own0'), '0')
})

test('a new id that the stream has taken over is durable with the data, before any command', async () => {
  const bench = await inStep()
  bench.wire.events.onClosed('cut')
  again(bench)
  bench.receive(`+CONTINUE ${NEW_REDIS_ID}\r\n`)
  assert.equal(positionOf(bench), { replicationId: NEW_REDIS_ID, offset: 100, database: 0 })
})

test('a command that this node lacks stops the stream before it, in INFO and log, and is asked for again', async () => {
  const bench = await inStep()
  const good = streamOf(['INCR', 'n'])
  bench.receive(Buffer.concat([good, streamOf(['TS.ADD', 'series', '1', '2'], ['INCR', 'n'])]))
  assert.is(bench.engine.run('GET', 'n'), '2', 'nothing after it is applied')
  const reason = bench.link.view.reason ?? ''
  assert.match(reason, /the master's stream has the command "TS.ADD", which this version does not know/)
  assert.equal(bench.warnings(), [reason])
  assert.is(bench.link.isUp, false)
  assert.ok(retriesSoon(bench))
  for (let tries = 0; tries < 3; tries++) {
    assert.is(again(bench), `PSYNC ${REDIS_ID} ${101 + good.length}`)
    bench.receive(Buffer.concat([Buffer.from('+CONTINUE\r\n'), streamOf(['TS.ADD', 'series', '1', '2'], ['INCR', 'n'])]))
    assert.is(bench.link.view.reason, reason)
  }
  assert.is(bench.engine.run('GET', 'n'), '2')
  assert.is(bench.warnings().length, 1, 'a repeated reason is logged once')
})

test('bytes in the stream that are no command drop the link, and the position stays before them', async () => {
  for (const rubbish of ['-ERR max number of clients reached\r\n', '+OK\r\n', '$5\r\nhello\r\n', '*1\r\n$-1\r\n']) {
    const bench = await inStep()
    const good = streamOf(['INCR', 'n'])
    bench.receive(Buffer.concat([good, Buffer.from(rubbish)]))
    assert.match(bench.link.view.reason ?? '', /the stream of the master is not RESP/, rubbish)
    assert.is(bench.engine.run('GET', 'n'), '2')
    assert.is(again(bench), `PSYNC ${REDIS_ID} ${101 + good.length}`)
  }
})

test('a command that fails here is counted and logged, and the stream continues', async () => {
  const bench = await inStep()
  bench.receive(streamOf(['SET', 'text', 'x'], ['INCR', 'text'], ['INCR', 'n']))
  assert.is(bench.engine.run('GET', 'n'), '2')
  assert.is(bench.link.view.redis?.failures, 1)
  assert.is(bench.logged.filter(({ level, text }) => level === 'error' && /failed here/.test(text)).length, 1)
  assert.ok(bench.link.isUp)
})

test('a line without an end drops the link', async () => {
  const bench = await following()
  upToPsync(bench)
  bench.receive('x'.repeat(70_000), 1000)
  assert.match(bench.link.view.reason ?? '', /a line without an end/)
})

test('GETACK is answered with what is in the log, and again once that is durable', async () => {
  const bench = await inStep()
  const asked = streamOf(['INCR', 'n'], ['REPLCONF', 'GETACK', '*'])
  bench.engine.disk.files.holdSyncs()
  bench.receive(asked)
  bench.link.flush()
  const applied = 100 + asked.length
  const [first, ...others] = bench.takeSent()
  assert.match(first ?? '', new RegExp(`^REPLCONF ACK ${applied} FACK \\d+$`))
  assert.equal(others, [])
  assert.ok(Number(first?.split(' ').at(-1)) < applied)
  void bench.engine.storage.binlog.sync()
  bench.link.flush()
  assert.equal(bench.takeSent(), [], 'it is not durable yet')
  bench.engine.disk.files.releaseSyncs()
  await bench.runTurns()
  assert.equal(bench.takeSent(), [`REPLCONF ACK ${applied} FACK ${applied}`])
  bench.wait(900)
  assert.equal(bench.takeSent(), [])
  bench.wait(200)
  assert.equal(bench.takeSent(), [`REPLCONF ACK ${applied} FACK ${applied}`])
})

test('a write that a full disk has not taken is not acknowledged', async () => {
  const bench = await inStep()
  bench.engine.disk.files.capacityBytes = 0
  const written = streamOf(['INCR', 'n'])
  bench.receive(written)
  assert.ok(bench.engine.storage.stalled !== null)
  bench.wait(1100)
  assert.match(bench.takeSent().at(-1) ?? '', /^REPLCONF ACK 100 FACK/)
  bench.engine.disk.files.capacityBytes = 2 ** 40
  assert.ok(bench.engine.storage.retry())
  bench.wait(1100)
  assert.match(bench.takeSent().at(-1) ?? '', new RegExp(`^REPLCONF ACK ${100 + written.length} FACK`))
})

test('a Redis is refused by a node that cannot follow one', async () => {
  const bench = await LinkBench.open()
  bench.follow()
  bench.wire.events.onConnected()
  bench.receive("-ERR unknown command 'METASYNC'\r\n")
  assert.is(bench.link.isUp, false)
  assert.is(bench.link.view.redis, null)
  assert.ok(bench.link.view.reason !== null)
})

test.run()
