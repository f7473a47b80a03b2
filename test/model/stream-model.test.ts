/**
 * Streams against a plain twin: random commands, tiny pages, checkpoints, evictions, and a replay
 * of the log.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { ClientError } from '../../commands/contract/errors.ts'
import { keys } from '../../commands/keys/keys.ts'
import { streamClaims } from '../../commands/streams/claims.ts'
import { streamGroups } from '../../commands/streams/groups.ts'
import { streamInfo } from '../../commands/streams/info.ts'
import { streamReads } from '../../commands/streams/reads.ts'
import { streams } from '../../commands/streams/streams.ts'
import { Stream } from '../../storage/values/streams/stream.ts'
import { streams as streamType } from '../support/generators/collection-stream.ts'
import { CollectionTwin, ERROR } from '../support/generators/collection-twin.ts'
import { plainReply } from '../support/generators/collection-world.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { checkStored } from '../support/harness/engine-invariants.ts'
import { type Harness, harness, plain } from '../support/harness/harness.ts'
import { checkTree } from '../support/harness/tree-check.ts'

const { HAYPILE_ROUNDS = '4' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)
const STEPS = 500
const TINY = { inlineBytes: 100, pageBytes: 200, pageElements: 6 }
const KEYS = ['s', 't']

const families = [streams, streamReads, streamGroups, streamClaims, streamInfo, keys]

function randomCommand({ pick, integer }: Seeded, step: number): Bytes[] {
  const key = pick(KEYS)
  const group = pick(['g', 'g', 'h'])
  const consumer = pick(['a', 'b', 'c'])
  const id = () => String(integer(step + 10))
  const idle = String(integer(30))
  const count = String(1 + integer(8))
  const more = ['COUNT', count, 'STREAMS', key]
  return pick([
    ['XADD', key, String(step + 1), 'f', `value ${step}`],
    ['XADD', key, String(step + 1), 'f', `value ${step}`],
    ['XADD', key, 'MAXLEN', String(40 + integer(40)), String(step + 1), 'f', 'v'.repeat(integer(60))],
    ['XADD', key, id(), 'f', 'v'],
    ['XDEL', key, id(), id()],
    integer(5) === 0 ? ['XTRIM', key, 'MAXLEN', String(integer(60))] : ['XLEN', key],
    integer(5) === 0 ? ['XTRIM', key, 'MINID', id()] : ['XLEN', key],
    ['XRANGE', key, id(), id(), 'COUNT', count],
    ['XREVRANGE', key, id(), id(), 'COUNT', count],
    ['XGROUP', 'CREATE', key, group, pick(['$', '0', id()]), 'MKSTREAM'],
    integer(4) === 0 ? ['XGROUP', 'SETID', key, group, pick(['$', '0', id()])] : ['XLEN', key],
    integer(8) === 0 ? ['XGROUP', 'DESTROY', key, group] : ['XLEN', key],
    integer(4) === 0 ? ['XGROUP', 'DELCONSUMER', key, group, consumer] : ['XGROUP', 'CREATECONSUMER', key, group, consumer],
    ['XREADGROUP', 'GROUP', group, consumer, ...more, '>'],
    ['XREADGROUP', 'GROUP', group, consumer, ...more, '>'],
    ['XREADGROUP', 'GROUP', group, consumer, ...more, id()],
    ['XACK', key, group, id(), id()],
    ['XCLAIM', key, group, consumer, idle, id(), id()],
    ['XAUTOCLAIM', key, group, consumer, idle, id(), 'COUNT', count],
    ['XPENDING', key, group, id(), '+', count],
    ['XPENDING', key, group, '0', '+', count, consumer],
    integer(40) === 0 ? ['DEL', key] : ['XLEN', key],
  ])
}

/** The whole content of a stream; records of the groups' tree come in pairs. */
function stateOf({ keyspace }: Harness, key: Bytes): unknown {
  const entry = keyspace.database(0).lookup(key)
  if (entry === undefined) return null
  const stream = entry.value as Stream
  assert.instance(stream, Stream)
  const [entries, groups] = stream.object.trees
  const records = groups === undefined ? [] : checkTree(groups)
  const names = new Set(records.filter(([name]) => name[0] === 'c').map(([name, value]) => name.slice(1, 5) + (value as Bytes)))
  assert.equal(names, new Set(records.filter(([name]) => name[0] === 'b').map(([name]) => name.slice(1))), 'consumers')
  const owned = records.filter(([name]) => name[0] === 'e').map(([name]) => name.slice(1))
  const pending = records.filter(([name]) => name[0] === 'd')
  assert.equal(owned, pending.map(([name, value]) => name.slice(1, 5) + (value as Bytes).slice(0, 4) + name.slice(5)).sort(), 'pending')
  return [checkTree(entries!), records, stream.encodeHeader()]
}

function answerOf(made: Harness, words: Bytes[]): unknown {
  try {
    return plainReply(plain(made.run(...words)))
  } catch (error) {
    if (error instanceof ClientError) return error
    throw error
  }
}

test('streams and their log equal a twin through random paging', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const seed = seeded('stream model')
    const made = harness(families)
    const again = harness(families)
    made.keyspace.pageLimits = TINY
    const twin = new CollectionTwin(streamType, 1)
    for (let step = 0; step < STEPS; step++) {
      const words = randomCommand(seed, step)
      const reply = answerOf(made, words)
      const expected = twin.run({ nowMs: made.keyspace.nowMs, index: 0, words, reply })
      if (expected === ERROR) assert.instance(reply, ClientError, `step ${step}: ${words.join(' ')}`)
      else assert.equal(reply, expected, `step ${step}: ${words.join(' ')}`)
      again.keyspace.setClock(made.keyspace.nowMs)
      again.replay(made.logged())
      if (seed.integer(10) === 0) for (const key of KEYS) assert.equal(stateOf(again, key), stateOf(made, key), `${key} after replay`)
      if (seed.integer(4) === 0) made.advance(seed.integer(30))
      if (seed.integer(20) === 0) await made.checkpoint()
      if (seed.integer(20) === 0) await made.toDisk()
    }
    for (const key of KEYS) assert.equal(stateOf(again, key), stateOf(made, key), `${key} at the end`)
    await made.checkpoint()
    await checkStored(made.records)
  }
})

test.run()
