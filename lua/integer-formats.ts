/**
 * string.format for integers of 64 bits: `%d %i %u %o %x %X %c`. Lua's own function formats
 * everything. If a number does not fit in 32 bits, its directive becomes `%s` and the argument
 * becomes its text. So errors still name the right argument.
 */
import { must } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { isNumeric, toSignedInteger } from './libraries/arguments.ts'
import type { LuaStack } from './stack.ts'

const INT_LIMIT = 2 ** 31
const PERCENT = '%'
/**
 * Matches a directive after its percent sign: flags, width, precision, conversion. Lua refuses
 * further digits.
 */
const DIRECTIVE = /([-+ #0]*)(\d{0,2})(?:\.(\d{0,2}))?(?!\d)(.)/sy
const MAX_FLAGS = 5
const BASES: Readonly<Record<string, number>> = { u: 10, o: 8, x: 16, X: 16 }

interface Directive {
  readonly flags: string
  readonly width: number
  /** Null without a precision. */
  readonly precision: number | null
  readonly conversion: string
}

/** Changes the format and the arguments of a call where a number among them needs 64 bits. */
export function withWideIntegers(args: LuaStack): void {
  const { api, state } = args
  let fits = true
  for (let i = api.lua_gettop(state); i > 1 && fits; i--) {
    const value = api.lua_tonumber(state, i) // 0 for anything that is no number
    fits = value >= 0 && value < INT_LIMIT
  }
  if (fits || api.lua_isstring(state, 1) === 0) return
  const format = must(args.string(1))
  const changed = rewriteFormat(args, format)
  if (changed === format) return
  args.pushString(changed)
  api.lua_replace(state, 1)
}

/** Returns the format for the changed arguments. Errors in a format are left for Lua to find. */
function rewriteFormat(args: LuaStack, format: Bytes): Bytes {
  let text = ''
  let kept = 0
  let argument = 1
  for (let at = format.indexOf(PERCENT); at >= 0; at = format.indexOf(PERCENT, at)) {
    if (format[at + 1] === PERCENT) {
      at += 2
      continue
    }
    DIRECTIVE.lastIndex = at + 1
    const match = DIRECTIVE.exec(format)
    if (match === null || must(match[1]).length > MAX_FLAGS) break
    const end = DIRECTIVE.lastIndex
    argument++
    if (isReplaced(args, argument, directiveOf(match))) {
      text += `${format.slice(kept, at)}%s`
      kept = end
    }
    at = end
  }
  return kept === 0 ? format : text + format.slice(kept)
}

function directiveOf([, flags, width, precision, conversion]: RegExpExecArray): Directive {
  return {
    flags: must(flags),
    width: Number(width),
    precision: precision === undefined ? null : Number(precision),
    conversion: must(conversion),
  }
}

/** Replaces an argument by its text where Lua would lose some of it. Returns true if it did. */
function isReplaced(args: LuaStack, index: number, directive: Directive): boolean {
  const { conversion } = directive
  const isSigned = conversion === 'd' || conversion === 'i'
  const base = BASES[conversion]
  if ((!isSigned && base === undefined && conversion !== 'c') || !isNumeric(args, index)) return false
  const value = args.toNumber(index)
  if (value < INT_LIMIT && value >= (base === undefined ? -INT_LIMIT : 0)) return false
  if (conversion === 'c')
    put(args, index, 0) // C converts it to the least `int`, whose low byte is zero
  else put(args, index, isSigned ? signed(value, directive) : unsigned(value, must(base), directive))
  return conversion !== 'c'
}

function put(args: LuaStack, index: number, value: Bytes | number): void {
  args.push(value)
  args.api.lua_replace(args.state, index)
}

function signed(value: number, directive: Directive): Bytes {
  const integer = BigInt(toSignedInteger(value))
  const sign = integer < 0n ? '-' : directive.flags.includes('+') ? '+' : directive.flags.includes(' ') ? ' ' : ''
  return laidOut(sign, (integer < 0n ? -integer : integer).toString(), directive)
}

function unsigned(value: number, base: number, directive: Directive): Bytes {
  const { flags, conversion } = directive
  const digits = toUnsignedInteger(value).toString(base)
  const isAlternate = flags.includes('#')
  if (base === 8 && isAlternate) {
    // A zero is printed for any number.
    const precision = directive.precision === 0 ? 1 : directive.precision
    return laidOut('', digits === '0' ? digits : `0${digits}`, { ...directive, precision })
  }
  const prefix = base === 16 && isAlternate && digits !== '0' ? '0x' : ''
  const text = laidOut(prefix, digits, directive)
  return conversion === 'X' ? text.toUpperCase() : text
}

/** Converts a double to an unsigned 64-bit integer as the processor does. */
function toUnsignedInteger(value: number): bigint {
  if (value >= 2 ** 64) return 0n
  return value >= 2 ** 63 ? BigInt(value) : BigInt.asUintN(64, BigInt(toSignedInteger(value)))
}

function laidOut(prefix: string, digits: string, { flags, width, precision }: Directive): Bytes {
  const shown = precision === 0 && digits === '0' ? '' : digits.padStart(precision ?? 0, '0')
  if (flags.includes('-')) return (prefix + shown).padEnd(width)
  if (flags.includes('0') && precision === null) return prefix + shown.padStart(width - prefix.length, '0')
  return (prefix + shown).padStart(width)
}
