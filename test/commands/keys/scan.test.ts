/** SCAN, KEYS and RANDOMKEY over keys in memory and on disk. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databases } from '../../../commands/keys/databases.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, keys, databases, scans])

async function rejectsText(work: Promise<unknown>, text: string): Promise<void> {
  const outcome = await work.then(
    () => 'no error',
    (error: Error) => error.message,
  )
  assert.is(outcome, text)
}

/** Runs a whole scan. Returns all keys and the number of calls. */
async function scanAll({ runAsync }: Harness, ...options: string[]): Promise<{ keys: string[]; calls: number }> {
  const found: string[] = []
  let calls = 0
  let cursor = '0'
  do {
    const [next, part] = (await runAsync('SCAN', cursor, ...options)) as [string, string[]]
    found.push(...part)
    cursor = next
    calls++
  } while (cursor !== '0')
  return { keys: found, calls }
}

function fill({ run }: Harness, count: number, prefix = 'key:'): string[] {
  const names = Array.from({ length: count }, (_, i) => `${prefix}${i}`)
  for (const name of names) run('SET', name, 'v')
  return names.sort()
}

test('SCAN returns each key once, ten per call by default', async () => {
  const server = start()
  const names = fill(server, 95)
  assert.equal(await scanAll(server), { keys: names, calls: 10 })
  assert.equal(await scanAll(server, 'COUNT', '1000'), { keys: names, calls: 1 })
  assert.equal(await scanAll(server, 'count', '7'), { keys: names, calls: 14 })
  await server.toDisk()
  assert.equal((await scanAll(server)).keys, names)
  assert.is(server.keyspace.database(0).residentKeys, 0)
})

test('SCAN of an empty database returns cursor 0', async () => {
  const { runAsync } = start()
  assert.equal(await runAsync('SCAN', '0'), ['0', []])
  assert.equal(await runAsync('SCAN', '00', 'TYPE', 'string'), ['0', []])
})

test('SCAN with a huge count examines every key', async () => {
  const server = start()
  const names = fill(server, 2500)
  assert.equal(await server.runAsync('SCAN', '0', 'COUNT', '9223372036854775807'), ['0', names])
})

test('MATCH filters keys, and a literal prefix bounds the walk', async () => {
  const server = start()
  fill(server, 500)
  const users = fill(server, 25, 'user:')
  assert.equal(await scanAll(server, 'MATCH', 'user:*'), { keys: users, calls: 3 })
  assert.equal((await scanAll(server, 'MATCH', '*:1[12]')).keys, ['key:11', 'key:12', 'user:11', 'user:12'])
  assert.is((await scanAll(server, 'MATCH', 'zzz*')).calls, 1)
  assert.equal(
    (await scanAll(server, 'MATCH', 'key:*', 'MATCH', 'user:1?')).keys,
    users.filter((key) => /1.$/.test(key)),
  )
})

test('a literal pattern is one lookup', async () => {
  const server = start()
  fill(server, 100)
  server.run('SET', 'a*b', 'v')
  assert.equal(await server.runAsync('SCAN', '0', 'MATCH', 'key:5'), ['0', ['key:5']])
  assert.equal(await server.runAsync('SCAN', '0', 'MATCH', 'a\\*b'), ['0', ['a*b']])
  assert.equal(await server.runAsync('SCAN', '0', 'MATCH', 'none'), ['0', []])
  assert.equal(await server.runAsync('SCAN', '0', 'MATCH', 'key:5', 'TYPE', 'hash'), ['0', []])
  assert.equal(await server.runAsync('KEYS', 'key:5'), ['key:5'])
})

test('TYPE filters keys, and an unknown type matches none', async () => {
  const server = start()
  const names = fill(server, 30)
  assert.equal((await scanAll(server, 'TYPE', 'STRING')).keys, names)
  assert.equal((await scanAll(server, 'TYPE', 'hash')).keys, [])
  assert.equal((await scanAll(server, 'TYPE', 'foo')).keys, [])
})

test('SCAN refuses invalid arguments like Redis', async () => {
  const { runAsync } = start()
  for (const cursor of ['x', '', ' 0', '1e3', '99999999999999999999999']) {
    await rejectsText(runAsync('SCAN', cursor, 'COUNT', 'x'), 'ERR invalid cursor')
  }
  await rejectsText(runAsync('SCAN', '0', 'COUNT', 'x'), 'ERR value is not an integer or out of range')
  for (const words of [['COUNT', '0'], ['COUNT', '-1'], ['COUNT'], ['MATCH'], ['TYPE'], ['FOO'], ['FOO', '1']]) {
    await rejectsText(runAsync('SCAN', '0', ...words), 'ERR syntax error')
  }
})

