/**
 * Keyspace events: which are reported, how many, and in what order.
 * test/interop/redis/key-events.test.ts compares the cases with Redis.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../../base/log.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { objects } from '../../../commands/keys/object.ts'
import { lcsCommands } from '../../../commands/strings/lcs.ts'
import { Expiry } from '../../../storage/keyspace/expiry.ts'
import { EVENT_GENERIC, EVENT_STRING } from '../../../storage/keyspace/key-events.ts'
import { BLOCKED_CASES, EVENT_CASES } from '../../support/cases/event-cases.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { EventRecorder } from '../../support/harness/event-recorder.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const NO_LOG = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

const families = [...dataFamilies, lcsCommands, objects]

interface World extends Harness {
  readonly recorder: EventRecorder
  /** Returns the events of a request, refused or not. */
  events(request: string): string[]
}

function world(wanted?: number): World {
  const recorder = new EventRecorder(wanted)
  const made = harness(families, { keyEvents: recorder })
  const events = (request: string) => {
    try {
      made.run(...request.split(' '))
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
    return recorder.take()
  }
  return { ...made, recorder, events }
}

for (const [family, cases] of Object.entries(EVENT_CASES)) {
  test(`events of ${family}`, () => {
    const { events } = world()
    for (const [request, ...expected] of cases) assert.equal(events(request), expected, request)
  })
}

test('the first access to an expired key reports expired, and then a miss or a new key', () => {
  const { events, advance } = world()
  events('SET a 1 PX 10')
  events('SADD b 1')
  events('PEXPIRE b 10')
  advance(11)
  assert.equal(events('GET a'), ['expired a', 'keymiss a'])
  assert.equal(events('SADD b 2'), ['expired b', 'new b', 'sadd b'])
  events('SET a 1 PX 10')
  advance(11)
  assert.equal(events('SET a 2'), ['expired a', 'new a', 'set a'])
})

test('a past deadline reports the set key and its expiry', () => {
  const { events, logged } = world()
  assert.equal(events('SET a 1 PXAT 1'), ['new a', 'set a', 'expire a', 'expired a'])
  assert.equal(logged(), [])
  events('SET a 1')
  logged()
  assert.equal(events('SET a 1 PXAT 1'), ['set a', 'expire a', 'expired a'])
  assert.equal(logged(), [['DEL', 'a']])
})

test('field deadlines report their setting, removal and expiry', () => {
  const { events, advance } = world()
  events('HSET h a 1 b 2 c 3 d 4 e 5')
  assert.equal(events('HEXPIRE h 10 FIELDS 2 a b'), ['hexpire h'])
  assert.equal(events('HPEXPIRE h 10 FIELDS 2 c none'), ['hexpire h'])
  assert.equal(events('HEXPIRE h 20 NX FIELDS 1 a'), [])
  assert.equal(events('HPERSIST h FIELDS 2 b d'), ['hpersist h'])
  assert.equal(events('HPERSIST h FIELDS 1 b'), [])
  assert.equal(events('HEXPIREAT h 0 FIELDS 1 d'), ['hdel h'])
  advance(11)
  assert.equal(events('HGET h c'), ['hexpired h'])
  assert.equal(events('HPEXPIRE h 10 FIELDS 2 b e'), ['hexpire h'])
  advance(10_000)
  assert.equal(events('HGETALL h'), ['hexpired h', 'del h', 'keymiss h'])
  events('HSET h a 1')
  assert.equal(events('HEXPIREAT h 0 FIELDS 1 a'), ['hdel h', 'del h'])
  assert.equal(events('HEXPIRE h 10 FIELDS 1 a'), [])
  assert.equal(events('HTTL h FIELDS 1 a'), ['keymiss h'])
})

test('expiries are reported in order of time, and fields that expire together at once', () => {
  const { events, advance, keyspace, recorder } = world()
  const expiry = new Expiry(keyspace, NO_LOG)
  expiry.lookAhead(keyspace.nowMs)
  for (const request of ['SET b 1 PX 20', 'SET a 1 PX 30', 'HSET h a 1 b 2 c 3', 'HSET i a 1']) events(request)
  for (const request of ['HPEXPIRE h 10 FIELDS 2 a b', 'HPEXPIRE h 40 FIELDS 1 c', 'HPEXPIRE i 25 FIELDS 1 a']) events(request)
  advance(30)
  expiry.expireSome(100)
  assert.equal(recorder.take(), ['hexpired h', 'expired b', 'hexpired i', 'del i', 'expired a'])
  advance(10)
  expiry.expireSome(100)
  assert.equal(recorder.take(), ['hexpired h', 'del h'])
})

test('on a replica an expired key is reported as a miss, and a deletion in the log as deleted', () => {
  const { events, advance, keyspace, replay, recorder } = world()
  events('SET a 1 PX 10')
  keyspace.expiryMode = 'hide'
  advance(11)
  assert.equal(events('GET a'), ['keymiss a'])
  replay([['DEL', 'a']])
  assert.equal(recorder.take(), ['del a'])
  replay([['SET', 'b', '1', 'PXAT', '4000000000000']])
  assert.equal(recorder.take(), ['new b', 'set b', 'expire b'])
})

test('the event of a served client follows the event that made its key ready', () => {
  const { recorder, run, client } = world()
  const after = (request: string) => {
    run(...request.split(' '))
    return recorder.take()
  }
  for (const [blocking, ready, ...expected] of BLOCKED_CASES) {
    client().send(...blocking.split(' '))
    assert.equal(after(ready), expected, blocking)
  }
  after('XGROUP CREATE s g $ MKSTREAM')
  client().send('XREADGROUP', 'GROUP', 'g', 'c', 'BLOCK', '0', 'STREAMS', 's', '>')
  assert.equal(recorder.take(), ['xgroup-createconsumer s'])
  assert.equal(after('XADD s 1-1 f v'), ['xadd s'])
})

test('only the configured classes are reported', () => {
  const { recorder, run } = world(EVENT_GENERIC)
  run('SET', 'a', '1', 'EX', '10')
  run('GET', 'none')
  run('DEL', 'a')
  assert.equal(recorder.take(), ['expire a', 'del a'])
  recorder.wanted = EVENT_STRING
  run('SET', 'a', '1', 'EX', '10')
  assert.equal(recorder.take(), ['set a'])
})

test.run()
