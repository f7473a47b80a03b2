/**
 * The users of a node, their permissions, and the log of refusals. They belong to the node: they
 * are not part of the data and are not replicated.
 *
 * A session is bound to its User object, so changed rules apply at once. Sessions of a user that is
 * deleted, or missing from a reloaded file, are closed.
 */

import { assert } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import type { AclContext, AclPort, AclRefusal, Credentials, SessionUser } from '../contract/access.ts'
import type { Command, KeyAccess } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { ClientsPort, ConfigPort, ServerPort } from '../contract/ports.ts'
import type { Session } from '../contract/session.ts'
import { denialText } from './denial-texts.ts'
import { AclLog } from './log.ts'
import { isOneOf } from './passwords.ts'
import { RuleError } from './rule-error.ts'
import { hasSpaces, type RuleContext } from './selector-rules.ts'
import { openDefaultUser, User } from './user.ts'
import { applyRules } from './user-rules.ts'

/** The reasons for which ACL LOG and INFO count a denial. */
export type DenialCounts = Record<'auth' | 'command' | 'key' | 'channel', number>

/** Pika's second user, which `userpass` creates. */
export const LIMITED_USER = 'limit'

/** The configured ACL file, read and written whole. */
export interface AclFile {
  /** The path as configured. */
  readonly path: Bytes
  /** Returns the text, or the reason why it cannot be read. */
  read(): { readonly content: Bytes } | { readonly failure: Bytes }
  /**
   * Replaces the text. Returns false if that fails: the file is unchanged, and the log says why.
   */
  replace(text: Bytes): boolean
}

/** The surrounding server, as far as the ACL needs it. */
export interface AclEnvironment extends RuleContext {
  readonly config: Pick<ConfigPort, 'number' | 'text'>
  readonly clients: Pick<ClientsPort, 'all' | 'describe'>
  /** Returns this many random hexadecimal digits, fit for passwords. */
  readonly secretHex: (digits: number) => Bytes
  readonly monotonicMs: () => number
  /** Users that exist even if no rule or file names them, by name: at least the default user. */
  readonly impliedUsers: (context: RuleContext) => ReadonlyMap<Bytes, User>
  /** Null if none is configured. */
  readonly file: AclFile | null
}

/** The log keeps this many bytes of a refused key. */
const MAX_OBJECT_BYTES = 4096

const wrongPassword = () => clientError('WRONGPASS invalid username-password pair or user is disabled.')

/** The users of a node, their permissions, and the log of refusals. */
export class Acl implements AclPort {
  readonly defaultUser = openDefaultUser()
  readonly log: AclLog
  readonly denials: DenialCounts = { auth: 0, command: 0, key: 0, channel: 0 }
  readonly environment: AclEnvironment
  private users: ReadonlyMap<Bytes, User> = new Map([[this.defaultUser.name, this.defaultUser]])

  constructor(environment: AclEnvironment) {
    this.environment = environment
    this.log = new AclLog(environment.monotonicMs)
  }

  /** True if clients need no password and are the default user. */
  get isOpen(): boolean {
    return this.defaultUser.isOn && this.defaultUser.needsNoPassword
  }

  find(name: Bytes): User | undefined {
    return this.users.get(name)
  }

