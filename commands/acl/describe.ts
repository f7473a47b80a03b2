/** Users as ACL LIST and ACL GETUSER show them: rules that recreate the same user. */
import type { Bytes } from '../../base/bytes.ts'
import { type KeyPattern, READ_GRANT, type Selector, WRITE_GRANT } from './selector.ts'
import type { User } from './user.ts'

/** Returns all of a user's rules in one line, without its name. */
export function describeUser(user: User): Bytes {
  const [root, ...others] = user.selectors
  const words = [...userFlagsOf(user), ...user.passwords.map((hash) => `#${hash}`), describeSelector(root)]
  return [...words, ...others.map((selector) => `(${describeSelector(quotedPatterns(selector))})`)].join(' ')
}

/**
 * Quotes patterns inside parentheses: words there are read with quotes, and a word ending with a
 * parenthesis would end the selector. Redis does not quote them and reads other patterns back.
 */
function quotedPatterns(selector: Selector): Selector {
  const quote = <T extends { readonly pattern: Bytes }>(one: T): T =>
    /["']|\)$/.test(one.pattern) ? { ...one, pattern: `"${one.pattern.replace(/["\\]/g, '\\$&')}"` } : one
  const copy = selector.copy()
  copy.keys = selector.keys.map(quote)
  copy.channels = selector.channels.map(quote)
  return copy
}

export function userFlagsOf(user: User): Bytes[] {
  const flags = [user.isOn ? 'on' : 'off']
  if (user.needsNoPassword) flags.push('nopass')
  flags.push(user.maySkipSanitizing ? 'skip-sanitize-payload' : 'sanitize-payload')
  return flags
}

/** `+@all -get`, `-@all +@read`. */
export function describeCommands({ hasFutureCommands, commandRules }: Selector): Bytes {
  return [hasFutureCommands ? '+@all' : '-@all', ...commandRules].join(' ')
}

export function describeKeys({ hasAllKeys, keys }: Selector): Bytes {
  return hasAllKeys ? '~*' : keys.map(describeKeyPattern).join(' ')
}

export function describeChannels({ hasAllChannels, channels }: Selector): Bytes {
  return hasAllChannels ? '&*' : channels.map(({ pattern }) => `&${pattern}`).join(' ')
}

function describeSelector(selector: Selector): Bytes {
  const keys = describeKeys(selector)
  const channels = describeChannels(selector)
  const words = [keys, selector.hasAllChannels ? channels : `resetchannels ${channels}`.trimEnd(), describeCommands(selector)]
  return words.filter((word) => word !== '').join(' ')
}

/**
 * A star given as %RW~* stays an ordinary pattern, because no pattern may follow ~*. Redis writes
 * ~* here and cannot read it back.
 */
function describeKeyPattern({ pattern, grants }: KeyPattern): Bytes {
  if (grants === (READ_GRANT | WRITE_GRANT)) return pattern === '*' ? '%RW~*' : `~${pattern}`
  return grants === READ_GRANT ? `%R~${pattern}` : `%W~${pattern}`
}
