/**
 * Hashes against a plain twin: random commands, expiring fields, tiny pages, checkpoints,
 * evictions, active expiry, and a replay of the log.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import type { Log } from '../../base/log.ts'
import { hashExpiry } from '../../commands/hashes/expiry.ts'
import { hashes } from '../../commands/hashes/hashes.ts'
import { hashNumbers } from '../../commands/hashes/numbers.ts'
import { hashReading } from '../../commands/hashes/reading.ts'
import { expiry } from '../../commands/keys/expiry.ts'
import { keys } from '../../commands/keys/keys.ts'
import { strings } from '../../commands/strings/strings.ts'
import { Checkpoint } from '../../storage/checkpoint/checkpoint.ts'
import { Expiry } from '../../storage/keyspace/expiry.ts'
import { FieldValue } from '../../storage/tree/node.ts'
import { fieldDeadlineKey, Hash } from '../../storage/values/hash.ts'
import { hashes as hashType } from '../support/generators/collection-hash.ts'
import { CollectionTwin } from '../support/generators/collection-twin.ts'
import { plainReply } from '../support/generators/collection-world.ts'
import { type Seeded, seeded } from '../support/generators/seed.ts'
import { checkStored } from '../support/harness/engine-invariants.ts'
import { type Harness, harness } from '../support/harness/harness.ts'
import { checkTree } from '../support/harness/tree-check.ts'

const { HAYPILE_ROUNDS: ROUNDS = '4' } = process.env
const STEPS = 400
const TINY = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }
const KEYS = ['h', 'g', 'k']
const NO_LOG = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

function randomCommand({ pick, integer }: Seeded): Bytes[] {
  const key = pick(KEYS)
  const field = `f${integer(40)}`
  const number = String(integer(2000))
  return pick([
    ['HSET', key, field, number],
    ['HSET', key, field, number],
    ['HSETNX', key, field, number],
    ['HINCRBY', key, field, number],
    ['HDEL', key, field, `f${integer(40)}`, `f${integer(40)}`],
    ['HPEXPIRE', key, String(integer(60)), 'FIELDS', '1', field],
    ['HPEXPIRE', key, number, 'FIELDS', '1', field],
    ['HPERSIST', key, 'FIELDS', '1', field],
    ['HGET', key, field],
    ['HPTTL', key, 'FIELDS', '1', field],
    ['HLEN', key],
    ['HGETALL', key],
    integer(10) === 0 ? ['DEL', key] : ['HGETALL', key],
    integer(4) === 0 ? ['COPY', key, pick(KEYS.filter((other) => other !== key)), 'REPLACE'] : ['HLEN', key],
  ])
}

/** The whole content of a hash in memory and on disk, expired fields included. Its trees agree. */
function stateOf({ keyspace }: Harness, key: Bytes): unknown {
  const entry = keyspace.database(0).lookup(key)
  if (entry === undefined) return null
  const hash = entry.value as Hash
  assert.instance(hash, Hash)
  const fields = checkTree(hash.object.tree(0))
  const deadlines = checkTree(hash.object.tree(1)).map(([name]) => name)
  const ending = fields.filter(([, value]) => value instanceof FieldValue)
  assert.equal(deadlines, ending.map(([field, value]) => fieldDeadlineKey((value as FieldValue).expireAtMs, field)).sort(), 'deadlines')
  const earliest = Math.min(...ending.map(([, value]) => (value as FieldValue).expireAtMs))
  assert.is(hash.nextDeadlineMs, ending.length === 0 ? 0 : earliest, 'the next deadline')
  assert.is(entry.dueAtMs, hash.nextDeadlineMs)
  assert.ok(fields.length > 0, 'an empty hash')
  return fields
}

function dueFields({ keyspace }: Harness, key: Bytes): number {
  const value = keyspace.database(0).lookup(key)?.value
  return value instanceof Hash ? value.dueCount : 0
}

/**
 * Continues a checkpoint, whose records are encoded a few at a time between commands. Its result on
 * disk is valid by itself. Returns the checkpoint in progress.
 */
async function goOn({ keyspace, records }: Harness, under: Checkpoint | null, { integer }: Seeded): Promise<Checkpoint | null> {
  if (under === null) return integer(3) === 0 ? new Checkpoint(keyspace, { offset: 0, crc: 0 }) : null
  if (!under.encodeSome(1 + integer(4))) return under
  if (integer(5) === 0) under.abandon()
  else await under.write()
  await checkStored(records)
  return null
}

test('hashes and their log equal a twin through random paging', async () => {
  for (let round = 0; round < Number(ROUNDS); round++) {
    const seed = seeded('hash model')
    const made = harness([hashes, hashNumbers, hashReading, hashExpiry, keys, expiry, strings])
    const { keyspace } = made
    keyspace.pageLimits = TINY
    const active = new Expiry(keyspace, NO_LOG)
    active.lookAhead(keyspace.nowMs)
    const twin = new CollectionTwin(hashType, 1)
    const log: Bytes[][] = []
    let under: Checkpoint | null = null
    for (let step = 0; step < STEPS; step++) {
      const words = randomCommand(seed)
      const reply = plainReply(made.run(...words))
      const expected = twin.run({ nowMs: keyspace.nowMs, index: 0, words, reply })
      assert.equal(reply, expected, `step ${step}: ${words.join(' ')}`)
      for (const key of KEYS) stateOf(made, key)
      if (seed.integer(4) === 0) made.advance(seed.integer(30))
      if (seed.integer(8) === 0) active.expireSome(1 + seed.integer(5))
      if (seed.integer(16) === 0) {
        while (active.expireSome(100));
        for (const key of KEYS) assert.is(dueFields(made, key), 0, `step ${step}: expired fields are noticed`)
      }
      if (seed.integer(3) === 0) under = await goOn(made, under, seed)
      if (under === null && seed.integer(20) === 0) await made.toDisk()
      if (seed.integer(10) === 0) keyspace.database(0).residents.advanceHand(20, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
      log.push(...made.logged())
    }
    under?.abandon()
    await made.checkpoint()
    await checkStored(made.records)
    const again = harness([hashes, hashNumbers, hashReading, hashExpiry, keys, expiry, strings])
    again.replay(log)
    for (const key of KEYS) assert.equal(stateOf(again, key), stateOf(made, key), `${key} after replay`)
  }
})

test.run()
