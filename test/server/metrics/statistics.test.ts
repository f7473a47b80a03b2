/** Counters of commands, errors and traffic. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import type { Command } from '../../../commands/contract/command.ts'
import { Rate } from '../../../server/metrics/rate.ts'
import { Statistics } from '../../../server/metrics/statistics.ts'

const [ping, echo] = connection as unknown as readonly [Command, Command]

function harness() {
  const keyspace = { hits: 0, misses: 0, expiredKeys: 0, expiredFields: 0, droppedObjects: 0, evictions: 0 }
  let resets = 0
  const statistics = new Statistics(keyspace, () => resets++)
  return { keyspace, statistics, resets: () => resets }
}

test('a command always has the same counters object', () => {
  const { statistics } = harness()
  const counters = statistics.counters(ping)
  assert.is(statistics.counters(ping), counters)
  assert.is.not(statistics.counters(echo), counters)
  counters.calls += 2
  statistics.counters(echo).calls++
  assert.is(statistics.commandsProcessed, 3)
})

test('commands that were never tried are not listed', () => {
  const { statistics } = harness()
  statistics.counters(ping)
  statistics.counters(echo).rejected++
  assert.equal(
    [...statistics.usedCommands()].map(([name]) => name),
    ['echo'],
  )
})

test('errors are counted by their first word, and from the 129th word on together', () => {
  const { statistics } = harness()
  statistics.error('ERR syntax error')
  statistics.error('ERR other')
  statistics.error('ALONE')
  for (let i = 0; i < 200; i++) statistics.error(`CODE${i} text`)
  statistics.error('ERR again')
  const errors = statistics.errors()
  assert.is(errors.get('ERR'), 3)
  assert.is(errors.get('ALONE'), 1)
  assert.is(errors.size, 129)
  assert.is(errors.get('ERRORSTATS_OVERFLOW'), 200 - 126)
  assert.is(statistics.errorReplies, 204)
})

test('a reset zeroes all counters and keeps their objects', () => {
  const { statistics, keyspace, resets } = harness()
  const counters = statistics.counters(ping)
  Object.assign(counters, { calls: 3, micros: 4, rejected: 5, failed: 6 })
  Object.assign(statistics, { connectionsReceived: 1, netInputBytes: 2, errorReplies: 3, reads: 4 })
  Object.assign(keyspace, { hits: 1, misses: 2, expiredKeys: 3, expiredFields: 5, droppedObjects: 6, evictions: 4 })
  statistics.error('ERR x')
  statistics.reset()
  assert.equal(counters, { calls: 0, micros: 0, rejected: 0, failed: 0 })
  assert.is(statistics.counters(ping), counters)
  assert.equal(keyspace, { hits: 0, misses: 0, expiredKeys: 0, expiredFields: 0, droppedObjects: 0, evictions: 0 })
  assert.equal([statistics.connectionsReceived, statistics.netInputBytes, statistics.errorReplies, statistics.reads], [0, 0, 0, 0])
  assert.is(statistics.errors().size, 0)
  assert.is(resets(), 1)
})

test('a rate is the mean of the last sixteen samples', () => {
  const rate = new Rate()
  let count = 0
  rate.sample(count, 1000)
  for (let i = 1; i <= 16; i++) {
    count += 50
    rate.sample(count, 1000 + i * 100)
  }
  assert.is(rate.perSecond, 500)
  for (let i = 17; i <= 24; i++) rate.sample(count, 1000 + i * 100)
  assert.is(rate.perSecond, 250)
  for (let i = 25; i <= 32; i++) rate.sample(count, 1000 + i * 100)
  assert.is(rate.perSecond, 0)
})

test('a rate accepts samples at uneven times, and ignores repeated times and decreasing counters', () => {
  const rate = new Rate()
  rate.sample(0, 0)
  rate.sample(160, 200)
  assert.is(rate.perSecond, 50)
  rate.sample(1000, 200)
  rate.sample(0, 300)
  assert.is(rate.perSecond, 50)
  rate.sample(80, 400)
  assert.is(rate.perSecond, 100)
})

test('ticks sample commands and bytes', () => {
  const { statistics } = harness()
  statistics.tick(0)
  statistics.counters(ping).calls = 16
  statistics.netInputBytes = 1600
  statistics.netOutputBytes = 3200
  statistics.tick(100)
  assert.is(statistics.commandsPerSecond.perSecond, 10)
  assert.is(statistics.inputPerSecond.perSecond, 1000)
  assert.is(statistics.outputPerSecond.perSecond, 2000)
  statistics.reset()
  statistics.tick(200)
  assert.is(statistics.commandsPerSecond.perSecond, 0)
})

test.run()
