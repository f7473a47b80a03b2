/** Checks whether a user may run a request, and words the refusal. */
import type { Bytes } from '../../base/bytes.ts'
import type { Command, KeyAccess } from '../core/command.ts'
import { type Reason, type Refusal, Request } from './selector.ts'
import type { User } from './user.ts'

/** Why a user may not run a request. */
export interface Denial extends Refusal {
  /** The command's name, the key or the channel. */
  readonly object: Bytes
}

const RANK: Readonly<Record<Reason, number>> = { command: 1, key: 2, channel: 3 }

/**
 * Returns null if one of the user's selectors allows the whole request. Otherwise returns the
 * refusal of the selector that got furthest.
 */
export function checkRequest(user: User, command: Command, args: readonly Bytes[]): Denial | null {
  if (user.isUnrestricted) return null
  const request = new Request(command, args)
  let worst: Refusal = { reason: 'command', position: 0 }
  for (const selector of user.selectors) {
    const refusal = selector.refusalOf(request)
    if (refusal === null) return null
    const further = RANK[refusal.reason] - RANK[worst.reason]
    if (further > 0 || (further === 0 && refusal.position > worst.position)) worst = refusal
  }
  const object = worst.reason === 'command' ? command.name : (args[worst.position] as Bytes)
  return { ...worst, object }
}

/** True if a user may run a request that reads keys not named by its words: SORT's BY and GET. */
export function mayReadAllKeys(user: User, command: Command, args: readonly Bytes[]): boolean {
  if (user.isUnrestricted) return true
  const request = new Request(command, args)
  return user.selectors.some((selector) => selector.refusalOf(request) === null && selector.mayReadAllKeys)
}

/**
 * True if a user may use a key that no word of the request names, through a selector that allows
 * the request itself. REQUIRES: the user is not unrestricted.
 */
export function mayUseKey(user: User, request: Request, key: Bytes, access: readonly KeyAccess[]): boolean {
  return user.selectors.some((selector) => selector.allowsKey(key, access) && selector.refusalOf(request) === null)
}

/** Returns the text for clients, without NOPERM. It does not name keys or channels. */
export function denialText(user: User, { reason, object }: Denial): Bytes {
  if (reason === 'command') return `User ${user.name} has no permissions to run the '${object}' command`
  return `No permissions to access a ${reason}`
}

/** Returns the text of ACL DRYRUN. */
export function detailedDenial(user: User, denial: Denial): Bytes {
  if (denial.reason === 'command') return denialText(user, denial)
  return `User ${user.name} has no permissions to access the '${denial.object}' ${denial.reason}`
}
