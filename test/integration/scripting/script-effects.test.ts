/**
 * Effects of scripts are the same on a replica and after kill -9: random scripts of random writes,
 * some of them suspended.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { assertEqual, fullSyncs, inStep, startReplica, stopAll } from '../../support/servers/replicated-servers.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const SCRIPTS = 400
const ROUNDS = 3
/** A low threshold, so that some scripts are suspended. */
const FLAGS = { 'busy-reply-threshold': 5, appendfsync: 'always' }

/** Removes all deadlines, so that time changes nothing. */
const KEEP_ALL =
  "for db = 0, 2 do redis.call('SELECT', db) for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('PERSIST', key) end end"

/** Returns a command as Lua code. Many fail, since keys have other types. */
function randomCommand(chance: Seeded): string {
  const key = () => `'k${chance.integer(30)}'`
  const word = () => chance.pick(["'a'", "'b'", "'c'", 'tostring(i)', "('x'):rep(i * 50)"])
  const number = () => chance.integer(100) - 20
  return chance.pick<() => string>([
    () => `'SET', ${key()}, ${word()}`,
    () => `'SET', ${key()}, ${word()}, 'PX', ${1 + chance.integer(400)}`,
    () => `'INCRBYFLOAT', ${key()}, ${number()} / 7`,
    () => `'APPEND', ${key()}, ${word()}`,
    () => `'DEL', ${key()}, ${key()}`,
    () => `'RPUSH', ${key()}, ${word()}, ${word()}`,
    () => `'LPOP', ${key()}`,
    () => `'BLMOVE', ${key()}, ${key()}, 'LEFT', 'RIGHT', 0`,
    () => `'SADD', ${key()}, ${word()}, i`,
    () => `'SPOP', ${key()}, ${1 + chance.integer(3)}`,
    () => `'HSET', ${key()}, ${word()}, i`,
    () => `'HINCRBY', ${key()}, 'n', ${number()}`,
    () => `'ZADD', ${key()}, ${number()}, ${word()}`,
    () => `'ZPOPMIN', ${key()}`,
    () => `'XADD', ${key()}, '*', 'field', ${word()}`,
    () => `'SORT', ${key()}, 'ALPHA', 'STORE', ${key()}`,
    () => `'RENAME', ${key()}, ${key()}`,
    () => `'COPY', ${key()}, ${key()}, 'REPLACE'`,
    () => `'PEXPIRE', ${key()}, ${chance.integer(300)}`,
    () => `'PERSIST', ${key()}`,
    () => `'SELECT', ${chance.integer(3)}`,
    () => `'GET', ${key()}`,
    () => `'PFADD', ${key()}, ${word()}`,
    () => `'SETRANGE', ${key()}, ${chance.integer(50)}, ${word()}`,
  ])()
}

/**
 * Returns a script. Some end with an error half way, some take long, some write random numbers or
 * the time.
 */
function randomScript(chance: Seeded): string {
  const lines = Array.from({ length: 1 + chance.integer(8) }, () => `redis.pcall(${randomCommand(chance)})`)
  if (chance.random() < 0.1) lines.push("error('enough')")
  if (chance.random() < 0.1) lines.push("redis.call('SET', 'chance', math.random() .. redis.call('TIME')[2])")
  if (chance.random() < 0.05) lines.splice(chance.integer(lines.length), 0, 'for n = 1, 1e6 do end')
  return `for i = 1, ${1 + chance.integer(4)} do ${lines.join(' ').replace("error('enough')", "if i == 2 then error('enough') end")} end`
}

test(`random scripts have equal effects on a replica and after kill -9, in ${ROUNDS} rounds`, async () => {
  const chance = seeded('effects of scripts')
  const master = await RunningServer.start({ flags: FLAGS })
  const replica = await startReplica(master.port)
  await inStep(master, replica)
  const syncs = await fullSyncs(master)
  let failed = 0
  for (let round = 0; round < ROUNDS; round++) {
    const client = await master.connect()
    for (let done = 0; done < SCRIPTS; ) {
      const words = () => ['EVAL', randomScript(chance), '0']
      const batch = chance.random() < 0.2 ? [['MULTI'], words(), words(), ['EXEC']] : Array.from({ length: 10 }, words)
      const replies = await client.pipeline(batch)
      done += batch.length
      for (const reply of replies.flat()) {
        if (!(reply instanceof WireError)) continue
        assert.match(reply.text, /enough/)
        failed++
      }
    }
    assert.is(await client.call('EVAL', KEEP_ALL, '0'), null)
    await assertEqual(master, replica)
    const before = await master.call('DEBUG', 'DIGEST')
    await client.close()
    await master.restart('SIGKILL')
    assert.is(await master.call('DEBUG', 'DIGEST'), before, `round ${round}`)
    await assertEqual(master, replica)
  }
  assert.ok(failed > 0, 'no script has failed half way')
  assert.is(await fullSyncs(replica), 0)
  assert.ok(syncs <= 1)
  await stopAll(replica, master)
})

test.run()
