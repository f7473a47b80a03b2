/** Numbers are printed and read as in C: compared with the C library inside of Lua's wasm file. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { generalFormat, readNumber } from '../../../lua/libraries/number-text.ts'
import { seeded } from '../../support/generators/seed.ts'
import { LibraryMachine } from '../../support/harness/library-machine.ts'

const ROUNDS = 4000

test('ties are rounded to the even digit at every place', () => {
  assert.is(generalFormat(2.5, 1), '2')
  assert.is(generalFormat(3.5, 1), '4')
  assert.is(generalFormat(0.375, 2), '0.38')
  assert.is(generalFormat(0.625, 2), '0.62')
  assert.is(generalFormat(10000000000000.5, 14), '10000000000000')
  assert.is(generalFormat(10000000000001.5, 14), '10000000000002')
  assert.is(generalFormat(-9.5, 1), '-1e+01')
})

test('a decimal that only looks like a tie is rounded to the nearer side', () => {
  assert.is(generalFormat(0.15, 1), '0.1')
  assert.is(generalFormat(0.35, 1), '0.3')
  assert.is(generalFormat(1.005, 3), '1')
  assert.is(generalFormat(2.675, 3), '2.67')
})

test('doubles of every size are printed as printf prints them, with any precision', () => {
  const chance = seeded('numbers as text')
  const machine = new LibraryMachine()
  const bytes = Buffer.alloc(8)
  for (let round = 0; round < ROUNDS; round++) {
    bytes.writeUInt32LE(chance.integer(2 ** 32), 0)
    bytes.writeUInt32LE(chance.integer(2 ** 32), 4)
    const shapes = [
      bytes.readDoubleLE(),
      chance.integer(2 ** 31) / 2 ** chance.integer(40),
      chance.random() * 10 ** (chance.integer(30) - 10),
    ]
    const value = shapes[round % 3] as number
    if (!Number.isFinite(value)) continue
    const precision = 1 + chance.integer(14)
    assert.is(generalFormat(value, precision), machine.run(`return ('%.${precision}g'):format(${value})`), `${value} ${precision}`)
  }
})

test('readNumber reads the longest prefix that is a number', () => {
  const reads = (text: string) => {
    const read = readNumber(text, 0)
    return read === null ? null : [read.value, read.end]
  }
  assert.equal(reads('12,'), [12, 2])
  assert.equal(reads('-.5e'), [-0.5, 3])
  assert.equal(reads('5.e2x'), [500, 4])
  assert.equal(reads('1e+'), [1, 1])
  assert.equal(reads('0x'), [0, 1])
  assert.equal(reads('0x1.8p1'), [3, 7])
  assert.equal(reads('0x.4p'), [0.25, 4])
  assert.equal(reads('0x1p-1074'), [5e-324, 9])
  assert.equal(reads('0x1p99999999999'), [Infinity, 15])
  assert.equal(reads('0x1p-99999999999'), [0, 16])
  assert.equal(reads('0x20000000000001'), [2 ** 53, 16])
  assert.equal(reads('-infinite'), [-Infinity, 4])
  assert.equal(reads('Infinity'), [Infinity, 8])
  assert.equal(reads('nan(12)'), [Number.NaN, 7])
  assert.equal(reads('nan(-)'), [Number.NaN, 3])
  assert.is(reads('-'), null)
  assert.is(reads('e5'), null)
  assert.is(reads(''), null)
})

test.run()