test('a cursor that was not issued, or belongs to another database, is an error', async () => {
  const server = start()
  fill(server, 30)
  const [cursor] = (await server.runAsync('SCAN', '0')) as [string]
  await rejectsText(server.runAsync('SCAN', String(Number(cursor) + 1)), 'ERR invalid cursor')
  server.session.database = 1
  await rejectsText(server.runAsync('SCAN', cursor), 'ERR invalid cursor')
  server.session.database = 0
  assert.is(((await server.runAsync('SCAN', cursor)) as [string, string[]])[1].length, 10)
  assert.is(((await server.runAsync('SCAN', cursor)) as [string, string[]])[1].length, 10, 'and may be used again')
  server.run('FLUSHDB')
  fill(server, 30)
  await rejectsText(server.runAsync('SCAN', cursor), 'ERR invalid cursor')
})

test('a cursor continues with another pattern', async () => {
  const server = start()
  fill(server, 30)
  server.run('MSET', 'a', '1', 'z', '1')
  const [cursor] = (await server.runAsync('SCAN', '0')) as [string]
  assert.equal(await server.runAsync('SCAN', cursor, 'MATCH', 'z*'), ['0', ['z']])
  assert.equal(await server.runAsync('SCAN', cursor, 'MATCH', 'a*'), ['0', []])
  assert.equal(await server.runAsync('SCAN', cursor, 'MATCH', 'a'), ['0', []])
})

test('SCAN, KEYS and RANDOMKEY do not return expired keys', async () => {
  const server = start()
  for (let i = 0; i < 20; i++) server.run('SET', `gone:${i}`, 'v', 'PX', '10')
  server.run('SET', 'stays', 'v')
  server.advance(10)
  for (let round = 0; round < 2; round++) {
    assert.equal((await scanAll(server)).keys, ['stays'])
    assert.equal(await server.runAsync('KEYS', '*'), ['stays'])
    assert.equal(await server.runAsync('KEYS', 'gone:1'), [])
    assert.is(await server.runAsync('RANDOMKEY'), 'stays')
    await server.toDisk()
  }
})

test('KEYS returns all matching keys in order', async () => {
  const server = start()
  const names = fill(server, 2500)
  server.run('SET', '', 'the empty key')
  assert.equal(await server.runAsync('KEYS', '*'), ['', ...names])
  assert.equal(
    await server.runAsync('KEYS', 'key:1?'),
    names.filter((key) => key.length === 6 && key.startsWith('key:1')),
  )
  assert.equal(await server.runAsync('KEYS', '[x-z]*'), [])
})

test('SCAN and KEYS answer LOADING while LevelDB is closed', async () => {
  const server = start()
  fill(server, 3)
  await server.records.close()
  const text = 'LOADING The database is being reopened after a disk error'
  await rejectsText(server.runAsync('SCAN', '0'), text)
  await rejectsText(server.runAsync('KEYS', '*'), text)
  await server.records.reopen()
  assert.is(((await server.runAsync('KEYS', '*')) as string[]).length, 3)
})

test('RANDOMKEY of an empty database is nil', async () => {
  const server = start()
  assert.is(await server.runAsync('RANDOMKEY'), null)
  server.run('SET', 'a', '1', 'PX', '10')
  server.advance(10)
  assert.is(await server.runAsync('RANDOMKEY'), null)
})

test('RANDOMKEY draws all keys in memory with similar frequency', async () => {
  const server = start()
  server.server.random = seeded('randomkey').random
  const names = fill(server, 10)
  const counts = new Map(names.map((name) => [name, 0]))
  for (let i = 0; i < 2000; i++) {
    const key = (await server.runAsync('RANDOMKEY')) as string
    counts.set(key, counts.get(key)! + 1)
  }
  // 200 expected, standard deviation 13.4
  for (const [name, count] of counts) assert.ok(count > 110 && count < 290, `${name}: ${count}`)
})

test('RANDOMKEY draws keys on disk, in memory, and in both', async () => {
  const server = start()
  server.server.random = seeded('randomkey on disk').random
  const names = fill(server, 40)
  server.run('DEL', 'key:7')
  await server.toDisk()
  server.run('SET', 'new', 'v')
  server.run('DEL', 'key:8')
  const seen = new Set<unknown>()
  for (let i = 0; i < 1500; i++) seen.add(await server.runAsync('RANDOMKEY'))
  const expected = [...names.filter((key) => key !== 'key:7' && key !== 'key:8'), 'new'].sort()
  assert.equal([...seen].sort(), expected)
})

test('RANDOMKEY finds the one live key among pages and expired keys', async () => {
  const server = start()
  server.server.random = seeded('randomkey in a crowd').random
  server.run('SET', 'rope', 'x'.repeat(8_000_000))
  for (let i = 0; i < 500; i++) server.run('SET', `gone:${i}`, 'v', 'PX', '10')
  server.advance(10)
  for (let i = 0; i < 20; i++) assert.is(await server.runAsync('RANDOMKEY'), 'rope')
})

test.run()
