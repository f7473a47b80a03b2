/**
 * The 48-bit linear congruential generator that POSIX calls lrand48. Redis's math.random uses it.
 * The numbers are the same on every machine, and without a seed they begin where POSIX begins.
 */
import { argumentError, numberArgument, raiseAt, toInt } from './libraries/arguments.ts'
import type { LuaStack } from './stack.ts'

const LOW = 2 ** 24
const MULTIPLIER_HIGH = 0x5de
const MULTIPLIER_LOW = 0xece66d
const INCREMENT = 0xb

class Random48 {
  private high = 0x1234ab
  private low = 0xcd330e

  seed(seed: number): void {
    const value = seed | 0
    this.high = (value >>> 8) & 0xffffff
    this.low = ((value & 0xff) << 16) | 0x330e
  }

  /** Returns a whole number of 31 bits. */
  next(): number {
    const low = this.low * MULTIPLIER_LOW + INCREMENT
    const high = this.high * MULTIPLIER_LOW + this.low * MULTIPLIER_HIGH + Math.floor(low / LOW)
    this.low = low % LOW
    this.high = high % LOW
    return this.high * 128 + (this.low >>> 17)
  }
}

const intArgument = (stack: LuaStack, position: number) => toInt(numberArgument(stack, position))

/** Replaces math.random and math.randomseed. */
export function replaceRandom(stack: LuaStack): void {
  const random = new Random48()
  const functions = {
    random: (stack: LuaStack) => {
      const share = (random.next() % 0x7fffffff) / 0x7fffffff
      const { top } = stack
      if (top > 2) raiseAt(stack, 'wrong number of arguments')
      const first = top > 0 ? intArgument(stack, 1) : 0
      const [low, high] = top === 2 ? [first, intArgument(stack, 2)] : [1, first]
      if (top > 0 && low > high) argumentError(stack, top, 'interval is empty')
      stack.push(top === 0 ? share : Math.floor(share * ((high - low + 1) | 0)) + low)
      return 1
    },
    randomseed: (stack: LuaStack) => {
      random.seed(intArgument(stack, 1))
      return 0
    },
  }
  stack.getGlobal('math')
  for (const [name, run] of Object.entries(functions)) {
    stack.pushFunction(stack.hostFunction(run))
    stack.rawSetField(-2, name)
  }
  stack.pop()
}
