/** OBJECT: encodings, idle times and reference counts as Redis reports them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { connection } from '../../../commands/clients/connection.ts'
import type { SimpleString } from '../../../commands/contract/reply.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { objects } from '../../../commands/keys/object.ts'
import { bitfields } from '../../../commands/strings/bitfield.ts'
import { bitmaps } from '../../../commands/strings/bitmaps.ts'
import { stringNumbers } from '../../../commands/strings/numbers.ts'
import { stringRanges } from '../../../commands/strings/ranges.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { UseCounter } from '../../../storage/keyspace/last-use.ts'
import { harness } from '../../support/harness/harness.ts'

const start = () => harness([strings, stringRanges, keys, objects])

test('OBJECT ENCODING distinguishes integers, short and long strings', () => {
  const { run } = start()
  const cases: [string, string][] = [
    ['123', 'int'],
    ['-5', 'int'],
    ['9223372036854775807', 'int'],
    ['9223372036854775808', 'embstr'],
    [' 1', 'embstr'],
    ['', 'embstr'],
    ['x'.repeat(44), 'embstr'],
    ['x'.repeat(45), 'raw'],
    ['x'.repeat(100_000), 'raw'],
  ]
  for (const [value, encoding] of cases) {
    run('SET', 'a', value)
    assert.is(run('OBJECT', 'ENCODING', 'a'), encoding)
  }
})

test('OBJECT ENCODING reports a changed string as raw under a new key too', () => {
  const { run } = harness([strings, stringRanges, keys, connection, objects])
  run('SET', 'a', '1')
  run('APPEND', 'a', '2')
  run('COPY', 'a', 'b')
  run('COPY', 'a', 'a', 'DB', '1')
  run('RENAME', 'a', 'c')
  run('MOVE', 'c', '2')
  assert.is(run('OBJECT', 'ENCODING', 'b'), 'raw')
  for (const [database, key] of [
    ['1', 'a'],
    ['2', 'c'],
  ] as const) {
    run('SELECT', database)
    assert.is(run('OBJECT', 'ENCODING', key), 'raw', key)
  }
  run('SET', 'c', '12')
  assert.is(run('OBJECT', 'ENCODING', 'c'), 'int')
})

test('OBJECT ENCODING reports a string as raw after a change, until it is set again', () => {
  const { run } = harness([strings, stringRanges, stringNumbers, bitmaps, bitfields, objects])
  const after = (...words: string[]) => {
    run('SET', 'a', '1234')
    run(...words)
    return [run('OBJECT', 'ENCODING', 'a'), run('OBJECT', 'REFCOUNT', 'a')]
  }
  assert.equal(after('SETRANGE', 'a', '0', '2'), ['raw', 1])
  assert.equal(after('APPEND', 'a', '5'), ['raw', 1])
  assert.equal(after('SETBIT', 'a', '6', '1'), ['raw', 1])
  assert.equal(after('BITFIELD', 'a', 'SET', 'u8', '0', '50'), ['raw', 1])
  assert.equal(after('SETRANGE', 'a', '5', '2'), ['raw', 1])
  assert.equal(after('APPEND', 'a', 'x'), ['raw', 1])
  assert.equal(after('APPEND', 'a', ''), ['int', 2147483647])
  assert.equal(after('BITFIELD', 'a', 'GET', 'u8', '0'), ['int', 2147483647])
  run('APPEND', 'a', '5')
  run('INCR', 'a')
  assert.is(run('OBJECT', 'ENCODING', 'a'), 'int')
  run('APPEND', 'new', '5')
  assert.is(run('OBJECT', 'ENCODING', 'new'), 'int')
  run('SETRANGE', 'newer', '0', '5')
  assert.is(run('OBJECT', 'ENCODING', 'newer'), 'raw')
})

test('OBJECT returns nil for an absent key', () => {
  const { run } = start()
  for (const name of ['ENCODING', 'FREQ', 'IDLETIME', 'refcount']) assert.is(run('OBJECT', name, 'x'), null)
})

test('OBJECT IDLETIME counts seconds since the last use, and does not count as one', () => {
  const { run, advance } = start()
  run('SET', 'a', '1')
  advance(3000)
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 3)
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 3)
  run('GET', 'a')
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 0)
})

test('OBJECT REFCOUNT is one, except for the small integers that Redis shares', () => {
  const { run } = start()
  const count = (value: string) => {
    run('SET', 'a', value)
    return run('OBJECT', 'REFCOUNT', 'a')
  }
  assert.equal(['x', '0', '9999', '10000', '-1', 'x'.repeat(70_000)].map(count), [1, 2147483647, 2147483647, 1, 1, 1])
})

test('OBJECT FREQ counts uses under an LFU policy, and OBJECT IDLETIME is then an error', () => {
  const { run, advance, keyspace } = start()
  run('SET', 'a', '1')
  keyspace.useCounter = new UseCounter(0, 1, () => 0)
  assert.is(run('OBJECT', 'FREQ', 'a'), 5)
  run('GET', 'a')
  run('SET', 'a', '2')
  run('APPEND', 'a', '3')
  assert.is(run('OBJECT', 'FREQ', 'a'), 8)
  run('STRLEN', 'b')
  run('SET', 'b', '1')
  assert.is(run('OBJECT', 'FREQ', 'b'), 5)
  run('RENAME', 'b', 'c')
  assert.is(run('OBJECT', 'FREQ', 'c'), 6)
  advance(2 * 60_000)
  assert.is(run('OBJECT', 'FREQ', 'a'), 6)
  assert.throws(() => run('OBJECT', 'IDLETIME', 'a'), /^ERR An LFU maxmemory policy is selected, idle time not tracked\./)
  keyspace.useCounter = null
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 0)
  run('GET', 'a')
  advance(4000)
  assert.is(run('OBJECT', 'IDLETIME', 'a'), 4)
})

test('OBJECT FREQ is an error without an LFU policy', () => {
  const { run } = start()
  run('SET', 'a', '1')
  assert.throws(() => run('OBJECT', 'FREQ', 'a'), /^ERR An LFU maxmemory policy is not selected, access frequency not tracked\./)
})

test('OBJECT refuses unknown subcommands and has HELP', () => {
  const { run } = start()
  assert.throws(() => run('OBJECT', 'FOO'), /^ERR unknown subcommand 'FOO'. Try OBJECT HELP.$/)
  assert.throws(() => run('OBJECT', 'ENCODING'), /^ERR wrong number of arguments for 'object\|encoding' command$/)
  assert.throws(() => run('OBJECT'), /^ERR wrong number of arguments for 'object' command$/)
  const help = run('OBJECT', 'HELP') as SimpleString[]
  assert.is(help[0]!.text, 'OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
})

test.run()
