/** SSCAN, HSCAN and ZSCAN: each element once, cursors, COUNT and MATCH. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { databases } from '../../../commands/keys/databases.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { scans } from '../../../commands/keys/scan.ts'
import { sets } from '../../../commands/sets/sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { ScanCursors } from '../../../storage/scan/scan-cursors.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const TINY_PAGES = { inlineBytes: 64, pageBytes: 96, pageElements: 4 }
const WRONGTYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'

function start(): Harness {
  const server = harness([sets, strings, keys, databases, scans])
  server.keyspace.pageLimits = TINY_PAGES
  return server
}

const names = (count: number, prefix = 'member:') => Array.from({ length: count }, (_, i) => `${prefix}${i}`).sort()

/** Returns a server with a set that Redis would keep as a hashtable. */
function filled(count = 200): Harness {
  const server = start()
  server.run('SADD', 's', ...names(count))
  return server
}

type Step = readonly [cursor: Bytes, members: readonly Bytes[]]
const step = ({ run }: Harness, ...words: Bytes[]) => run('SSCAN', 's', ...words) as unknown as Step

function scanAll(server: Harness, ...options: Bytes[]): { members: Bytes[]; calls: number } {
  const members: Bytes[] = []
  let calls = 0
  let cursor = '0'
  do {
    const [next, part] = step(server, cursor, ...options)
    members.push(...part)
    cursor = next
    calls++
  } while (cursor !== '0')
  return { members, calls }
}

function refuses(server: Harness, text: string, ...words: Bytes[]): void {
  assert.throws(
    () => server.run(...words),
    (error: Error) => error.message === text,
    words.join(' '),
  )
}

test('every member is returned once, ten per call by default', async () => {
  const server = filled(205)
  assert.equal(scanAll(server), { members: names(205), calls: 21 })
  assert.equal(scanAll(server, 'COUNT', '1000'), { members: names(205), calls: 1 })
  assert.equal(scanAll(server, 'count', '7'), { members: names(205), calls: 30 })
  assert.equal(scanAll(server, 'COUNT', '9223372036854775807'), { members: names(205), calls: 1 })
  await server.toDisk()
  assert.equal(scanAll(server, 'COUNT', '50').members, names(205))
})

test('a set of exactly COUNT members takes one call', () => {
  assert.equal(scanAll(filled(200), 'COUNT', '200').calls, 1)
})

test('compact encodings are returned whole, whatever cursor and COUNT say', () => {
  const server = start()
  server.run('SADD', 's', ...names(100))
  assert.equal(step(server, '0', 'COUNT', '3'), ['0', names(100)])
  assert.equal(step(server, '12345', 'COUNT', '3'), ['0', names(100)])
  assert.equal(step(server, '0', 'MATCH', 'member:1?'), ['0', names(100).filter((name) => /^member:1.$/.test(name))])
  server.run('SADD', 'integers', '10', '9')
  assert.equal(server.run('SSCAN', 'integers', '0'), ['0', ['10', '9']])
})

test('COUNT limits the examined members, and MATCH filters them', () => {
  const server = filled()
  const [cursor, members] = step(server, '0', 'MATCH', '*7', 'COUNT', '100')
  assert.is.not(cursor, '0')
  assert.equal(
    members,
    names(200)
      .slice(0, 100)
      .filter((name) => name.endsWith('7')),
  )
  assert.equal(
    scanAll(server, 'MATCH', '*7').members,
    names(200).filter((name) => name.endsWith('7')),
  )
  assert.equal(scanAll(server, 'MATCH', '*').members, names(200))
})

test('a literal prefix bounds the walk, and a literal pattern is one lookup', () => {
  const server = filled()
  const matching = names(200).filter((name) => name.startsWith('member:19'))
  assert.equal(scanAll(server, 'MATCH', 'member:19*', 'COUNT', String(matching.length)), { members: matching, calls: 1 })
  assert.equal(scanAll(server, 'MATCH', 'member:150', 'COUNT', '1'), { members: ['member:150'], calls: 1 })
  assert.equal(scanAll(server, 'MATCH', 'nothing*', 'COUNT', '1'), { members: [], calls: 1 })
  assert.equal(scanAll(server, 'MATCH', 'zz', 'COUNT', '1'), { members: [], calls: 1 })
  assert.equal(scanAll(server, 'MATCH', '', 'COUNT', '1'), { members: [], calls: 1 })
})

