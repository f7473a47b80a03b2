/**
 * The writes of clients: a few keys in a few databases, so that commands meet; sometimes a large
 * value, or a flush of everything.
 */
import type { Bytes } from '../../base/bytes.ts'
import { randomCollectionCommand } from '../support/generators/random-collections.ts'
import type { Seeded } from '../support/generators/seed.ts'
import type { SimulatedProcess } from './process.ts'
import { type ClusterSettings, DATABASES } from './settings.ts'

const KEYS = 40
/** Collections have keys with these names and small numbers: random-collections.ts. */
const KINDS = ['key', 'key', 'key', 'hash', 'list', 'set', 'zset', 'stream'] as const

function randomValue(chance: Seeded): Bytes {
  const length = chance.random() < 0.05 ? chance.integer(chance.random() < 0.2 ? 90_000 : 9000) : chance.integer(60)
  return String.fromCharCode(33 + chance.integer(90)).repeat(length)
}

function randomWrite(chance: Seeded, now: number): Bytes[] {
  const key = `${chance.pick(KINDS)}${chance.integer(KEYS)}`
  const other = `${chance.pick(KINDS)}${chance.integer(KEYS)}`
  const number = `number${chance.integer(5)}`
  const soon = String(1 + chance.integer(3000))
  if (chance.random() < 0.5) return randomCollectionCommand(chance, 'haypile').map(String)
  if (chance.random() < 0.01) return chance.pick([['FLUSHDB'], ['SWAPDB', '0', '1'], ['FLUSHALL']])
  return chance.pick<() => Bytes[]>([
    () => ['SET', key, randomValue(chance)],
    () => ['SET', key, randomValue(chance)],
    () => ['SET', key, randomValue(chance), 'PX', soon],
    () => ['SET', key, 'later', 'PXAT', String(now + 100_000 + chance.integer(100_000))],
    () => ['MSET', key, 'x', other, randomValue(chance)],
    () => ['APPEND', key, randomValue(chance)],
    () => ['SETRANGE', key, String(chance.integer(200)), 'range'],
    () => ['INCR', number],
    () => ['INCRBYFLOAT', number, '0.5'],
    () => ['PEXPIRE', key, soon],
    () => ['PERSIST', key],
    () => ['GETEX', key, 'PX', soon],
    () => ['GETDEL', key],
    () => ['DEL', key, other],
    () => ['RENAME', key, other],
    () => ['COPY', key, other, 'REPLACE'],
    () => ['MOVE', key, String(chance.integer(DATABASES))],
  ])()
}

/** A command that creates a collection of about this many bytes. */
function largeCollection(name: Bytes, key: Bytes, bytes: number): Bytes[] {
  const words = [name, key]
  for (let left = bytes, index = 0; left >= 0; left -= 20, index++) {
    if (name === 'ZADD') words.push(String(index % 1000))
    words.push(`element ${index}`)
    if (name === 'HSET') words.push('value')
  }
  return words
}

/** Writes large values in a turn of their own. */
export function preload(process: SimulatedProcess, chance: Seeded, bytes: number): void {
  process.wake()
  for (let left = bytes, index = 0; left > 0; index++) {
    const length = chance.integer(chance.random() < 0.2 ? 200_000 : 20_000)
    const value = String.fromCharCode(33 + (index % 90)).repeat(length)
    if (index % 2 === 0) process.run(index % DATABASES, 'SET', `large${index}`, value)
    else process.run(index % DATABASES, ...largeCollection(chance.pick(['HSET', 'RPUSH', 'SADD', 'ZADD']), `large${index}`, length))
    left -= length
  }
}

/** Runs some commands in one turn. Returns their number. */
export function writeSome(process: SimulatedProcess, chance: Seeded, now: number, writes: ClusterSettings['writes']): number {
  if (writes === 'uniform') {
    process.run(0, 'SET', `key${10 + chance.integer(KEYS)}`, String(100_000 + chance.integer(900_000)))
    return 1
  }
  const count = chance.random() < 0.03 ? 300 : 1 + chance.integer(chance.random() < 0.2 ? 30 : 3)
  for (let i = 0; i < count; i++) {
    if (chance.random() < 0.1) transact(process, chance, now)
    else process.run(chance.integer(DATABASES), ...randomWrite(chance, now))
  }
  return count
}

/** Runs a transaction over several databases, sometimes with a broken watch. */
function transact(process: SimulatedProcess, chance: Seeded, now: number): void {
  if (chance.random() < 0.2) {
    process.run(0, 'WATCH', `key${chance.integer(KEYS)}`)
    process.run(chance.integer(DATABASES), ...randomWrite(chance, now))
  }
  process.run(0, 'MULTI')
  for (let left = chance.integer(6); left > 0; left--) process.run(0, ...randomWrite(chance, now))
  process.run(chance.integer(DATABASES), chance.random() < 0.1 ? 'DISCARD' : 'EXEC')
}
