/** PFDEBUG looks into HyperLogLogs; PFSELFTEST verifies the implementation. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import {
  DENSE_BYTES,
  denseRegister,
  REGISTERS,
  registerAndHeightOf,
  setDenseRegister,
} from '../../storage/values/hyperloglogs/hyperloglog.ts'
import { Sketch } from '../../storage/values/hyperloglogs/sketch.ts'
import { type Args, type Command, command, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import { OK, type Reply, SimpleString } from '../contract/reply.ts'
import { isToken } from '../parsing/args.ts'
import { cardinalityOf, corrupt, findSketch, storeSketch } from './sketch-access.ts'

const sketch = new Sketch()

const pfdebug = command({
  name: 'pfdebug',
  group: 'hyperloglog',
  since: '2.8.9',
  summary: 'Internal commands for debugging HyperLogLog values.',
  complexity: 'N/A',
  syntax: 'PFDEBUG subcommand key',
  arity: 3,
  flags: ['write', 'denyoom', 'admin'],
  keys: [keyRange(2, 2, 1, 'RW', 'access')],
  docFlags: ['syscmd'],
  isVerbatim: true,
  run(context, args) {
    const { entry, value } = findSketch(context.db, args[2])
    if (entry === undefined) throw clientError('ERR The specified key does not exist')
    sketch.load(value)
    if (isToken(args[1], 'getreg')) return registersOf(context, args)
    if (isToken(args[1], 'todense')) return makeDense(context, args[2]) ? 1 : 0
    if (isToken(args[1], 'encoding')) return new SimpleString(sketch.isDense ? 'dense' : 'sparse')
    if (!isToken(args[1], 'decode')) throw clientError(`ERR Unknown PFDEBUG subcommand '${args[1]}'`)
    if (sketch.isDense) throw clientError('ERR HLL encoding is not sparse')
    return sketch.describe()
  },
})

/** Makes the value in the sketch dense. Returns false if it was dense already. */
function makeDense(context: Context, key: Bytes): boolean {
  if (sketch.isDense) return false
  if (!sketch.makeDense()) throw corrupt()
  storeSketch(context.db, key, context.db.find(key), sketch)
  return true
}

/** Returns all registers. As in Redis, this leaves the value dense. */
function registersOf(context: Context, args: Args): Reply {
  makeDense(context, args[2])
  const registers = new Uint8Array(REGISTERS)
  sketch.raiseInto(registers)
  return Array.from(registers)
}

const TESTED_ELEMENTS = 100_000
/** The largest error that PFSELFTEST allows an estimate, in standard errors. */
const STANDARD_ERRORS = 6

const pfselftest = command({
  name: 'pfselftest',
  group: 'hyperloglog',
  since: '2.8.9',
  summary: 'An internal command for testing HyperLogLog values.',
  complexity: 'N/A',
  syntax: 'PFSELFTEST',
  arity: 1,
  flags: ['admin'],
  docFlags: ['syscmd'],
  run({ server }) {
    testRegisters(() => Math.floor(server.random() * 64))
    testEstimates(`${Math.floor(server.random() * 2 ** 32)}:`)
    return OK
  },
})

/** Verifies that a register keeps its value independently of its neighbours. */
function testRegisters(chance: () => number): void {
  const dense = new Uint8Array(DENSE_BYTES)
  const expected = new Uint8Array(REGISTERS)
  for (let round = 0; round < 10; round++) {
    for (let index = 0; index < REGISTERS; index++) {
      expected[index] = chance()
      setDenseRegister(dense, index, must(expected[index]))
    }
    for (let index = 0; index < REGISTERS; index++) {
      const found = denseRegister(dense, index)
      if (found === expected[index]) continue
      throw clientError(`ERR TESTFAILED Register ${index} should be ${expected[index]} but is ${found}`)
    }
  }
}

/**
 * Verifies that sparse and dense sketches of the same elements agree, and that their estimate is
 * about right.
 */
function testEstimates(prefix: string): void {
  const dense = new Sketch()
  const sparse = new Sketch()
  dense.load()
  dense.makeDense()
  sparse.load()
  const limit = STANDARD_ERRORS * (1.04 / Math.sqrt(REGISTERS))
  for (let count = 1, checkAt = 1; count <= TESTED_ELEMENTS; count++) {
    const packed = registerAndHeightOf(prefix + count)
    dense.raise(packed % REGISTERS, Math.floor(packed / REGISTERS), 0)
    if (checkAt <= 10_000) sparse.raise(packed % REGISTERS, Math.floor(packed / REGISTERS), 3000)
    if (count !== checkAt) continue
    const estimated = must(cardinalityOf(dense))
    if (checkAt <= 10_000 && estimated !== cardinalityOf(sparse)) throw clientError('ERR TESTFAILED dense/sparse disagree')
    if (Math.abs(estimated - count) > Math.ceil(count * limit)) {
      throw clientError(`ERR TESTFAILED Too big error. card:${count} abserr:${Math.abs(estimated - count)}`)
    }
    checkAt *= 10
  }
}

export const hyperLogLogDebug: readonly Command[] = [pfdebug, pfselftest]
