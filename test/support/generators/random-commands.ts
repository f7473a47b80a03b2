/**
 * Writes of every kind, for comparing their results after a crash or on another server
 * (dataset.ts).
 */
import { DATABASES } from './dataset.ts'
import { type Dialect, randomCollectionCommand } from './random-collections.ts'
import type { Seeded } from './seed.ts'

export type Words = (string | number)[]

/** A command of any kind whose effect depends on the data, on time or on chance. */
export function randomCommand(chance: Seeded, dialect: Dialect = 'haypile'): Words {
  return chance.random() < 0.5 ? randomCollectionCommand(chance, dialect) : randomKeyCommand(chance)
}

/**
 * Kinds of keys. Some keys are strings from the start, others get their type from the commands on
 * them.
 */
const KINDS = ['key', 'key', 'key', 'hash', 'list', 'set', 'zset', 'stream', 'sketch', 'geo'] as const

function randomKeyCommand(chance: Seeded): Words {
  const key = `key${chance.integer(60)}`
  const other = `key${chance.integer(60)}`
  const any = () => `${chance.pick(KINDS)}${chance.integer(8)}`
  const number = `number${chance.integer(10)}`
  const value = String.fromCharCode(...Array.from({ length: chance.integer(30) }, () => chance.integer(256)))
  return chance.pick<Words>([
    ['SET', key, value],
    ['SET', key, value, 'EX', 1000 + chance.integer(1000)],
    ['SET', key, value, 'NX', 'GET'],
    ['SET', key, value, 'KEEPTTL'],
    ['SET', key, value.padEnd(70_000, '.'), 'PX', 1_000_000],
    ['SETEX', key, 5000, value],
    ['GETEX', key, 'EX', 777],
    ['GETDEL', key],
    ['MSET', key, value, other, 'x'],
    ['APPEND', key, value],
    ['SETRANGE', key, chance.integer(chance.random() < 0.1 ? 80_000 : 50), value],
    ['SETBIT', key, chance.integer(1000), chance.integer(2)],
    ['BITOP', 'XOR', 'bits', key, other],
    ['BITFIELD', 'fields', 'INCRBY', 'u8', `#${chance.integer(8)}`, chance.integer(300), 'OVERFLOW', 'SAT', 'INCRBY', 'i5', 100, 3],
    ['INCR', number],
    ['INCRBYFLOAT', number, String(chance.integer(1000) / 8)],
    ['DECRBY', number, chance.integer(1000)],
    ['EXPIRE', key, 3000 + chance.integer(100), chance.pick(['NX', 'XX', 'GT', 'LT'])],
    ['PEXPIREAT', key, 4_000_000_000_000 + chance.integer(1000)],
    ['PERSIST', key],
    ['PEXPIRE', key, 1 + chance.integer(30)],
    ['PEXPIREAT', any(), 4_000_000_000_000 + chance.integer(1000)],
    ['PEXPIRE', any(), 1 + chance.integer(30)],
    ['RENAME', any(), any()],
    ['COPY', any(), any(), 'REPLACE'],
    ['COPY', any(), any(), 'DB', 1],
    ['MOVE', any(), chance.integer(DATABASES)],
    ['DEL', any(), other],
    ['SELECT', chance.integer(DATABASES)],
    ...(chance.random() < 0.05 ? ([['SWAPDB', 0, 1], ['FLUSHDB']] as Words[]) : []),
  ])
}
