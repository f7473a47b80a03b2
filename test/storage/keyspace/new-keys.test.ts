/** The ordered list of keys that LevelDB does not have yet. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NewKeys } from '../../../storage/keyspace/new-keys.ts'
import { seeded } from '../../support/generators/seed.ts'

function settled(keys: readonly string[]): NewKeys {
  const list = new NewKeys()
  for (const key of keys) list.add(key)
  while (!list.sortPending(100));
  return list
}

test('keys are listed in order, each once, from any key on', () => {
  const { integer } = seeded('new keys')
  const keys = Array.from({ length: 5000 }, () => `k${integer(4000)}`)
  const list = settled(keys)
  const expected = [...new Set(keys)].sort()
  assert.equal(list.following('', 10_000), expected)
  assert.equal(list.preceding(undefined, 10_000), [...expected].reverse())
  for (let i = 0; i < 200; i++) {
    const from = `k${integer(4000)}`
    const count = 1 + integer(1500)
    assert.equal(list.following(from, count), expected.filter((key) => key >= from).slice(0, count))
    const before = expected.filter((key) => key < from)
    assert.equal(list.preceding(from, count), before.reverse().slice(0, count))
  }
})

test('listing starts at any key or between keys, before the first and after the last', () => {
  const list = settled(['b', 'd'])
  assert.equal(list.following('', 9), ['b', 'd'])
  assert.equal(list.following('b', 9), ['b', 'd'])
  assert.equal(list.following('b\0', 9), ['d'])
  assert.equal(list.following('c', 9), ['d'])
  assert.equal(list.following('e', 9), [])
  assert.equal(settled([]).following('', 9), [])
  assert.equal(list.preceding('', 9), [])
  assert.equal(list.preceding('b', 9), [])
  assert.equal(list.preceding('b\0', 9), ['b'])
  assert.equal(list.preceding('e', 1), ['d'])
  assert.equal(settled([]).preceding(undefined, 9), [])
})

test('the empty key and bytes above ASCII are listed in byte order', () => {
  assert.equal(settled(['\xff', '', 'a', '\x80']).following('', 9), ['', 'a', '\x80', '\xff'])
})

test('sortPending sorts at most the given number of keys per call', () => {
  const list = new NewKeys()
  for (let i = 0; i < 10; i++) list.add(`k${i}`)
  assert.is(list.sortPending(4), false)
  assert.is(list.pendingCount, 6)
  assert.is(list.following('', 99).length, 4)
  assert.is(list.sortPending(6), true)
})

test('absorb takes over the keys of another list, sorted or pending', () => {
  const other = settled(['a', 'c'])
  other.add('b')
  const list = settled(['b', 'd'])
  list.absorb(other)
  while (!list.sortPending(100));
  assert.equal(list.following('', 9), ['a', 'b', 'c', 'd'])
})

test.run()
