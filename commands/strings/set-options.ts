/** The options that SET and GETEX share, and the deadlines they name. */
import type { Bytes } from '../../base/bytes.ts'
import type { Context } from '../contract/context.ts'
import { invalidExpireTime, syntaxError } from '../contract/errors.ts'
import { MAX_INT64, Options, requireInteger } from '../parsing/args.ts'

export type ExpiryUnit = 'ex' | 'px' | 'exat' | 'pxat'

export interface SetOptions {
  readonly condition: 'nx' | 'xx' | null
  readonly mustReturnOld: boolean
  /** The deadline in ms since the epoch, or a word that keeps or removes it. */
  readonly expiry: number | 'keep' | 'remove'
}

const UNITS: readonly ExpiryUnit[] = ['ex', 'px', 'exat', 'pxat']
/** Below this, milliseconds times 1000 plus the current time is a safe integer. */
const SAFE_MS_LIMIT = 2 ** 42

/** Reads the options of SET from word 3 on. Throws a syntax error, or an error for the time. */
export function setOptionsOf(context: Context, args: readonly Bytes[]): SetOptions {
  const options = new Options(args, 3)
  let condition: SetOptions['condition'] = null
  let get = false
  let keep = false
  let unit: ExpiryUnit | null = null
  let time: Bytes = ''
  while (options.more) {
    if (condition !== 'xx' && options.take('nx')) condition = 'nx'
    else if (condition !== 'nx' && options.take('xx')) condition = 'xx'
    else if (options.take('get')) get = true
    else if (unit === null && options.take('keepttl')) keep = true
    else {
      if (keep) throw syntaxError()
      unit = takeUnit(options, unit)
      time = options.value()
    }
  }
  return { condition, mustReturnOld: get, expiry: unit !== null ? deadlineOf(context, time, unit, 'set') : keep ? 'keep' : 'remove' }
}

export type GetexOption = { readonly unit: ExpiryUnit; readonly time: Bytes } | 'persist' | null

/** Reads the option of GETEX from word 2 on. Throws a syntax error. */
export function getexOptionOf(args: readonly Bytes[]): GetexOption {
  const options = new Options(args, 2)
  let option: GetexOption = null
  while (options.more) {
    if ((option === null || option === 'persist') && options.take('persist')) option = 'persist'
    else {
      if (option === 'persist') throw syntaxError()
      const unit = takeUnit(options, option === null ? null : option.unit)
      option = { unit, time: options.value() }
    }
  }
  return option
}

/**
 * Reads the next word as a unit. As in Redis, an option may be repeated (the last one counts), but
 * not combined with another.
 */
function takeUnit(options: Options, before: ExpiryUnit | null): ExpiryUnit {
  for (const unit of UNITS) if ((before === null || before === unit) && options.take(unit)) return unit
  throw syntaxError()
}

/**
 * The deadline for a word, in ms since the epoch, at most 2^53 - 1. Throws "not an integer" and
 * "invalid expire time".
 */
export function deadlineOf(context: Context, time: Bytes, unit: ExpiryUnit, commandName: Bytes): number {
  const value = requireInteger(time)
  if (value <= 0) throw invalidExpireTime(commandName)
  const scale = unit === 'ex' || unit === 'exat' ? 1000 : 1
  const origin = unit === 'ex' || unit === 'px' ? context.nowMs : 0
  if (value < SAFE_MS_LIMIT) return Number(value) * scale + origin
  const exact = BigInt(value) * BigInt(scale)
  if (exact > MAX_INT64 - BigInt(origin)) throw invalidExpireTime(commandName)
  return Math.min(Number(exact) + origin, Number.MAX_SAFE_INTEGER)
}
