/**
 * What a command says that blocks its client. Its run function tries, and where there is nothing it returns `context.block(...)`; when a key
 * becomes ready it is run again (blocked-clients.ts). Where nothing may block, such as in replay, it answers as at its time-out at once.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type ClientError, clientError } from '../core/errors.ts'
import { NoReply, type Reply } from '../core/reply.ts'
import { floatOf, MAX_INT64, requireInteger } from '../parsing/args.ts'
import { longDoubleOf } from '../parsing/decimal.ts'

export interface BlockOptions {
  readonly keys: readonly Bytes[]
  /** KIND_LIST and the like: a key of another type is not ready. */
  readonly kind: number
  /** 0: none. */
  readonly timeoutMs: number
  /** The reply when the time is up. */
  readonly onTimeout: Reply
  /** What is run instead of the request, where that would mean something else later. */
  readonly args?: readonly Bytes[]
  /** To be run again also when a key has gone or has got another type. */
  readonly orGone?: true
  /** Who waits for a key with the same word here waits for the same: where there is nothing for one, there is nothing for the others. */
  readonly alike?: Bytes
}

/** What a run function answers that has blocked its client. */
export const BLOCKED = new NoReply()

/** About 2^63 ms after 1970, from now on. */
const MAX_TIMEOUT_MS = Number(MAX_INT64) - 2e12
const outOfRange = () => clientError('ERR timeout is out of range')

/** A time-out in seconds, with fractions, as ms; 0 is none. */
export function requireTimeout(word: Bytes): number {
  const timeoutMs = Math.ceil(secondsOf(word) * 1000)
  if (timeoutMs > MAX_TIMEOUT_MS) throw outOfRange()
  if (timeoutMs < 0) throw clientError('ERR timeout is negative')
  return timeoutMs + 0 // no -0
}

/** Redis reads a long double: what a double cannot hold is far too long, or next to nothing. */
function secondsOf(word: Bytes): number {
  const seconds = floatOf(word)
  if (seconds !== null) return seconds
  const exact = longDoubleOf(word)
  if (exact === null) throw clientError('ERR timeout is not a float or out of range')
  if (typeof exact === 'string' || exact.exponent > 0) return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return word.startsWith('-') ? -Number.MIN_VALUE : Number.MIN_VALUE
}

/** A time-out in whole ms; 0 is none. */
export function requireTimeoutMs(word: Bytes, nowMs: number): number {
  const timeout = requireInteger(word, notAnIntegerTimeout)
  if (timeout < 0) throw clientError('ERR timeout is negative')
  if (timeout > MAX_INT64 - BigInt(nowMs)) throw outOfRange()
  return Number(timeout)
}

const notAnIntegerTimeout = (): ClientError => clientError('ERR timeout is not an integer or out of range')
