/**
 * A user. Sessions hold the object itself, so a change of rules counts for those who are connected: `take` brings an existing user
 * up to a draft that all rules have been applied to.
 */
import type { Bytes } from '../../base/bytes.ts'
import { Selector } from './selector.ts'

export type ChannelDefault = 'all channels' | 'no channels'

export class User {
  readonly name: Bytes
  isOn = false
  /** Any password is right, and for the default user none is wanted. */
  noPassword = false
  /** RESTORE of this user is not verified first. */
  skipsSanitizing = false
  /** Hashes, in the order in which they were given. */
  passwords: readonly Bytes[] = []
  /** The first is the root, which rules outside of parentheses are about. */
  selectors: readonly [Selector, ...Selector[]]
  /** Whether nothing has to be checked: what every request of most users costs. */
  isUnrestricted = false

  constructor(name: Bytes, channels: ChannelDefault) {
    this.name = name
    this.selectors = [new Selector(channels)]
  }

  get root(): Selector {
    return this.selectors[0]
  }

  /** A user of the same permissions, for trying rules on. */
  draft(): User {
    const draft = new User(this.name, 'no channels')
    draft.take(this)
    return draft
  }

  /** Becomes what another user is, but for the name. */
  take(other: User): void {
    const { isOn, noPassword, skipsSanitizing, passwords } = other
    Object.assign(this, { isOn, noPassword, skipsSanitizing, passwords })
    const [root, ...others] = other.selectors
    this.selectors = [root.copy(), ...others.map((selector) => selector.copy())]
    this.settle()
  }

  /** To be called when its selectors have changed. */
  settle(): void {
    this.isUnrestricted = this.selectors.some((selector) => selector.isUnrestricted)
  }
}

/** Who is asked nothing: the log that is replayed, the link to the master. */
export const SUPERUSER = unrestricted('(superuser)')

function unrestricted(name: Bytes): User {
  const user = new User(name, 'all channels')
  Object.assign(user, { isOn: true, noPassword: true })
  Object.assign(user.root, { allKeys: true, allCommands: true, futureCommands: true })
  user.settle()
  return user
}

/** The default user as it is before anything is said of it. */
export function openDefaultUser(): User {
  return unrestricted('default')
}
