/** XREAD and XREADGROUP that block: which clients are served, when, and with which entries. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ClientError } from '../../../commands/contract/errors.ts'
import { NULL_ARRAY } from '../../../commands/contract/reply.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { streamClaims } from '../../../commands/streams/claims.ts'
import { streamGroups } from '../../../commands/streams/groups.ts'
import { streamReads } from '../../../commands/streams/reads.ts'
import { streams } from '../../../commands/streams/streams.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { harness } from '../../support/harness/harness.ts'

const made = () => harness([streams, streamReads, streamGroups, streamClaims, keys, strings, databases])

/** Returns a server with a stream s and its group g. */
function withGroup() {
  const h = made()
  h.run('XGROUP', 'CREATE', 's', 'g', '$', 'MKSTREAM')
  h.logged()
  return h
}

const entries = (key: string, ...ids: string[]) => [[key, ids.map((id) => [id, ['f', 'v']])]]
const texts = (replies: readonly unknown[]) => replies.map((reply) => (reply instanceof ClientError ? reply.message : reply))

test('all blocked readers of a stream get new entries, each after its own id', () => {
  const h = made()
  h.run('XADD', 's', '1', 'f', 'v')
  const [first, second, third] = [h.client(), h.client(), h.client()]
  first.send('XREAD', 'BLOCK', '0', 'STREAMS', 's', '$')
  second.send('XREAD', 'BLOCK', '0', 'STREAMS', 's', '1')
  third.send('XREAD', 'BLOCK', '0', 'STREAMS', 's', '5')
  h.run('XADD', 's', '2', 'f', 'v')
  assert.equal(first.replies, [entries('s', '2-0')])
  assert.equal(second.replies, [entries('s', '2-0')])
  assert.equal(third.replies, [])
  h.run('XADD', 's', '5-1', 'f', 'v')
  assert.equal(third.replies, [entries('s', '5-1')])
  assert.is(h.blocked.count, 0)
})

test('$ is the last id at the time the client began to wait', () => {
  const h = made()
  const client = h.client()
  client.send('XREAD', 'COUNT', '1', 'BLOCK', '0', 'STREAMS', 's', 't', '$', '$')
  h.run('XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM')
  h.run('XADD', 'other', '1', 'f', 'v')
  assert.equal(client.replies, [])
  h.run('XADD', 't', '7', 'f', 'v')
  assert.equal(client.replies, [entries('t', '7-0')])
})

test('a reader keeps waiting when its entry is trimmed at once or its key gets another type', () => {
  const h = made()
  const client = h.client()
  client.send('XREAD', 'BLOCK', '0', 'STREAMS', 's', '$')
  h.run('XADD', 's', 'MAXLEN', '0', '1', 'f', 'v')
  h.run('SET', 's', 'string')
  h.run('DEL', 's')
  assert.equal(client.replies, [])
  h.run('XADD', 's', '1', 'f', 'v')
  assert.equal(client.replies, [entries('s', '1-0')])
})

test('a renamed or copied stream serves waiting readers', () => {
  const h = made()
  h.run('XADD', 'from', '3', 'f', 'v')
  const [renamed, copied] = [h.client(), h.client()]
  copied.send('XREAD', 'BLOCK', '0', 'STREAMS', 'copy', '0')
  renamed.send('XREAD', 'BLOCK', '0', 'STREAMS', 'to', '0')
  h.run('COPY', 'from', 'copy')
  h.run('RENAME', 'from', 'to')
  assert.equal(copied.replies, [entries('copy', '3-0')])
  assert.equal(renamed.replies, [entries('to', '3-0')])
})

test('a timeout returns a nil array', () => {
  const h = withGroup()
  const [reader, consumer] = [h.client(), h.client()]
  reader.send('XREAD', 'BLOCK', '20', 'STREAMS', 's', '$')
  consumer.send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '10', 'STREAMS', 's', '>')
  h.advance(10)
  assert.equal(consumer.replies, [NULL_ARRAY])
  assert.equal(reader.replies, [])
  h.advance(10)
  assert.equal(reader.replies, [NULL_ARRAY])
})

