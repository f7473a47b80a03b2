/** INCR and similar commands: exact 64-bit sums, floats as Redis prints them. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { stringNumbers } from '../../../commands/strings/numbers.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { seeded } from '../../support/generators/seed.ts'
import { harness } from '../../support/harness/harness.ts'

const made = () => harness([strings, stringNumbers])
const NOT_AN_INTEGER = 'ERR value is not an integer or out of range'
const OVERFLOW = 'ERR increment or decrement would overflow'

test('INCR, DECR, INCRBY and DECRBY start from 0 and keep the deadline', () => {
  const { plain, db, logged } = made()
  assert.is(plain('INCR', 'a'), 1)
  assert.is(plain('INCRBY', 'a', '41'), 42)
  assert.is(plain('DECR', 'a'), 41)
  assert.is(plain('DECRBY', 'a', '-9'), 50)
  assert.is(plain('GET', 'a'), '50')
  plain('GETEX', 'a', 'EX', '100')
  plain('INCR', 'a')
  assert.ok(db.peek('a')!.expireAtMs > 0)
  assert.equal(logged().at(-1), ['INCR', 'a'])
})

test('64-bit sums are exact up to their limits, and overflow is refused', () => {
  const { plain, error } = made()
  plain('SET', 'a', '9223372036854775806')
  assert.is(plain('INCR', 'a'), 9223372036854775807n)
  assert.is(error('INCR', 'a'), OVERFLOW)
  assert.is(plain('GET', 'a'), '9223372036854775807')
  assert.is(plain('DECRBY', 'a', '9223372036854775807'), 0)
  assert.is(plain('DECRBY', 'a', '9223372036854775807'), -9223372036854775807n)
  assert.is(plain('DECR', 'a'), -9223372036854775808n)
  assert.is(error('DECR', 'a'), OVERFLOW)
  assert.is(error('DECRBY', 'a', '-9223372036854775808'), 'ERR decrement would overflow')
  assert.is(error('INCRBY', 'a', '9223372036854775808'), NOT_AN_INTEGER)
})

test('sums equal those of bigints', () => {
  const { integer, pick } = seeded('string numbers')
  const { run, plain } = made()
  let twin = 0n
  for (let step = 0; step < 3000; step++) {
    const by = BigInt(pick([integer(1000) - 500, integer(2 ** 32) * 2 ** 20, -integer(2 ** 32) * 2 ** 20])) * BigInt(pick([1, 1, 2 ** 10]))
    const sum = twin + by
    if (sum !== BigInt.asIntN(64, sum) || by !== BigInt.asIntN(64, by)) continue
    const reply = run('INCRBY', 'a', String(by)) as number | bigint
    assert.is(BigInt(reply), sum)
    assert.is(plain('GET', 'a'), String(sum))
    assert.is(typeof reply, Number.isSafeInteger(Number(sum)) ? 'number' : 'bigint')
    twin = sum
  }
})

test('values that Redis does not take for integers are refused', () => {
  const { run, error, logged } = made()
  for (const value of ['', ' 1', '1 ', '+1', '01', '-0', '1.0', '0x10', 'abc', '9223372036854775808', '1'.repeat(70_000)]) {
    run('SET', 'a', value)
    logged()
    assert.is(error('INCR', 'a'), NOT_AN_INTEGER, value.slice(0, 30))
    assert.is(error('INCRBY', 'b', value), NOT_AN_INTEGER, value.slice(0, 30))
    assert.equal(logged(), [])
  }
})

test("INCRBYFLOAT returns Redis's text and logs the sum", () => {
  const { plain, error, logged } = made()
  assert.is(plain('INCRBYFLOAT', 'a', '0.1'), '0.1')
  assert.is(plain('INCRBYFLOAT', 'a', '0.2'), '0.3')
  assert.is(plain('INCRBYFLOAT', 'a', '5.0e3'), '5000.29999999999999982', 'as long double has it')
  logged()
  assert.is(plain('INCRBYFLOAT', 'a', '-5000.3'), '0')
  assert.equal(logged(), [['SET', 'a', '0', 'KEEPTTL']])
  assert.is(error('INCRBYFLOAT', 'a', 'abc'), 'ERR value is not a valid float')
  assert.is(error('INCRBYFLOAT', 'a', 'inf'), 'ERR increment would produce NaN or Infinity')
  plain('SET', 'b', ' 1')
  assert.is(error('INCRBYFLOAT', 'b', '1'), 'ERR value is not a valid float')
})

test.run()