test('members that exist throughout are returned exactly once while others come and go', async () => {
  const { integer } = seeded('scan of a changing set')
  const server = filled()
  const stays = names(200).filter((_, i) => i % 2 === 0)
  const found: Bytes[] = []
  let cursor = '0'
  do {
    const [next, part] = step(server, cursor, 'COUNT', '3')
    found.push(...part)
    cursor = next
    for (let i = 0; i < 5; i++) {
      server.run('SADD', 's', `other:${integer(1000)}`)
      server.run('SREM', 's', names(200)[integer(100) * 2 + 1]!)
    }
    if (integer(20) === 0) await server.toDisk()
  } while (cursor !== '0')
  assert.is(new Set(found).size, found.length)
  assert.equal(
    found.filter((name) => stays.includes(name)),
    stays,
  )
})

test("the member at a cursor's position may be deleted", () => {
  const server = filled()
  const [cursor, members] = step(server, '0', 'COUNT', '10')
  server.run('SREM', 's', ...names(200).slice(5, 15))
  assert.equal([...members, ...step(server, cursor, 'COUNT', '1000')[1]], [...names(200).slice(0, 10), ...names(200).slice(15)])
})

test('a cursor can be used twice', () => {
  const server = filled()
  const [cursor] = step(server, '0')
  const second = step(server, cursor)[1]
  assert.equal(step(server, cursor)[1], second)
})

test('a cursor belongs to a key of a database, and is invalid for SCAN', async () => {
  const server = filled()
  server.run('SADD', 'other', ...names(200))
  const [cursor] = step(server, '0')
  const invalid = 'ERR invalid cursor'
  refuses(server, invalid, 'SSCAN', 'other', cursor)
  const refused = await server.runAsync('SCAN', cursor).catch((error: Error) => error.message)
  assert.is(refused, invalid)
  server.run('MSET', ...names(40, 'key:').flatMap((name) => [name, 'v']))
  const [ofKeys] = (await server.runAsync('SCAN', '0')) as unknown as Step
  refuses(server, invalid, 'SSCAN', 's', ofKeys)
  server.run('SWAPDB', '0', '1')
  server.run('SADD', 's', ...names(200))
  refuses(server, invalid, 'SSCAN', 's', cursor)
})

test('a cursor continues in the set that replaced its own', () => {
  const server = filled()
  const [cursor] = step(server, '0', 'COUNT', '50')
  server.run('DEL', 's')
  assert.equal(step(server, cursor), ['0', []])
  server.run('SADD', 's', ...names(200))
  assert.equal(step(server, cursor, 'COUNT', '1000')[1], names(200).slice(50))
  server.run('SET', 's', 'v')
  refuses(server, WRONGTYPE, 'SSCAN', 's', cursor)
})

test('a cursor that was not issued is an error', () => {
  const server = filled()
  for (const cursor of ['1', '99999999999999999999', 'x', '', '-1', '1.5', '100000000000000000000']) {
    refuses(server, 'ERR invalid cursor', 'SSCAN', 's', cursor)
  }
  assert.is(step(server, '00')[1].length, 10)
})

test("errors come in Redis's order: cursor, type, options", () => {
  const server = filled()
  server.run('SET', 'k', 'v')
  refuses(server, 'ERR invalid cursor', 'SSCAN', 'k', 'x', 'BAD')
  refuses(server, WRONGTYPE, 'SSCAN', 'k', '0', 'BAD')
  assert.equal(server.run('SSCAN', 'none', '0', 'BAD'), ['0', []])
  for (const words of [['BAD'], ['COUNT'], ['MATCH'], ['COUNT', '0'], ['COUNT', '-1'], ['TYPE', 'set'], ['COUNT', '5', 'x']]) {
    refuses(server, 'ERR syntax error', 'SSCAN', 's', '0', ...words)
  }
  refuses(server, 'ERR value is not an integer or out of range', 'SSCAN', 's', '0', 'COUNT', 'x')
  refuses(server, 'ERR NOVALUES option can only be used in HSCAN', 'SSCAN', 's', '0', 'NOVALUES')
})

test('cursors are stored and restored with those of SCAN', () => {
  const server = filled()
  const [cursor] = step(server, '0')
  const restored = new ScanCursors(Math.random)
  restored.decode(server.server.scanCursors.encode())
  assert.equal(restored.find(cursor), { dbId: server.keyspace.database(0).id, from: names(200)[10]!, key: 's' })
})

test.run()
