/**
 * The last use of a key, as one number in its entry or packed key:
 *
 *   0            unknown
 *   bit 28 clear the keyspace's `monotonicSeconds` at the last use; below 0 after RESTORE IDLETIME
 *   bit 28 set   bits 8 to 23: minutes of that time, modulo 65,536; bits 0 to 7: a counter
 *
 * The counter is Redis's logarithmic one, under an LFU policy of `maxmemory`: the more it shows,
 * the less likely a use raises it, and it falls with time. The first use under such a policy makes
 * a time a counter, and the first use under another policy makes it a time again. A time counts as
 * the counter of a new key.
 */
import type { Random } from '../../base/clock.ts'

/** The counter of a new key, so that it is not the first to go. */
const INITIAL_COUNTER = 5
const MAX_COUNTER = 255
const IS_COUNTER = 2 ** 28
const MINUTES_MASK = 0xffff

const isCounter = (lastUse: number): boolean => lastUse >= IS_COUNTER

/** Seconds since the last use; 0 if that is unknown. */
export function idleSecondsOf(lastUse: number, nowSeconds: number): number {
  return lastUse === 0 || isCounter(lastUse) ? 0 : Math.max(0, nowSeconds - lastUse)
}

/** Seconds within which a key that is used again counts as in use. */
const IN_USE_SECONDS = 5

/** True if a key was used some seconds ago; under an LFU policy, about a minute ago. */
export function isInUse(lastUse: number, nowSeconds: number): boolean {
  if (isCounter(lastUse)) return ((Math.floor(nowSeconds / 60) - (lastUse >>> 8)) & MINUTES_MASK) === 0
  return nowSeconds - lastUse < IN_USE_SECONDS
}

/** Counts uses of keys while an LFU policy is selected. */
export class UseCounter {
  private readonly logFactor: number
  /** The minutes in which a counter falls by one; 0 means never. */
  private readonly decayMinutes: number
  private readonly random: Random

  constructor(logFactor: number, decayMinutes: number, random: Random) {
    this.logFactor = logFactor
    this.decayMinutes = decayMinutes
    this.random = random
  }

  /** Returns the `lastUse` of a key whose counter is set. */
  withCounter(counter: number, nowSeconds: number): number {
    return IS_COUNTER | ((Math.floor(nowSeconds / 60) & MINUTES_MASK) << 8) | counter
  }

  /** Returns the counter of a key now. */
  counterOf(lastUse: number, nowSeconds: number): number {
    const counter = isCounter(lastUse) ? lastUse & MAX_COUNTER : INITIAL_COUNTER
    if (this.decayMinutes === 0 || lastUse === 0) return counter
    const nowMinutes = Math.floor(nowSeconds / 60)
    const idleMinutes = isCounter(lastUse) ? (nowMinutes - (lastUse >>> 8)) & MINUTES_MASK : nowMinutes - Math.floor(lastUse / 60)
    return Math.max(0, counter - Math.floor(idleMinutes / this.decayMinutes))
  }

  /** Returns what `lastUse` becomes with a use now. */
  used(lastUse: number, nowSeconds: number): number {
    const counter = this.counterOf(lastUse, nowSeconds)
    const odds = Math.max(0, counter - INITIAL_COUNTER) * this.logFactor + 1
    const isRaised = counter < MAX_COUNTER && this.random() * odds < 1
    return this.withCounter(counter + (isRaised ? 1 : 0), nowSeconds)
  }
}
