/** Units that share a reading of the clock. Commands of the test take a given time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Command, command } from '../../../commands/contract/command.ts'
import { OK } from '../../../commands/contract/reply.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { blockingLists } from '../../../commands/lists/blocking.ts'
import { lists } from '../../../commands/lists/lists.ts'
import { transactions } from '../../../commands/transactions/transactions.ts'
import { waitFor } from '../../../storage/scan/steps.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'
import type { ManualClock } from '../../support/harness/manual-clock.ts'

/** The clock of the harness in which the commands run. */
let clock: ManualClock

const declared = { group: 'server', since: '1.0.0', summary: 'Takes time.', flags: [] } as const

/** TAKE milliseconds: takes that time and answers its reading of the clock. */
const take = command({
  ...declared,
  name: 'take',
  syntax: 'TAKE milliseconds',
  arity: 2,
  run({ nowMs }, args) {
    clock.advance(Number(args[1]))
    return nowMs
  },
})

/**
 * TAKEAROUND first second: takes the first time before its wait, and the second time during it.
 */
const takeAround = command({
  ...declared,
  name: 'takearound',
  syntax: 'TAKEAROUND first second',
  arity: 3,
  *steps(_context, args) {
    clock.advance(Number(args[1]))
    yield* waitFor({ later: () => Promise.resolve().then(() => clock.advance(Number(args[2]))), now: () => {} })
    return OK
  },
})

/** SLOWBLPOP key timeout: BLPOP that takes 5 ms when it is served. */
const slowBlpop = command({
  ...declared,
  name: 'slowblpop',
  syntax: 'SLOWBLPOP key timeout',
  arity: 3,
  flags: ['write', 'blocking'],
  run(context, args) {
    const { keyCount } = context.db
    const reply = (blockingLists[0] as Command).run?.(context, args) ?? null
    if (keyCount > 0) clock.advance(5)
    return reply
  },
})

function started(): Harness {
  const made = harness([[take, takeAround], transactions])
  clock = made.server.clock
  made.keyspace.readClock(clock)
  return made
}

test('units share a clock reading until one ends more than a millisecond after it', () => {
  const { run, keyspace } = started()
  const { nowMs } = keyspace
  assert.equal([run('TAKE', '0.5'), run('TAKE', '0.5'), run('TAKE', '0.5'), run('TAKE', '0')], [nowMs, nowMs, nowMs, nowMs + 1])
  assert.equal([run('TAKE', '250'), run('TAKE', '0')], [nowMs + 1, nowMs + 251])
})

test('the commands of a transaction share the reading of its start', () => {
  const { run, keyspace } = started()
  const { nowMs } = keyspace
  for (const words of [['MULTI'], ['TAKE', '5'], ['TAKE', '5']]) run(...words)
  assert.equal(run('EXEC'), [nowMs, nowMs])
  assert.is(run('TAKE', '0'), nowMs + 10)
})

test('a waiting command ends the reading at its first wait and at its end', async () => {
  const { run, runAsync, keyspace } = started()
  const { nowMs } = keyspace
  const walk = runAsync('TAKEAROUND', '5', '20')
  assert.is(keyspace.nowMs, nowMs + 5)
  await walk
  assert.is(run('TAKE', '0'), nowMs + 25)
})

test('each served client is a unit of its own, so the next one gets nothing of a list that expired meanwhile', () => {
  const { client, run, keyspace, server } = harness([lists, expiry, [slowBlpop], transactions])
  clock = server.clock
  keyspace.readClock(clock)
  const [first, second] = [client(), client()]
  for (const each of [first, second]) each.send('SLOWBLPOP', 'l', '0')
  for (const words of [['MULTI'], ['RPUSH', 'l', 'a', 'b'], ['PEXPIRE', 'l', '3'], ['EXEC']]) run(...words)
  assert.equal([first.replies, second.replies], [[['l', 'a']], []])
})

test.run()
