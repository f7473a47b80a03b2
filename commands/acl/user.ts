/**
 * A user. Sessions hold the object itself, so changed rules apply to connected clients at once.
 * Rules are applied to a draft, and `copyFrom` copies the draft into the existing user.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Denial, Reason, SessionUser } from '../contract/access.ts'
import type { Command, KeyAccess } from '../contract/command.ts'
import { type ChannelDefault, CheckedRequest, Selector, type SelectorRefusal } from './selector.ts'

const RANK: Readonly<Record<Reason, number>> = { command: 1, key: 2, channel: 3 }

/** A user of the ACL. Sessions hold the object itself. */
export class User implements SessionUser {
  readonly name: Bytes
  isOn = false
  /** Any password is accepted, and the default user needs none. */
  needsNoPassword = false
  /** RESTORE skips verification for this user. */
  maySkipSanitizing = false
  /** Hashes, in the order in which they were given. */
  passwords: readonly Bytes[] = []
  /** The first is the root, to which rules outside of parentheses apply. */
  selectors: readonly [Selector, ...Selector[]]
  /** True if nothing must be checked. Every request reads it. */
  isUnrestricted = false

  constructor(name: Bytes, channels: ChannelDefault) {
    this.name = name
    this.selectors = [new Selector(channels)]
  }

  get root(): Selector {
    return this.selectors[0]
  }

  /**
   * Returns null if one of the selectors allows the whole request. Otherwise returns the refusal of
   * the selector that got furthest.
   */
  denialOf(command: Command, args: readonly Bytes[]): Denial | null {
    if (this.isUnrestricted) return null
    const request = new CheckedRequest(command, args)
    let worst: SelectorRefusal = { reason: 'command', position: 0 }
    for (const selector of this.selectors) {
      const refusal = selector.refusalOf(request)
      if (refusal === null) return null
      const further = RANK[refusal.reason] - RANK[worst.reason]
      if (further > 0 || (further === 0 && refusal.position > worst.position)) worst = refusal
    }
    const object = worst.reason === 'command' ? command.name : must(args[worst.position])
    return { ...worst, object }
  }

  mayReadAllKeys(command: Command, args: readonly Bytes[]): boolean {
    if (this.isUnrestricted) return true
    const request = new CheckedRequest(command, args)
    return this.selectors.some((selector) => selector.refusalOf(request) === null && selector.mayReadAllKeys)
  }

  /**
   * True if the user may use a key that no word of the request names, through a selector that
   * allows the request itself.
   */
  mayUseKey(command: Command, args: readonly Bytes[], key: Bytes, access: readonly KeyAccess[]): boolean {
    if (this.isUnrestricted) return true
    const request = new CheckedRequest(command, args)
    return this.selectors.some((selector) => selector.allowsKey(key, access) && selector.refusalOf(request) === null)
  }

  mayUseChannel(channel: Bytes, kind: 'channel' | 'pattern'): boolean {
    return this.selectors.some((selector) => selector.allowsChannel(channel, kind))
  }

  /** Returns a copy to which rules can be applied tentatively. */
  draft(): User {
    const draft = new User(this.name, 'no-channels')
    draft.copyFrom(this)
    return draft
  }

  /** Copies everything but the name from another user. */
  copyFrom(other: User): void {
    const { isOn, needsNoPassword, maySkipSanitizing, passwords } = other
    Object.assign(this, { isOn, needsNoPassword, maySkipSanitizing, passwords })
    const [root, ...others] = other.selectors
    this.selectors = [root.copy(), ...others.map((selector) => selector.copy())]
    this.refreshUnrestricted()
  }

  /** Updates `isUnrestricted`. REQUIRES: called after any change of the selectors. */
  refreshUnrestricted(): void {
    this.isUnrestricted = this.selectors.some((selector) => selector.isUnrestricted)
  }
}

/** The user without checks, for log replay and the link to the master. */
export const SUPERUSER = createUnrestricted('(superuser)')

function createUnrestricted(name: Bytes): User {
  const user = new User(name, 'all-channels')
  Object.assign(user, { isOn: true, needsNoPassword: true })
  Object.assign(user.root, { hasAllKeys: true, hasAllCommands: true, hasFutureCommands: true })
  user.refreshUnrestricted()
  return user
}

/** The default user before any configuration. */
export function openDefaultUser(): User {
  return createUnrestricted('default')
}
