/** Tokens of SCAN: their range, lifetime and reuse. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DamageError } from '../../../storage/records/records.ts'
import { MAX_CURSORS, ScanCursors } from '../../../storage/scan/scan-cursors.ts'
import { fromSeed } from '../../support/generators/seed.ts'

test('a token resolves to the position it was issued for', () => {
  const cursors = new ScanCursors(Math.random)
  const first = cursors.issue(7, 'some\0key\xff')
  const second = cursors.issue(8, '')
  assert.equal(cursors.find(first), { dbId: 7, from: 'some\0key\xff' })
  assert.equal(cursors.find(second), { dbId: 8, from: '' })
  assert.equal(cursors.find(cursors.issue(9, 'member', 'set')), { dbId: 9, from: 'member', key: 'set' })
  assert.is(cursors.find('0'), undefined)
  assert.is(cursors.find('12345'), undefined)
})

test('tokens are decimal and fit a double', () => {
  for (const x of [0, 0.5, 0.9999999999999999]) {
    const token = new ScanCursors(() => x).issue(1, 'k')
    assert.match(token, /^[1-9]\d*$/)
    assert.ok(Number.isSafeInteger(Number(token)))
  }
})

test('a server that ended uncleanly does not recognise its old tokens', () => {
  const { random } = fromSeed(1)
  const before = new ScanCursors(random)
  const tokens = Array.from({ length: 100 }, () => before.issue(1, 'k'))
  const after = new ScanCursors(random)
  for (let i = 0; i < 100; i++) after.issue(1, 'other')
  for (const token of tokens) assert.is(after.find(token), undefined)
})

test('the least recently used cursor is dropped first', () => {
  const cursors = new ScanCursors(Math.random, 3)
  const [a, b, c] = ['a', 'b', 'c'].map((key) => cursors.issue(1, key)) as [string, string, string]
  cursors.find(a)
  const d = cursors.issue(1, 'd')
  assert.equal(
    [a, b, c, d].map((token) => cursors.find(token)?.from),
    ['a', undefined, 'c', 'd'],
  )
  assert.is(cursors.count, 3)
})

test('a long walk in small steps does not drop the cursors of others, and can repeat its last step', () => {
  const cursors = new ScanCursors(Math.random)
  const other = cursors.issue(1, 'other')
  let token = cursors.issue(1, 'walk')
  let previous = token
  for (let i = 0; i < 2 * MAX_CURSORS; i++) {
    previous = token
    cursors.spend(token)
    token = cursors.issue(1, `walk${i}`)
  }
  assert.is(cursors.find(other)?.from, 'other')
  assert.ok(cursors.find(previous))
  assert.is(cursors.count, MAX_CURSORS)
})

test('long keys count towards the limit by their bytes', () => {
  const cursors = new ScanCursors(Math.random, 100, 1000)
  const tokens = Array.from({ length: 10 }, () => cursors.issue(1, 'x'.repeat(300)))
  assert.equal(
    tokens.map((token) => cursors.find(token) !== undefined),
    [...Array(7).fill(false), true, true, true],
  )
  const large = cursors.issue(1, 'x'.repeat(5000))
  assert.ok(cursors.find(large), 'one is kept however long')
  assert.is(cursors.count, 1)
})

test('cursors survive encoding and decoding', () => {
  const cursors = new ScanCursors(Math.random)
  const every = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')
  const open = cursors.issue(1, every)
  const spent = cursors.issue(2, 'b')
  cursors.spend(spent)
  const ofMembers = cursors.issue(1, 'member', every)
  const restored = new ScanCursors(Math.random)
  restored.decode(cursors.encode())
  assert.equal(restored.find(open), { dbId: 1, from: every })
  assert.equal(restored.find(spent), { dbId: 2, from: 'b' })
  assert.equal(restored.find(ofMembers), { dbId: 1, from: 'member', key: every })
})

test('a damaged record of cursors is refused', () => {
  for (const text of ['\x02[]', '\x01', '\x01{}', '\x01[[1,2,3]]', '\x01[["1",2]]', '\x01[["1",2.5,"k"]]', '\x01[["1",2,"k",3]]']) {
    assert.throws(
      () => new ScanCursors(Math.random).decode(Buffer.from(text, 'latin1')),
      (error: unknown) => error instanceof DamageError,
    )
  }
})

test.run()
