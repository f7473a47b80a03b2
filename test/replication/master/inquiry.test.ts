/** Asking an address which process answers there. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { INQUIRY_TIMEOUT_MS, Inquiry } from '../../../replication/master/inquiry.ts'
import { metaReply } from '../../../replication/protocol/messages.ts'
import { defaultReplicationSettings } from '../../../replication/protocol/settings.ts'
import { encodedLength, readCommand, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { FakeWire, MASTER_RUN, OWN_RUN } from '../../support/replication/link-bench.ts'

const META = {
  session: 0,
  replicationId: '4'.repeat(40),
  past: [],
  runId: MASTER_RUN,
  version: 1,
  databases: 16,
  binlogStart: 0,
  binlogEnd: 500,
  chain: [MASTER_RUN],
}

/** Returns an inquiry that is under way to 10.0.0.1:7001, and its outcome. */
function asked(settings: { masterUser?: string; masterPassword?: string } = {}) {
  const answers: (string | null)[] = []
  let wire: FakeWire | undefined
  const inquiry = new Inquiry({
    dial: (host, port, events) => {
      wire = new FakeWire(host, port, events)
      return wire
    },
    settings: { ...defaultReplicationSettings(), ...settings },
    host: '10.0.0.1',
    port: 7001,
    runId: MASTER_RUN,
    monotonicMs: 0,
    introduction: { ip: '', port: 6379, runId: OWN_RUN, attempt: 0, version: 1 },
    onAnswered: (failure) => answers.push(failure),
  })
  const { events } = wire as FakeWire
  const takeSent = () => {
    const bytes = Buffer.concat((wire as FakeWire).sent)
    ;(wire as FakeWire).sent = []
    return readCommand(bytes, 0, bytes.length)?.args.join(' ')
  }
  const receive = (text: string) => events.onData(Buffer.from(text, 'latin1'))
  const receiveMeta = (runId: string) => {
    const words = metaReply({ ...META, runId })
    const data = Buffer.alloc(encodedLength(words))
    writeCommand(words, data, 0)
    events.onData(data)
  }
  return { inquiry, answers, wire: wire as FakeWire, events, takeSent, receive, receiveMeta }
}

const QUESTION = `METASYNC  6379 ${OWN_RUN} 0 1 ASK`

test('the address is confirmed when the expected process answers', () => {
  const { answers, events, wire, takeSent, receiveMeta } = asked()
  assert.equal([wire.host, wire.port], ['10.0.0.1', 7001])
  events.onConnected()
  assert.is(takeSent(), QUESTION)
  receiveMeta(MASTER_RUN)
  assert.equal(answers, [null])
  assert.is(wire.isClosed, true)
  events.onClosed('late')
  assert.equal(answers, [null], 'answered once')
})

test('another process, a refusal and a server that is no haypile do not confirm the address', () => {
  for (const [say, failure] of [
    [(bench: ReturnType<typeof asked>) => bench.receiveMeta('c'.repeat(40)), `is ${'c'.repeat(40)}, the replica is ${MASTER_RUN}`],
    [(bench: ReturnType<typeof asked>) => bench.receive('-LOADING wait\r\n'), 'answers METASYNC with: LOADING wait'],
    [(bench: ReturnType<typeof asked>) => bench.receive('+PONG\r\n'), `is not a haypile, the replica is ${MASTER_RUN}`],
    [(bench: ReturnType<typeof asked>) => bench.events.onClosed('ECONNRESET'), 'does not answer: ECONNRESET'],
  ] as const) {
    const bench = asked()
    bench.events.onConnected()
    say(bench)
    assert.equal(bench.answers, [failure])
    assert.is(bench.wire.isClosed, true)
  }
})

test('an inquiry authenticates like a replica, and fails if AUTH is refused', () => {
  const { answers, events, takeSent, receive, receiveMeta } = asked({ masterUser: 'user', masterPassword: 'secret' })
  events.onConnected()
  assert.is(takeSent(), 'AUTH user secret')
  receive('+OK\r\n')
  assert.is(takeSent(), QUESTION)
  receiveMeta(MASTER_RUN)
  assert.equal(answers, [null])
  const refused = asked({ masterPassword: 'wrong' })
  refused.events.onConnected()
  assert.is(refused.takeSent(), 'AUTH wrong')
  refused.receive('-WRONGPASS no\r\n')
  assert.equal(refused.answers, ['answers AUTH with: WRONGPASS no'])
})

test('an inquiry fails after its timeout, and reports nothing once closed', () => {
  const silent = asked()
  silent.inquiry.tick(INQUIRY_TIMEOUT_MS - 1)
  assert.equal(silent.answers, [])
  silent.inquiry.tick(INQUIRY_TIMEOUT_MS)
  assert.equal(silent.answers, ['has not answered within 10 s'])
  const closed = asked()
  closed.inquiry.close()
  closed.events.onConnected()
  closed.inquiry.tick(INQUIRY_TIMEOUT_MS)
  assert.equal([closed.answers, closed.wire.sent.length], [[], 0])
})

test.run()