test('each entry goes to one consumer of a group, in the order of arrival', () => {
  const h = withGroup()
  const [first, second] = [h.client(), h.client()]
  first.send('XREADGROUP', 'GROUP', 'g', 'a', 'BLOCK', '0', 'STREAMS', 's', '>')
  second.send('XREADGROUP', 'GROUP', 'g', 'b', 'BLOCK', '0', 'STREAMS', 's', '>')
  assert.equal(h.logged(), [
    ['XGROUP', 'CREATECONSUMER', 's', 'g', 'a'],
    ['XGROUP', 'CREATECONSUMER', 's', 'g', 'b'],
  ])
  h.run('XADD', 's', '1', 'f', 'v')
  assert.equal(first.replies, [entries('s', '1-0')])
  assert.equal(second.replies, [])
  assert.equal(
    h.logged().map((words) => words.slice(0, 6)),
    [
      ['XADD', 's', '1', 'f', 'v'],
      ['XCLAIM', 's', 'g', 'a', '0', '1-0'],
      ['XGROUP', 'SETID', 's', 'g', '1-0', 'ENTRIESREAD'],
    ],
  )
  h.run('XADD', 's', '2', 'f', 'v')
  assert.equal(second.replies, [entries('s', '2-0')])
})

test("reading a consumer's history is answered at once", () => {
  const h = withGroup()
  const client = h.client()
  client.send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 's', '0')
  assert.equal(client.replies, [[['s', []]]])
})

test('a client that waits in a group gets an error when the group disappears in any way', () => {
  const noGroup = (key: string) => `NOGROUP No such key '${key}' or consumer group 'g' in XREADGROUP with GROUP option`
  for (const [words, text] of [
    [['XGROUP', 'DESTROY', 's', 'g'], noGroup('s')],
    [['DEL', 's'], noGroup('s')],
    [['FLUSHALL'], noGroup('s')],
    [['SWAPDB', '0', '1'], noGroup('s')],
    [['RENAME', 's', 't'], noGroup('s')],
    [['SET', 's', 'string'], 'WRONGTYPE Operation against a key holding the wrong kind of value'],
  ] as const) {
    const h = withGroup()
    const client = h.client()
    client.send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 's', '>')
    h.run(...words)
    assert.equal(texts(client.replies), [text], words.join(' '))
    assert.is(h.blocked.count, 0)
  }
})

test('a consumer whose stream is empty keeps waiting', () => {
  const h = withGroup()
  h.run('XADD', 's', '666', 'f', 'v')
  h.run('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')
  h.run('XDEL', 's', '666')
  const client = h.client()
  client.send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '10', 'STREAMS', 's', '>')
  assert.equal(client.replies, [])
  assert.match(h.error('XADD', 's', '665', 'f', 'v'), /equal or smaller/)
  h.run('XADD', 's', '667', 'f', 'v')
  assert.equal(client.replies, [entries('s', '667-0')])
})

test('one entry wakes only the first of many clients waiting in a group', () => {
  const h = withGroup()
  h.run('XGROUP', 'CREATE', 's', 'other', '$')
  const crowd = Array.from({ length: 50 }, () => h.client())
  for (const [i, client] of crowd.entries())
    client.send('XREADGROUP', 'GROUP', i === 40 ? 'other' : 'g', 'c', 'BLOCK', '0', 'STREAMS', 's', '>')
  const { hits } = h.keyspace
  h.run('XADD', 's', '1', 'f', 'v')
  assert.is(h.keyspace.hits - hits, 3) // the served one, another, one of another group
  assert.equal([crowd[0]?.replies, crowd[40]?.replies, crowd[1]?.replies], [[entries('s', '1-0')], [entries('s', '1-0')], []])
  h.run('XADD', 's', '2', 'f', 'v')
  assert.equal(crowd[1]?.replies, [entries('s', '2-0')])
  h.run('XGROUP', 'DESTROY', 's', 'g')
  assert.is(h.blocked.count, 0)
})

test.run()
