/** Sums of long doubles print what Redis prints. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { addFloatText, longDoubleOf, printLongDouble } from '../../../commands/parsing/decimal.ts'

/** Value, increment, and the reply of Redis 7.0.15 on x86-64 to INCRBYFLOAT. */
const SUMS: readonly (readonly [value: string, increment: string, sum: string])[] = [
  ['0', '3.0e3', '3000'],
  ['3.0e3', '200', '3200'],
  ['5.0e3', '2.0e2', '5200'],
  ['10.50', '0.1', '10.6'],
  ['0.1', '0.2', '0.3'],
  ['3', '1.1', '4.1'],
  ['1', '1.5e-5', '1.000015'],
  ['3.3', '-3.3', '0'],
  ['17179869184', '1.5', '17179869185.5'],
  ['-1e-30', '0', '0'],
  ['0', '5e-18', '0'],
  ['0', '15e-18', '0.00000000000000002'],
  ['9007199254740993', '1', '9007199254740994'],
  ['18446744073709551615', '1', '18446744073709551616'],
  ['18446744073709551615', '2', '18446744073709551616'],
  ['1e20', '0.1', '100000000000000000000'],
  ['0x1p4', '.5', '16.5'],
  ['1e-4950', '0', '0'],
  ['123456789.123456789', '987654321.987654321', '1111111111.11111110995989293'],
  ['0', '-0', '0'],
  ['1.000000000000000005', '0', '1'],
  ['-1.1', '-2.2', '-3.3'],
]

for (const [value, increment, sum] of SUMS)
  test(`${value} + ${increment} prints as ${sum}`, () => {
    assert.is(addFloatText(value, increment), sum)
  })

test('texts that are no long double are refused', () => {
  for (const text of ['', ' 1', '1 ', 'nan', '1e', '.', '+', '0x', '1e5000', '-1e5000', '1e-5000', '1_0', '1\0', '1e99999999999'])
    assert.throws(() => addFloatText('1', text), /^ERR value is not a valid float$/, text)
  assert.throws(() => addFloatText('abc', '1'), /^ERR value is not a valid float$/)
  assert.is(longDoubleOf(`1${' '.repeat(6000)}`), null)
})

test('infinite and NaN sums are refused', () => {
  for (const [a, b] of [
    ['inf', '1'],
    ['1', '-inf'],
    ['inf', '-inf'],
    ['1.18e4932', '1.18e4932'],
  ] as const)
    assert.throws(() => addFloatText(a, b), /^ERR increment would produce NaN or Infinity$/)
})

test('mantissas have 64 bits, and ties round to even', () => {
  const printed = (text: string) => printLongDouble(longDoubleOf(text)!)
  assert.is(printed('18446744073709551616'), '18446744073709551616')
  assert.is(printed('18446744073709551617'), '18446744073709551616')
  assert.is(printed('36893488147419103233'), '36893488147419103232')
  assert.is(printed('36893488147419103235'), '36893488147419103236')
  assert.is(printed('-36893488147419103235'), '-36893488147419103236')
})

test('sums with the largest exponents are fast', () => {
  assert.is(addFloatText(`1${'0'.repeat(4900)}`, '1e-4900').length, 4901)
})

test.run()
