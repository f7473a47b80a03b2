/**
 * string.find, match, gmatch and gsub of the sandbox. Lua's own functions run if a pattern is
 * harmless for its subject. Otherwise the functions here run, which use the limited matcher of
 * patterns.ts. Both take the same arguments and return the same results.
 */
import { must } from '../base/assert.ts'
import type { Bytes } from '../base/bytes.ts'
import { bytesArgument, FIRST_UPVALUE, optionalInteger, raiseAt, upToZero } from './libraries/arguments.ts'
import { HARMLESS_STEPS, Matcher, PatternError, STEP_BYTES, shapeOf, worstCaseSteps } from './patterns.ts'
import type { HostFunction, LuaStack } from './stack.ts'

const CARET = 94
/** Index of an upvalue of gmatch's iterator: the number of the iteration. */
const NUMBER = FIRST_UPVALUE - 3
const PERCENT = 37
/** Characters that make a text a pattern. */
const SPECIALS = /[\^$*+?.([%-]/
/** Lua's own function looks for a text up to this many comparisons. */
const MAX_COMPARISONS = 1e8

/** Bytes of work of gsub for each byte of the subject, in addition to the matcher's steps. */
const REPLACING_BYTES = 8

/** A search of this file. `match` creates its only matcher. */
type Search = (stack: LuaStack, match: (subject: Bytes, pattern: Bytes) => Matcher) => number

/**
 * Counts a search's steps as work, and raises errors in a pattern as errors of the script, in Lua's
 * words.
 */
const limited =
  (search: Search): HostFunction =>
  (stack) => {
    let matcher: Matcher | null = null
    try {
      return search(stack, (subject, pattern) => {
        matcher = new Matcher(subject, pattern)
        return matcher
      })
    } catch (error) {
      if (error instanceof PatternError) return raiseAt(stack, error.message)
      throw error
    } finally {
      stack.module.charge(((matcher as Matcher | null)?.stepsTaken ?? 0) * STEP_BYTES)
    }
  }

function pushCaptures(stack: LuaStack, matcher: Matcher, start: number, end: number, subject: Bytes, whole: 'whole' | 'none'): number {
  const { captureCount } = matcher
  if (captureCount === 0 && whole === 'whole') {
    stack.pushString(subject.slice(start, end))
    return 1
  }
  stack.reserve(captureCount)
  for (let i = 0; i < captureCount; i++) stack.push(matcher.capture(i))
  return captureCount
}

/** A pattern ends at its first zero byte, as it does for Lua 5.1. */
const patternArgument = (stack: LuaStack): Bytes => upToZero(bytesArgument(stack, 2))

/** Returns where a search begins, counted from 0. */
function startOf(stack: LuaStack, length: number): number {
  const wanted = optionalInteger(stack, 3, 1)
  const start = wanted < 0 ? Math.max(0, length + wanted) : Math.max(0, wanted - 1)
  return Math.min(start, length)
}

const search = (how: 'find' | 'match') =>
  limited((stack, match) => {
    const subject = bytesArgument(stack, 1)
    if (how === 'find' && isPlain(stack, bytesArgument(stack, 2))) return findText(stack, subject, bytesArgument(stack, 2))
    const pattern = patternArgument(stack)
    const isAnchored = pattern.charCodeAt(0) === CARET
    const matcher = match(subject, pattern)
    for (let start = startOf(stack, subject.length); start <= subject.length; start++) {
      const end = matcher.matchAt(start, isAnchored ? 1 : 0)
      if (end >= 0) {
        if (how === 'match') return pushCaptures(stack, matcher, start, end, subject, 'whole')
        stack.push(start + 1)
        stack.push(end)
        return 2 + pushCaptures(stack, matcher, start, end, subject, 'none')
      }
      if (isAnchored) break
    }
    stack.push(null)
    return 1
  })

/** Finds a text. For long texts V8's search compares fewer bytes than Lua's. */
function findText(stack: LuaStack, subject: Bytes, text: Bytes): number {
  const found = subject.indexOf(text, startOf(stack, subject.length))
  if (found < 0) {
    stack.push(null)
    return 1
  }
  stack.push(found + 1)
  stack.push(found + text.length)
  return 2
}

interface Iteration {
  readonly number: number
  readonly subject: Bytes
  readonly pattern: Bytes
}

/** Caches the last iteration, so that its subject is not copied out of Lua for each match. */
class LastIteration {
  private last: Iteration | null = null

  of(stack: LuaStack): Iteration {
    const number = stack.toNumber(NUMBER)
    if (this.last?.number !== number) {
      this.last = { number, subject: must(stack.string(FIRST_UPVALUE)), pattern: upToZero(must(stack.string(FIRST_UPVALUE - 1))) }
    }
    return this.last as Iteration
  }

  clear(): void {
    this.last = null
  }
}

/**
 * The iterator that gmatch returns. Its upvalues are subject, pattern, where the next match may
 * begin, and the number of the iteration.
 */
const nextMatch = (last: LastIteration) =>
  limited((stack, match) => {
    const { api, state } = stack
    const { subject, pattern } = last.of(stack)
    const matcher = match(subject, pattern)
    for (let start = stack.toNumber(FIRST_UPVALUE - 2); start <= subject.length; start++) {
      const end = matcher.matchAt(start, 0)
      if (end < 0) continue
      stack.push(end === start ? end + 1 : end)
      api.lua_replace(state, FIRST_UPVALUE - 2)
      return pushCaptures(stack, matcher, start, end, subject, 'whole')
    }
    last.clear()
    stack.push(null)
    return 1
  })

/** gsub(subject, pattern, replacement [, most]). */
const substitute = limited((stack, match) => {
  const subject = bytesArgument(stack, 1)
  const pattern = patternArgument(stack)
  const isAnchored = pattern.charCodeAt(0) === CARET
  const most = optionalInteger(stack, 4, subject.length + 1)
  const matcher = match(subject, pattern)
  let result = ''
  let at = 0
  let count = 0
  while (count < most) {
    const end = matcher.matchAt(at, isAnchored ? 1 : 0)
    if (end >= 0) {
      count++
      result += replacement(stack, matcher, at, end, subject)
    }
    if (end > at) at = end
    else if (at < subject.length) result += subject.charAt(at++)
    else break
    if (isAnchored) break
  }
  stack.pushString(result + subject.slice(at))
  stack.push(count)
  return 2
})

function replacement(stack: LuaStack, matcher: Matcher, start: number, end: number, subject: Bytes): Bytes {
  const whole = subject.slice(start, end)
  if (stack.isString(3) || stack.isNumber(3)) return fillTemplate(must(stack.string(3)), matcher, whole)
  if (stack.isFunction(3)) {
    stack.pushCopy(3)
    const count = pushCaptures(stack, matcher, start, end, subject, 'whole')
    stack.api.lua_call(stack.state, count, 1)
  } else {
    stack.push(matcher.captureCount === 0 ? whole : matcher.capture(0))
    stack.api.lua_gettable(stack.state, 3)
  }
  const isKept = stack.isNil(-1) || (stack.typeOf(-1) === 'boolean' && !stack.boolean(-1))
  const text = isKept ? whole : stack.string(-1)
  if (text === null) raiseAt(stack, `invalid replacement value (a ${stack.typeOf(-1)})`)
  stack.pop()
  return text
}

/** Returns a replacement string with its captures filled in. */
function fillTemplate(template: Bytes, matcher: Matcher, whole: Bytes): Bytes {
  if (!template.includes('%')) return template
  let text = ''
  for (let i = 0; i < template.length; i++) {
    const code = template.charCodeAt(i)
    const next = template.charCodeAt(i + 1)
    if (code !== PERCENT) text += template.charAt(i)
    else {
      i++
      if (i === template.length)
        text += '\0' // Lua finds its zero byte after the end
      else if (!(next >= 48 && next <= 57)) text += template.charAt(i)
      else if (next === 48 || (next === 49 && matcher.captureCount === 0)) text += whole
      else text += matcher.capture(next - 49)
    }
  }
  return text
}

/**
 * Wraps find, match, gmatch and gsub of the table `string`. Lua's own function runs if it takes at
 * most `harmlessSteps` steps.
 */
export function replaceSearch(stack: LuaStack, harmlessSteps = HARMLESS_STEPS): void {
  const iterator = stack.hostFunction(nextMatch(new LastIteration()))
  let iterations = 0
  const limitedSearches: Readonly<Record<string, HostFunction>> = {
    find: search('find'),
    match: search('match'),
    gsub: substitute,
    gmatch(args) {
      args.top = 2
      args.push(0)
      args.push(++iterations)
      args.api.lua_pushcclosure(args.state, iterator, 4)
      return 1
    },
  }
  stack.getGlobal('string')
  for (const [name, run] of Object.entries(limitedSearches)) {
    stack.rawGetField(-1, name)
    const original = stack.module.nativeFunction(stack.api.lua_tocfunction(stack.state, -1))
    stack.pop()
    const byteCost = name === 'gsub' ? REPLACING_BYTES : 0
    stack.pushFunction(
      stack.hostFunction((args) => {
        const steps = stepsOfLua(args, name, harmlessSteps)
        if (steps === Number.POSITIVE_INFINITY) return run(args)
        stack.module.charge(steps + args.length(1) * byteCost)
        return original(args.state)
      }),
    )
    stack.rawSetField(-2, name)
  }
  stack.rawGetField(-1, 'gmatch')
  stack.rawSetField(-2, 'gfind') // its name in Lua 5.0
  stack.pop()
}

/**
 * Returns the steps that Lua's own function takes in the worst case; Infinity if it must not run.
 * Wrong arguments take 0 steps: Lua's own function reports them.
 */
function stepsOfLua(stack: LuaStack, name: Bytes, harmlessSteps: number): number {
  const { api, state } = stack
  if (api.lua_isstring(state, 1) === 0 || api.lua_isstring(state, 2) === 0) return 0
  if (name === 'gsub' && !isReplacement(stack)) return 0
  const pattern = must(stack.string(2))
  if (name === 'find' && isPlain(stack, pattern)) {
    const comparisons = stack.length(1) * pattern.length
    return comparisons < MAX_COMPARISONS ? comparisons : Number.POSITIVE_INFINITY
  }
  return worstCaseSteps(shapeOf(upToZero(pattern)), stack.length(1), harmlessSteps)
}

/** Returns true if find looks for a text and not for a pattern. */
function isPlain(stack: LuaStack, pattern: Bytes): boolean {
  return stack.boolean(4) || !SPECIALS.test(upToZero(pattern))
}

function isReplacement(stack: LuaStack): boolean {
  return stack.isString(3) || stack.isNumber(3) || stack.isFunction(3) || stack.isTable(3)
}
