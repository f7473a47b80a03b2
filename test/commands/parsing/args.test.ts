/** Reading arguments: exact integers of 64 bits, floats and the texts of refusals. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientError } from '../../../commands/contract/errors.ts'
import {
  addInt64,
  floatOf,
  integerOf,
  isToken,
  negateInt64,
  Options,
  pairs,
  requireClampedInteger,
  requireFloat,
  requireInteger,
  requireSafeInteger,
} from '../../../commands/parsing/args.ts'

test('an integer has exactly one spelling', () => {
  for (const text of ['', '-', '+1', '-0', '00', '01', ' 1', '1 ', '1.0', '1e3', '0x1', '1\0', '123456789012345678901'])
    assert.is(integerOf(text), null, text)
  assert.is(integerOf('0'), 0)
  assert.is(integerOf('-1'), -1)
})

test('64-bit integers are exact, as numbers where safe and as bigints beyond', () => {
  assert.is(integerOf('9007199254740991'), 9007199254740991)
  assert.is(integerOf('9007199254740992'), 9007199254740992n)
  assert.is(integerOf('-9007199254740992'), -9007199254740992n)
  assert.is(integerOf('9223372036854775807'), 9223372036854775807n)
  assert.is(integerOf('-9223372036854775808'), -9223372036854775808n)
  assert.is(integerOf('9223372036854775808'), null)
  assert.is(integerOf('-9223372036854775809'), null)
})

test("invalid integers are refused with Redis's texts", () => {
  assert.throws(() => requireInteger('x'), /^ERR value is not an integer or out of range$/)
  assert.throws(() => requireSafeInteger('11', 0, 10), /^ERR value is out of range, value must between 0 and 10$/)
  assert.throws(() => requireSafeInteger('11', 0, 10, () => clientError('ERR own')), /^ERR own$/)
  assert.throws(() => requireFloat('x'), /^ERR value is not a valid float$/)
  assert.is(requireClampedInteger('9223372036854775807'), Number.MAX_SAFE_INTEGER)
  assert.is(requireClampedInteger('-9223372036854775808'), Number.MIN_SAFE_INTEGER)
})

test('64-bit sums are exact, and null on overflow', () => {
  assert.is(addInt64(9007199254740991, 2), 9007199254740993n)
  assert.is(addInt64(9007199254740993n, -2), 9007199254740991)
  assert.is(addInt64(9223372036854775806n, 1), 9223372036854775807n)
  assert.is(addInt64(9223372036854775807n, 1), null)
  assert.is(addInt64(-9223372036854775808n, -1), null)
  assert.is(negateInt64(-9223372036854775808n), null)
  assert.is(negateInt64(9223372036854775807n), -9223372036854775807n)
  assert.ok(Object.is(negateInt64(0), 0))
})

test('floats are what strtod reads to the end, without NaN, overflow and underflow to zero', () => {
  assert.is(floatOf('3.0e3'), 3000)
  assert.is(floatOf('.5'), 0.5)
  assert.is(floatOf('+5.'), 5)
  assert.is(floatOf('0x1.8p3'), 12)
  assert.is(floatOf('-0X10'), -16)
  assert.is(floatOf('0x1p-1074'), 5e-324)
  assert.is(floatOf('-INF'), Number.NEGATIVE_INFINITY)
  assert.is(floatOf('infinity'), Number.POSITIVE_INFINITY)
  assert.is(floatOf('0e999'), 0)
  assert.is(floatOf('5e-324'), 5e-324)
  for (const text of ['', ' 1', '1 ', 'nan', '1e', 'e5', '.', '+', '0x', '1e400', '-1e400', '1e-400', '1_0', '0b1', 'infinit', '1\0'])
    assert.is(floatOf(text), null, text)
})

test('tokens ignore case, and only letters fold', () => {
  assert.ok(isToken('EX', 'ex'))
  assert.ok(isToken('no-Evict', 'no-evict'))
  assert.not.ok(isToken('no\revict', 'no-evict'))
  assert.not.ok(isToken('EXAT', 'ex'))
  assert.not.ok(isToken(undefined, 'ex'))
})

test('options are read word by word, and a missing value is a syntax error', () => {
  const options = new Options(['SET', 'k', 'v', 'nx', 'EX', '10', 'PX'], 3)
  assert.not.ok(options.take('xx'))
  assert.ok(options.take('nx'))
  assert.ok(options.take('ex'))
  assert.is(options.value(), '10')
  assert.is(options.at, 6)
  assert.is(options.left, 1)
  assert.ok(options.take('px'))
  assert.not.ok(options.more)
  assert.throws(() => options.value(), /^ERR syntax error$/)
})

test('pairs yields two arguments at a time', () => {
  assert.equal(
    [...pairs(['MSET', 'a', '1', 'b', '2'], 1)],
    [
      ['a', '1'],
      ['b', '2'],
    ],
  )
  assert.throws(() => [...pairs(['MSET', 'a'], 1)], /^ERR syntax error$/)
})

test.run()
