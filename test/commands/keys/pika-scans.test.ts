/** Pika's scans of a range of keys: order, limits, patterns and the place to continue at. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Reply } from '../../../commands/contract/reply.ts'
import { hashExpiry } from '../../../commands/hashes/expiry.ts'
import { hashes } from '../../../commands/hashes/hashes.ts'
import { expiry } from '../../../commands/keys/expiry.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { pikaScans } from '../../../commands/keys/pika-scans.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, hashes, hashExpiry, keys, expiry, pikaScans])
const outcome = (work: Promise<Reply>) => work.catch((error: Error) => error.message)

/** Returns a server with strings a to e and hashes h1 to h3, half of all on disk. */
async function filled(): Promise<Harness> {
  const made = start()
  for (const key of ['a', 'c', 'e']) made.run('SET', key, `value of ${key}`)
  made.run('HSET', 'b1', 'f', 'v')
  await made.toDisk()
  for (const key of ['b', 'd']) made.run('SET', key, `value of ${key}`)
  for (const key of ['b2', 'b3']) made.run('HSET', key, 'f', 'v')
  return made
}

test('PKSCANRANGE returns the keys of one type in an inclusive range, and the next key', async () => {
  const { runAsync } = await filled()
  const scan = (...words: string[]) => runAsync('PKSCANRANGE', ...words)
  assert.equal(await scan('string', '', ''), ['', ['a', 'b', 'c', 'd', 'e']])
  assert.equal(await scan('string', 'b', 'd'), ['', ['b', 'c', 'd']])
  assert.equal(await scan('STRING', 'aa', 'dd', 'LIMIT', '2'), ['d', ['b', 'c']])
  assert.equal(await scan('string', 'd', 'e', 'limit', '2'), ['', ['d', 'e']])
  assert.equal(await scan('hash', '', ''), ['', ['b1', 'b2', 'b3']])
  assert.equal(await scan('hash', '', '', 'LIMIT', '1'), ['b2', ['b1']])
  assert.equal(await scan('set', '', ''), ['', []])
  assert.equal(await scan('string_with_value', 'c', 'd'), ['', ['c', 'value of c', 'd', 'value of d']])
  assert.equal(await scan('string', 'a', 'a'), ['', ['a']])
  assert.equal(await scan('string', 'b', 'bz'), ['', ['b']])
})

test('PKRSCANRANGE walks backwards', async () => {
  const { runAsync } = await filled()
  const scan = (...words: string[]) => runAsync('PKRSCANRANGE', ...words)
  assert.equal(await scan('string', '', ''), ['', ['e', 'd', 'c', 'b', 'a']])
  assert.equal(await scan('string', 'd', 'b'), ['', ['d', 'c', 'b']])
  assert.equal(await scan('string', 'd', '', 'LIMIT', '2'), ['b', ['d', 'c']])
  assert.equal(await scan('hash', 'b3', 'b1', 'LIMIT', '1'), ['b2', ['b3']])
  assert.equal(await scan('string_with_value', 'b', 'a', 'LIMIT', '1'), ['a', ['b', 'value of b']])
})

test('SCANX continues from a key, without an upper end', async () => {
  const { runAsync } = await filled()
  assert.equal(await runAsync('SCANX', 'string', ''), ['', ['a', 'b', 'c', 'd', 'e']])
  assert.equal(await runAsync('SCANX', 'string', 'b', 'COUNT', '2'), ['d', ['b', 'c']])
  assert.equal(await runAsync('SCANX', 'hash', 'b2', 'MATCH', '*3'), ['', ['b3']])
})

test('a pattern filters the keys that LIMIT counts', async () => {
  const { runAsync } = await filled()
  assert.equal(await runAsync('PKSCANRANGE', 'string', '', '', 'MATCH', '[ce]', 'LIMIT', '3'), ['d', ['c']])
  assert.equal(await runAsync('PKSCANRANGE', 'string', '', '', 'MATCH', '*', 'LIMIT', '9'), ['', ['a', 'b', 'c', 'd', 'e']])
})

test('expired and deleted keys are not found', async () => {
  const made = await filled()
  made.run('PEXPIRE', 'b', '100')
  made.run('DEL', 'c')
  made.advance(100)
  assert.equal(await made.runAsync('PKSCANRANGE', 'string', '', ''), ['', ['a', 'd', 'e']])
  assert.equal(await made.runAsync('PKRSCANRANGE', 'string_with_value', 'd', 'b'), ['', ['d', 'value of d']])
})

