/** The filters of CLIENT LIST and CLIENT KILL. */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { AclPort } from '../contract/access.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { Session } from '../contract/session.ts'
import { integerOf, isToken } from '../parsing/args.ts'

type ClientType = 'normal' | 'master' | 'replica' | 'pubsub'

const TYPES: readonly (readonly [word: Bytes, type: ClientType])[] = [
  ['normal', 'normal'],
  ['master', 'master'],
  ['slave', 'replica'],
  ['replica', 'replica'],
  ['pubsub', 'pubsub'],
]

type ClientFilter = (session: Session) => boolean

export function requireClientType(word: Bytes): ClientType {
  const found = TYPES.find(([name]) => isToken(word, name))
  if (found === undefined) throw clientError(`ERR Unknown client type '${word}'`)
  return found[1]
}

export function clientTypeOf({ remoteRole, subscriptions }: Session): ClientType {
  if (remoteRole !== 'client') return remoteRole
  return subscriptions === null ? 'normal' : 'pubsub'
}

interface KillFilters {
  readonly matches: ClientFilter
  /** True if the calling client is spared. */
  readonly mustSkipSelf: boolean
}

/**
 * Reads `option value` pairs from position 2 on. Every filter must match; the last pair of an
 * option wins, as in Redis.
 */
export function readKillFilters(args: readonly Bytes[], acl: AclPort): KillFilters {
  const filters = new Map<Bytes, ClientFilter>()
  let mustSkipSelf = true
  for (let i = 2; i < args.length; i += 2) {
    const option = must(args[i])
    const value = args[i + 1]
    if (value === undefined) throw syntaxError()
    if (isToken(option, 'skipme')) mustSkipSelf = requireYesOrNo(value)
    else filters.set(lowerCase(option), readKillFilter(option, value, acl))
  }
  const last = [...filters.values()]
  return { matches: (session) => last.every((filter) => filter(session)), mustSkipSelf }
}

function readKillFilter(option: Bytes, value: Bytes, acl: AclPort): ClientFilter {
  if (isToken(option, 'id')) {
    const id = integerOf(value)
    if (id === null || id < 1) throw clientError('ERR client-id should be greater than 0')
    return (session) => session.id === id
  }
  if (isToken(option, 'type')) {
    const type = requireClientType(value)
    return (session) => clientTypeOf(session) === type
  }
  if (isToken(option, 'user')) {
    const user = acl.find(value)
    if (user === undefined) throw clientError(`ERR No such user '${value}'`)
    return (session) => session.user === user
  }
  if (isToken(option, 'addr')) return (session) => session.address === value
  if (isToken(option, 'laddr')) return (session) => session.localAddress === value
  throw syntaxError()
}

function requireYesOrNo(word: Bytes): boolean {
  if (isToken(word, 'yes')) return true
  if (isToken(word, 'no')) return false
  throw syntaxError()
}
