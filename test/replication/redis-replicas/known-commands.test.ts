/** The commands that a Redis replica may be sent, beside the commands that write. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { families } from '../../../commands/families.ts'
import { deadlinesChangedBy, isKnownToRedis } from '../../../replication/redis-replicas/known-commands.ts'

/** Commands that write and are never in the log under their own names, and what the log has. */
const LOGGED_AS: Readonly<Record<string, readonly string[]>> = {
  hexpire: ['hpexpireat', 'hdel'],
  hexpireat: ['hpexpireat', 'hdel'],
  hpexpire: ['hpexpireat', 'hdel'],
  migrate: ['del'],
  'restore-asking': ['restore'],
}

const isSent = (name: string) => isKnownToRedis(name) || deadlinesChangedBy(name, 10) !== null

test('every command that writes is sent to a Redis replica, or logged as one that is', () => {
  const writers = families.flat().filter(({ flags }) => flags.includes('write'))
  const names = writers.map(({ name }) => name.split('|')[0] as string)
  assert.ok(names.length > 100)
  const unsent = [...new Set(names)].filter((name) => !isSent(name)).sort()
  assert.equal(unsent, Object.keys(LOGGED_AS).sort(), 'Redis replicas would be cut off; see known-commands.ts')
  for (const logged of Object.values(LOGGED_AS).flat()) assert.ok(isSent(logged), logged)
})

test('fields are counted in the two commands that change deadlines', () => {
  assert.is(deadlinesChangedBy('hpexpireat', 7), 2)
  assert.is(deadlinesChangedBy('hpersist', 5), 1)
  assert.is(deadlinesChangedBy('hset', 4), null)
})

test.run()
