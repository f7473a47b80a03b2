/** Commands that read small collections answer the same of packed keys as of entries. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SetReply } from '../../../commands/contract/reply.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { Disk, Engine } from '../../support/harness/engine.ts'
import { checkMemory } from '../../support/harness/engine-invariants.ts'

const KEYS = 60
const TYPES = ['hash', 'list', 'set', 'zset'] as const

/** A word of any bytes; sometimes one whose length takes two bytes as a varint. */
function word({ integer }: Seeded): string {
  const length = integer(10) === 0 ? 60 + integer(200) : integer(5)
  return Array.from({ length }, () => String.fromCharCode(integer(integer(2) === 0 ? 256 : 3))).join('')
}

function fill(engine: Engine, seed: Seeded, index: number): void {
  const { integer } = seed
  const key = `k${index}`
  for (let left = 1 + integer(integer(3) === 0 ? 150 : 6); left > 0; left--) {
    const type = TYPES[index % TYPES.length]
    if (type === 'hash') engine.run('HSET', key, word(seed), word(seed))
    else if (type === 'list') engine.run('RPUSH', key, word(seed))
    else if (type === 'set') engine.run('SADD', key, integer(2) === 0 ? String(integer(1000)) : word(seed))
    else engine.run('ZADD', key, String(integer(3) - integer(10) / 4), word(seed))
  }
  if (integer(4) === 0) engine.run('PEXPIRE', key, '100000')
}

function wordsOf(reply: unknown): string[] {
  return [...((reply instanceof SetReply ? reply.members : reply) as string[])]
}

/** Requests that read one key, with words that it holds and others. */
function requests(engine: Engine, seed: Seeded, index: number): string[][] {
  const key = `k${index}`
  const type = TYPES[index % TYPES.length]
  const asked = [word(seed), '', 'missing']
  if (type === 'hash') {
    const fields = [...wordsOf(engine.run('HKEYS', key)), ...asked]
    const alone = fields.flatMap((field) => [
      ['HGET', key, field],
      ['HEXISTS', key, field],
      ['HSTRLEN', key, field],
    ])
    return [['HLEN', key], ['HMGET', key, ...fields], ['HGETALL', key], ...alone]
  }
  if (type === 'list') {
    const ranges = ['0', '1', '-1', '-2', '5', '1000', '-1000']
    const pairs = ranges.flatMap((from) => ranges.map((to) => ['LRANGE', key, from, to]))
    return [['LLEN', key], ...ranges.map((at) => ['LINDEX', key, at]), ...pairs]
  }
  if (type === 'set') {
    const members = [...wordsOf(engine.run('SMEMBERS', key)), ...asked]
    return [['SCARD', key], ['SMISMEMBER', key, ...members], ['SMEMBERS', key], ...members.map((member) => ['SISMEMBER', key, member])]
  }
  const members = [...wordsOf(engine.run('ZRANGE', key, '0', '-1')), ...asked]
  const alone = members.map((member) => ['ZSCORE', key, member])
  return [['ZCARD', key], ['ZMSCORE', key, ...members], ['ZRANGE', key, '0', '-1', 'WITHSCORES'], ...alone]
}

test('commands that read packed collections answer as those that read entries', async () => {
  const seed = seeded('packed-elements')
  const engine = await Engine.open(new Disk())
  engine.turn(() => {
    for (let i = 0; i < KEYS; i++) fill(engine, seed, i)
  })
  const asked = Array.from({ length: KEYS }, (_, index) => requests(engine, seed, index))
  const text = (request: string[]) => JSON.stringify(engine.run(...(request as [string, ...string[]])))
  const expected = asked.map((list) => list.map(text))
  await engine.checkpoint()
  const { keyspace } = engine.storage
  const db = keyspace.database(0)
  for (let round = 0; round < 2; round++) db.residents.packSome(4 * KEYS, keyspace.landedGeneration)
  assert.ok(db.packed.count > KEYS / 2, `${db.packed.count} keys are packed`)
  for (const [index, list] of asked.entries()) {
    for (const [at, request] of list.entries()) {
      keyspace.monotonicSeconds += 60
      assert.is(text(request), expected[index]?.[at], JSON.stringify(request))
    }
  }
  assert.ok(db.packed.count > KEYS / 2, 'reading has left them packed')
  for (const key of ['k0', 'k1', 'k2', 'k3']) assert.match(String(engine.run('GET', key)), /WRONGTYPE/)
  checkMemory(keyspace)
})

test.run()
