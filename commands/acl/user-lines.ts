/**
 * Users in an ACL file, one a line: "user" name { rule }. Single spaces separate words. Blank lines
 * and white space around lines and rules are ignored. There are no comments.
 */
import { type Bytes, detached } from '../../base/bytes.ts'
import { describeUser } from './describe.ts'
import { RuleError } from './rule-error.ts'
import { hasSpaces, type RuleContext } from './selector-rules.ts'
import { User } from './user.ts'
import { applyUserRule, mergeSelectors } from './user-rules.ts'

/** The users of a file, or all its errors in Redis's words, each followed by a blank. */
export type ReadUsers = { readonly users: ReadonlyMap<Bytes, User> } | { readonly errors: Bytes }

export function readUsers(text: Bytes, path: Bytes, context: RuleContext): ReadUsers {
  const users = new Map<Bytes, User>()
  let errors = ''
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.replace(/^[ \t\r]+|[ \t\r]+$/g, '')
    if (trimmed !== '') errors += addUser(users, trimmed.split(' '), { path, line: index + 1 }, context)
  }
  return errors === '' ? { users } : { errors }
}

interface Place {
  readonly path: Bytes
  readonly line: number
}

/** Adds the user of a line; returns its errors. */
function addUser(users: Map<Bytes, User>, words: readonly Bytes[], { path, line }: Place, context: RuleContext): Bytes {
  const [keyword, name, ...rest] = words
  const place = `${path}:${line}`
  if (keyword !== 'user' || name === undefined) return `${place} should start with user keyword followed by the username. `
  if (hasSpaces(name)) return `'${place}: username '${name}' contains invalid characters. `
  if (users.has(name)) return `WARNING: Duplicate user '${name}' found on line ${line}. `
  const user = new User(detached(name), context.channelDefault())
  users.set(user.name, user)
  return applyLine(user, rest, place, context)
}

function applyLine(user: User, words: readonly Bytes[], place: Bytes, context: RuleContext): Bytes {
  let errors = ''
  let isFirst = true
  const attempt = (run: () => void, rule: Bytes) => {
    try {
      run()
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      // Other rules may hold a password, so only their first error is shown, without the rule. A
      // wrong rule may also be the cause of the next errors.
      if (error.isUnknownName) errors += `${place}: Error in applying operation '${rule}': ${error.message}. `
      else if (isFirst) {
        errors += `${place}: ${error.message.replace(/\.$/, '')}. `
        isFirst = false
      }
    }
  }
  let rules: readonly Bytes[] = []
  attempt(() => {
    rules = mergeSelectors(words)
  }, '')
  for (const rule of rules) attempt(() => applyUserRule(user, rule.replace(/^[\t\r]+|[\t\r]+$/g, ''), context), rule)
  return errors
}

/** Returns the text that `readUsers` reads. */
export function writeUsers(users: Iterable<User>): Bytes {
  let text = ''
  for (const user of users) text += `user ${user.name} ${describeUser(user)}\n`
  return text
}