test('a scan in pieces finds every key once, whatever the types in between', async () => {
  const { integer } = seeded("Pika's scans")
  const made = start()
  for (let i = 0; i < 3000; i++) {
    const key = `k${integer(100_000)}`
    if (integer(20) > 0) made.run('SET', key, '')
    else {
      made.run('DEL', key)
      made.run('HSET', key, 'f', 'v')
    }
    if (i === 1500) await made.toDisk()
  }
  for (const name of ['PKSCANRANGE', 'PKRSCANRANGE']) {
    const found: string[] = []
    let from = ''
    do {
      const [next, keysFound] = (await made.runAsync(name, 'hash', from, '', 'LIMIT', '7')) as [string, string[]]
      found.push(...keysFound)
      from = next
    } while (from !== '')
    const [, all] = (await made.runAsync(name, 'hash', '', '', 'LIMIT', '100000')) as [string, string[]]
    assert.equal(found, all)
    const sorted = [...all].sort()
    assert.equal(name === 'PKSCANRANGE' ? all : [...all].reverse(), sorted)
  }
})

test('PKHSCANRANGE and PKHRSCANRANGE return fields and values, and HSCANX continues from a field', () => {
  const { run } = start()
  for (const field of ['a', 'b', 'c', 'd']) run('HSET', 'h', field, field.toUpperCase())
  assert.equal(run('PKHSCANRANGE', 'h', '', ''), ['', ['a', 'A', 'b', 'B', 'c', 'C', 'd', 'D']])
  assert.equal(run('PKHSCANRANGE', 'h', 'b', 'c'), ['', ['b', 'B', 'c', 'C']])
  assert.equal(run('PKHSCANRANGE', 'h', 'aa', '', 'LIMIT', '1'), ['c', ['b', 'B']])
  assert.equal(run('PKHSCANRANGE', 'h', '', '', 'MATCH', '[bd]', 'LIMIT', '3'), ['d', ['b', 'B']])
  assert.equal(run('PKHRSCANRANGE', 'h', '', ''), ['', ['d', 'D', 'c', 'C', 'b', 'B', 'a', 'A']])
  assert.equal(run('PKHRSCANRANGE', 'h', 'c', 'b'), ['', ['c', 'C', 'b', 'B']])
  assert.equal(run('PKHRSCANRANGE', 'h', 'c', '', 'LIMIT', '1'), ['b', ['c', 'C']])
  assert.equal(run('PKHRSCANRANGE', 'h', 'bb', 'bb'), ['', []])
  assert.equal(run('HSCANX', 'h', 'b', 'COUNT', '2'), ['d', ['b', 'B', 'c', 'C']])
  assert.equal(run('HSCANX', 'h', '', 'MATCH', 'a'), ['', ['a', 'A']])
  assert.equal(run('PKHSCANRANGE', 'none', '', ''), ['', []])
})

test('expired fields are skipped', () => {
  const { run, advance } = start()
  run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
  run('HPEXPIRE', 'h', '100', 'FIELDS', '1', 'b')
  assert.equal(run('PKHSCANRANGE', 'h', 'b', 'c'), ['', ['b', '2', 'c', '3']])
  advance(100)
  assert.equal(run('PKHSCANRANGE', 'h', '', '', 'LIMIT', '1'), ['c', ['a', '1']])
  assert.equal(run('PKHRSCANRANGE', 'h', '', ''), ['', ['c', '3', 'a', '1']])
})

test("Pika's scans refuse invalid arguments", async () => {
  const { runAsync, run } = start()
  run('SET', 's', '')
  assert.is(await outcome(runAsync('PKSCANRANGE', 'x', '', '')), "ERR invalid DB for 'x'")
  assert.is(await outcome(runAsync('PKSCANRANGE', 'string', 'b', 'a')), 'ERR Invalid argument: error in given range')
  assert.is(await outcome(runAsync('PKRSCANRANGE', 'string', 'a', 'b')), 'ERR Invalid argument: error in given range')
  assert.is(await outcome(runAsync('PKSCANRANGE', 'string', '', '', 'LIMIT', '0')), 'ERR value is not an integer or out of range')
  assert.is(await outcome(runAsync('PKSCANRANGE', 'string', '', '', 'LIMIT')), 'ERR syntax error')
  assert.is(await outcome(runAsync('PKSCANRANGE', 'string', '', '', 'COUNT', '1')), 'ERR syntax error')
  assert.is(await outcome(runAsync('SCANX', 'string', '', 'LIMIT', '1')), 'ERR syntax error')
  assert.throws(() => run('PKHSCANRANGE', 's', '', ''), /^WRONGTYPE /)
  assert.throws(() => run('PKHSCANRANGE', 's', 'b', 'a'), /error in given range/)
})

test.run()
