/**
 * A user has the rules of its root selector (selector-rules.ts), and these:
 *
 *   rule = "on" | "off" | "nopass" | "resetpass" | "reset"
 *        | "sanitize-payload" | "skip-sanitize-payload"
 *        | ">" password | "<" password | "#" hash | "!" hash
 *        | "(" { selector rule } ")" | "clearselectors"
 */
import { must } from '../../base/assert.ts'
import { type Bytes, detached, lowerCase } from '../../base/bytes.ts'
import { splitInline } from '../parsing/inline-words.ts'
import { isPasswordHash, passwordHash } from './passwords.ts'
import { RuleError, unmatchedParenthesis } from './rule-error.ts'
import { Selector } from './selector.ts'
import { applySelectorRule, type RuleContext } from './selector-rules.ts'
import type { User } from './user.ts'

/**
 * Applies one rule. Throws RuleError, possibly after partial changes: the caller must drop the
 * draft.
 */
export function applyUserRule(user: User, rule: Bytes, context: RuleContext): void {
  if (rule === '') return
  if (!applyWord(user, lowerCase(rule), context) && !applyPassword(user, rule)) {
    if (rule.startsWith('(') && rule.endsWith(')')) user.selectors = [...user.selectors, readSelector(rule.slice(1, -1), context)]
    else applySelectorRule(user.root, detached(rule), context)
  }
  user.refreshUnrestricted()
}

/** Applies a rule that is one fixed word; returns false for other rules. */
function applyWord(user: User, word: Bytes, context: RuleContext): boolean {
  switch (word) {
    case 'on':
    case 'off':
      user.isOn = word === 'on'
      return true
    case 'nopass':
    case 'resetpass':
      user.needsNoPassword = word === 'nopass'
      user.passwords = []
      return true
    case 'sanitize-payload':
    case 'skip-sanitize-payload':
      user.maySkipSanitizing = word === 'skip-sanitize-payload'
      return true
    case 'clearselectors':
      user.selectors = [user.root]
      return true
    case 'reset':
      Object.assign(user, { isOn: false, needsNoPassword: false, passwords: [], maySkipSanitizing: false })
      user.selectors = [new Selector(context.channelDefault())]
      return true
    default:
      return false
  }
}

/** Applies a rule about a password; returns false for other rules. */
function applyPassword(user: User, rule: Bytes): boolean {
  const sign = rule[0]
  if (sign === '>' || sign === '#') {
    const hash = hashOf(rule)
    if (!user.passwords.includes(hash)) user.passwords = [...user.passwords, hash]
    user.needsNoPassword = false
    return true
  }
  if (sign !== '<' && sign !== '!') return false
  const hash = hashOf(rule)
  if (!user.passwords.includes(hash)) throw new RuleError('The password you are trying to remove from the user does not exist')
  user.passwords = user.passwords.filter((other) => other !== hash)
  return true
}

function hashOf(rule: Bytes): Bytes {
  const word = rule.slice(1)
  if (rule[0] === '>' || rule[0] === '<') return passwordHash(word)
  if (!isPasswordHash(word))
    throw new RuleError('The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters')
  return detached(word)
}

function readSelector(text: Bytes, context: RuleContext): Selector {
  const selector = new Selector(context.channelDefault())
  // Text that cannot be split, because of an unclosed quote, counts as no words, as in Redis.
  for (const rule of splitInline(text) ?? []) applySelectorRule(selector, rule, context)
  return selector
}

/** Applies all rules, given as words, to a draft. Throws the first RuleError. */
export function applyRules(draft: User, words: readonly Bytes[], context: RuleContext): void {
  for (const rule of mergeSelectors(words)) {
    try {
      applyUserRule(draft, rule, context)
    } catch (error) {
      throw error instanceof RuleError ? error.forRule(rule) : error
    }
  }
}

/**
 * Joins the words of each selector, from the opening to the closing parenthesis, into one word.
 * Throws RuleError.
 */
export function mergeSelectors(words: readonly Bytes[]): Bytes[] {
  const rules: Bytes[] = []
  let openedAt = -1
  for (const [i, word] of words.entries()) {
    if (openedAt < 0 && word.startsWith('(') && !word.endsWith(')')) openedAt = i
    else if (openedAt < 0) rules.push(word)
    else if (word.endsWith(')')) {
      rules.push(words.slice(openedAt, i + 1).join(' '))
      openedAt = -1
    }
  }
  if (openedAt >= 0) throw unmatchedParenthesis(must(words[openedAt]))
  return rules
}
