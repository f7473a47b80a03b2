/** HyperLogLogs as arrays of registers, with a plain implementation of their hash on bigints. */
import type { Bytes } from '../../../base/bytes.ts'
import { estimate } from '../../../storage/values/hyperloglogs/hyperloglog.ts'
import { Sketch } from '../../../storage/values/hyperloglogs/sketch.ts'
import { ERROR, type TwinDatabase, type TwinType } from './collection-twin.ts'
import { some } from './collection-world.ts'
import type { Seeded } from './seed.ts'

const REGISTERS = 16_384
const fresh = () => new Uint8Array(REGISTERS)

const MULTIPLIER = 0xc6a4a7935bd1e995n
const times = (a: bigint, b: bigint) => BigInt.asUintN(64, a * b)
const mixed = (hash: bigint) => hash ^ (hash >> 47n)

/** MurmurHash64A (Austin Appleby). */
function hashOf(bytes: Bytes): bigint {
  let hash = 0xadc83b19n ^ times(BigInt(bytes.length), MULTIPLIER)
  const whole = bytes.length - (bytes.length % 8)
  const word = (from: number, to: number) => {
    let value = 0n
    for (let i = to - 1; i >= from; i--) value = (value << 8n) | BigInt(bytes.charCodeAt(i))
    return value
  }
  for (let at = 0; at < whole; at += 8) {
    hash = times(hash ^ times(mixed(times(word(at, at + 8), MULTIPLIER)), MULTIPLIER), MULTIPLIER)
  }
  if (whole < bytes.length) hash = times(hash ^ word(whole, bytes.length), MULTIPLIER)
  return mixed(times(mixed(hash), MULTIPLIER))
}

/** Adds an element. Returns true if that raised a register. */
function add(registers: Uint8Array, element: Bytes): boolean {
  const hash = hashOf(element)
  const index = Number(hash & 16_383n)
  let height = 1
  for (let rest = (hash >> 14n) | (1n << 50n); (rest & 1n) === 0n; rest >>= 1n) height++
  if ((registers[index] as number) >= height) return false
  registers[index] = height
  return true
}

function union(all: readonly (Uint8Array | undefined)[]): Uint8Array {
  const result = fresh()
  for (const registers of all) {
    if (registers === undefined) continue
    for (let i = 0; i < REGISTERS; i++) result[i] = Math.max(result[i] as number, registers[i] as number)
  }
  return result
}

function countOf(registers: Uint8Array): number {
  const heights = new Uint32Array(64)
  for (const height of registers) heights[height] = (heights[height] as number) + 1
  return estimate(heights)
}

function command(chance: Seeded): Bytes[] {
  const { integer, pick, random } = chance
  const key = () => pick(hyperLogLogs.keys)
  const element = () => 'e'.repeat(integer(20)) + integer(random() < 0.5 ? 20 : 5000)
  return pick([
    ['PFADD', key(), ...some(chance, random() < 0.2 ? 60 : 4, element)],
    ['PFADD', key(), ...some(chance, 4, element)],
    ['PFCOUNT', key()],
    ['PFCOUNT', key(), key()],
    random() < 0.3 ? ['PFMERGE', key(), key()] : ['PFCOUNT', key()],
  ])
}

function run(db: TwinDatabase<Uint8Array>, [name, key = '', ...rest]: readonly Bytes[]): unknown {
  const at = (keys: readonly Bytes[]) => keys.map((each) => db.get(each))
  if (name === 'PFADD') {
    const isNew = db.get(key) === undefined
    const registers = db.make(key, fresh)
    return rest.filter((element) => add(registers, element)).length > 0 || isNew ? 1 : 0
  }
  if (name === 'PFCOUNT') return countOf(union(at([key, ...rest])))
  if (name !== 'PFMERGE') return ERROR
  const merged = union(at([key, ...rest]))
  db.make(key, fresh).set(merged)
  return 'OK'
}

const sketch = new Sketch()

export const hyperLogLogs: TwinType<Uint8Array> = {
  name: 'HyperLogLogs',
  keys: ['a', 'b', 'c'],
  command,
  run,
  copy: (registers) => new Uint8Array(registers),
  isOver: () => false,
  read: (key) => ['GET', key],
  shown: (registers) => registers ?? null,
  seen(reply) {
    if (typeof reply !== 'string') return reply
    const registers = fresh()
    sketch.load(reply)
    return sketch.raiseInto(registers) ? registers : 'corrupt'
  },
}
