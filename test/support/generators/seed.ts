/** Repeatable chance: every random loop prints its seed and takes it from HAYPILE_SEED. */
import { randomInt } from 'node:crypto'
import type { Random } from '../../../base/clock.ts'

export interface Seeded {
  readonly seed: number
  /** A number x, 0 <= x < 1. */
  readonly random: Random
  /** An integer x, 0 <= x < limit. */
  integer(limit: number): number
  pick<T>(choices: readonly T[]): T
}

/** Prints `seed NAME: HAYPILE_SEED=...`; that variable repeats the same numbers. */
export function seeded(name: string): Seeded {
  const { HAYPILE_SEED: given } = process.env
  const seed = given === undefined ? randomInt(2 ** 32) : Number(given)
  if (!Number.isInteger(seed)) throw new Error(`HAYPILE_SEED=${given} is not a whole number`)
  console.log(`seed ${name}: HAYPILE_SEED=${seed}`)
  return fromSeed(seed)
}

/** Chance from a seed that the caller keeps, such as fast-check's; prints nothing. */
export function fromSeed(seed: number): Seeded {
  const mix = splitmix32(seed)
  const next = xoshiro128([mix(), mix(), mix(), mix()])
  const random = () => next() / 2 ** 32
  const integer = (limit: number) => Math.floor(random() * limit)
  return {
    seed,
    random,
    integer,
    pick(choices) {
      if (choices.length === 0) throw new Error('nothing to pick from')
      return choices[integer(choices.length)]!
    },
  }
}

/**
 * xoshiro128** 1.1 by Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c: integers
 * below 2^32.
 */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return result
  }
}

/**
 * Spreads one number over a state, as the authors of xoshiro advise. The constants are those of
 * MurmurHash3's 32-bit finaliser.
 */
function splitmix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return mixed ^ (mixed >>> 16)
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
