/** Users and their permissions, as sessions, the executor and other families see them. */
import type { Bytes } from '../../base/bytes.ts'
import type { Command, KeyAccess } from './command.ts'
import type { Context } from './context.ts'
import type { Session } from './session.ts'

/** The kinds of refusal, in Redis's order from least to most specific. */
export type Reason = 'command' | 'key' | 'channel'

/** Why a user may not run a request. */
export interface Denial {
  readonly reason: Reason
  /** The position of the refused word, 0 for the command. */
  readonly position: number
  /** The command's name, the key or the channel. */
  readonly object: Bytes
}

/** A denial that was counted and logged. */
export interface AclRefusal extends Denial {
  /** The text without a code word. For a script, `ACL failure in script: ` comes before it. */
  readonly text: Bytes
}

/** Where the request came from. */
export type AclContext = 'toplevel' | 'multi' | 'lua' | 'module'

/** The arguments of AUTH; its old form has no name. */
export interface Credentials {
  readonly name: Bytes | null
  readonly password: Bytes
}

/** The user that a session acts for. */
export interface SessionUser {
  readonly name: Bytes
  /** True if nothing must be checked. Every request reads it. */
  readonly isUnrestricted: boolean
  /** AUTH accepts any password (`nopass`). If the default user has it, clients need no AUTH. */
  readonly needsNoPassword: boolean
  /** Returns why the user may not run a request; null if it may. */
  denialOf(command: Command, args: readonly Bytes[]): Denial | null
  /**
   * True if the user may run a request that reads keys not named by its words: SORT's BY and GET.
   */
  mayReadAllKeys(command: Command, args: readonly Bytes[]): boolean
  /** True if the user may use a key that no word of the request names. */
  mayUseKey(command: Command, args: readonly Bytes[], key: Bytes, access: readonly KeyAccess[]): boolean
  mayUseChannel(channel: Bytes, kind: 'channel' | 'pattern'): boolean
}

/** The node's users. `acl/acl.ts` implements it and adds the methods for the ACL command. */
export interface AclPort {
  readonly defaultUser: SessionUser
  /** True if clients need no password and are the default user. */
  readonly isOpen: boolean
  find(name: Bytes): SessionUser | undefined
  /**
   * AUTH and HELLO (`word`, as the client wrote it): binds the session to a user. Throws WRONGPASS.
   */
  authenticate(context: Context, word: Bytes, credentials: Credentials): void
  /** Binds a new session to the default user, who may have to authenticate first. */
  beginSession(session: Session): void
  /**
   * Returns why a session's user may not run a request, without NOPERM; null if it may. Counts and
   * logs a refusal.
   */
  refusal(session: Session, command: Command, args: readonly Bytes[], context: AclContext, nowMs: number): AclRefusal | null
  /** Checks a key that a command uses without naming it. Throws NOPERM. */
  requireKey(context: Context, command: Command, args: readonly Bytes[], key: Bytes, access: readonly KeyAccess[]): void
}