  /** All users, sorted by name. */
  all(): User[] {
    return [...this.users.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * ACL SETUSER: creates or changes a user by all of the rules or by none. Throws a ClientError.
   */
  setUser(name: Bytes, words: readonly Bytes[], self: Session | null): void {
    if (hasSpaces(name)) throw clientError("ERR Usernames can't contain spaces or null characters")
    const existing = this.users.get(name)
    const draft = existing?.draft() ?? new User(detached(name), this.environment.channelDefault())
    try {
      applyRules(draft, words, this.environment)
    } catch (error) {
      throw error instanceof RuleError ? clientError(`ERR ${error.inSetUser}`) : error
    }
    this.put(draft, self)
  }

  /** Adds a user, or copies the draft to the existing user with its name. */
  put(draft: User, self: Session | null = null): void {
    const existing = this.users.get(draft.name)
    if (existing === undefined) this.users = new Map(this.users).set(draft.name, draft)
    else {
      const isNarrower = hasFewerChannels(existing, draft)
      existing.copyFrom(draft)
      if (isNarrower) this.dropSubscribers(new Set([existing]), self)
    }
  }

  /** ACL DELUSER: removes users and ends their sessions. Returns the number of users removed. */
  remove(names: readonly Bytes[], self: Session | null): number {
    if (names.includes(this.defaultUser.name)) throw clientError("ERR The 'default' user cannot be removed")
    const left = new Map(this.users)
    const removed = [...new Set(names)].flatMap((name) => left.get(name) ?? [])
    for (const user of removed) left.delete(user.name)
    this.users = left
    const gone = new Set<SessionUser>(removed)
    this.endSessions(({ user }) => gone.has(user), self)
    return removed.length
  }

  /**
   * Replaces all users, keeping those that the configuration implies. Sessions of a name that still
   * exists continue under its new rules; the others end.
   */
  replace(users: ReadonlyMap<Bytes, User>, self: Session | null): void {
    const next = new Map<Bytes, User>()
    const narrowed = new Set<SessionUser>()
    for (const draft of new Map([...this.environment.impliedUsers(this.environment), ...users]).values()) {
      const existing = this.users.get(draft.name)
      if (existing !== undefined && hasFewerChannels(existing, draft)) narrowed.add(existing)
      existing?.copyFrom(draft)
      next.set(draft.name, existing ?? draft)
    }
    const before = this.users
    this.users = next
    this.endSessions(({ user }) => before.get(user.name) === user && next.get(user.name) !== user, self)
    this.dropSubscribers(narrowed, self)
  }

  /**
   * AUTH and HELLO (`word`, as the client wrote it): binds the session to a user. A null name means
   * the default user, or Pika's if configured. Throws WRONGPASS and leaves the session unchanged.
   */
  authenticate({ session, mayBlock, nowMs }: Context, word: Bytes, { name, password }: Credentials): void {
    let user = this.findAuthenticated(name ?? this.defaultUser.name, password)
    if (user === null && name === null && this.environment.config.text('userpass') !== '')
      user = this.findAuthenticated(LIMITED_USER, password)
    if (user === null) {
      this.denials.auth++
      const username = name ?? this.defaultUser.name
      // `mayBlock` is false only in an EXEC here, because scripts do not authenticate.
      this.addToLog(session, { reason: 'auth', object: word, username }, mayBlock ? 'toplevel' : 'multi', nowMs)
      throw wrongPassword()
    }
    session.user = user
    session.isAuthenticated = true
  }

  private findAuthenticated(name: Bytes, password: Bytes): User | null {
    const user = this.users.get(name)
    // The check takes equally long for an unknown user.
    const matches = isOneOf(user?.passwords ?? [], password)
    return user?.isOn && (user.needsNoPassword || matches) ? user : null
  }

  /** Binds a new session to the default user, who may have to authenticate first. */
  beginSession(session: Session): void {
    session.user = this.defaultUser
    session.isAuthenticated = this.isOpen
  }

  /**
   * Returns why a session's user may not run a request, without NOPERM; null if it may. Counts and
   * logs a refusal.
   */
  refusal(session: Session, command: Command, args: readonly Bytes[], context: AclContext, nowMs: number): AclRefusal | null {
    const denial = session.user.denialOf(command, args)
    if (denial === null) return null
    const { reason, object } = denial
    this.denials[reason]++
    this.addToLog(session, { reason, object, username: session.user.name }, context, nowMs)
    return { ...denial, text: denialText(session.user, denial) }
  }

  /**
   * Checks a key that a command uses without naming it. Throws NOPERM, counted and logged like
   * other denials, if the session's user lacks this access.
   */
  requireKey(
    { session, mayBlock, nowMs }: Context,
    command: Command,
    args: readonly Bytes[],
    key: Bytes,
    access: readonly KeyAccess[],
  ): void {
    if (session.user.mayUseKey(command, args, key, access)) return
    this.denials.key++
    const { id } = session // a script's session has its caller's id
    const client = [...this.environment.clients.all()].find((one) => one.id === id) ?? session
    const from = session.isScript ? 'lua' : mayBlock ? 'toplevel' : 'multi'
    this.addToLog(client, { reason: 'key', object: key, username: session.user.name }, from, nowMs)
    throw clientError('NOPERM No permissions to access a key')
  }

  private addToLog(
    session: Session,
    event: { readonly reason: keyof DenialCounts; readonly object: Bytes; readonly username: Bytes },
    context: AclContext,
    nowMs: number,
  ): void {
    const { clients, config } = this.environment
    const object = detached(event.object.slice(0, MAX_OBJECT_BYTES))
    const client = clients.describe(session)
    this.log.add({ ...event, object, username: detached(event.username), context, client }, nowMs, config.number('acllog-max-len'))
  }

  /** Ends sessions of these users that are subscribed to channels they may no longer use. */
  private dropSubscribers(users: ReadonlySet<SessionUser>, self: Session | null): void {
    if (users.size === 0) return
    this.endSessions(({ user, subscriptions }) => {
      if (subscriptions === null || !users.has(user)) return false
      const { channel, shard, pattern } = subscriptions
      return (
        [...channel, ...shard].some((name) => !user.mayUseChannel(name, 'channel')) ||
        [...pattern].some((name) => !user.mayUseChannel(name, 'pattern'))
      )
    }, self)
  }

  private endSessions(isChosen: (session: Session) => boolean, self: Session | null): void {
    for (const session of [...this.environment.clients.all()].filter(isChosen)) {
      session.user = this.defaultUser
      session.isAuthenticated = false
      session.close(session === self ? 'after-reply' : 'now')
    }
  }
}

/** Returns the node's users with their administration, for the ACL command. */
export function aclOf({ acl }: ServerPort): Acl {
  assert(acl instanceof Acl, 'the users of a server are an Acl')
  return acl
}

/** True if the user may have lost a channel. */
function hasFewerChannels(before: User, after: User): boolean {
  if (after.selectors.some(({ hasAllChannels }) => hasAllChannels)) return false
  const kept = new Set(after.selectors.flatMap(({ channels }) => channels.map(({ pattern }) => pattern)))
  return before.selectors.some(({ hasAllChannels, channels }) => hasAllChannels || channels.some(({ pattern }) => !kept.has(pattern)))
}
