/**
 * The users of a node, what they may do, and who was refused. They belong to the node, are no part of the data, and are not replicated.
 *
 * A session is bound to the User object: rules that change count at once, and who is deleted or no longer in the file is cut off.
 */
import type { Bytes } from '../../base/bytes.ts'
import { detached } from '../../base/bytes.ts'
import type { Command, KeyAccess } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { clientError } from '../core/errors.ts'
import type { ClientsPort, ConfigPort } from '../core/ports.ts'
import type { Session } from '../core/session.ts'
import { checkRequest, type Denial, denialText, mayUseKey } from './check.ts'
import { type AclContext, AclLog } from './log.ts'
import { isOneOf } from './passwords.ts'
import { RuleError } from './rule-error.ts'
import { Request } from './selector.ts'
import { hasSpaces, type RuleContext } from './selector-rules.ts'
import { openDefaultUser, User } from './user.ts'
import { applyRules } from './user-rules.ts'

/** Why ACL LOG and INFO count something. */
export type DenialCounts = Record<'auth' | 'command' | 'key' | 'channel', number>

/** Pika's second user, whom `userpass` makes. */
export const LIMITED_USER = 'limit'

/** The configured ACL file, read and written in whole. */
export interface AclFile {
  /** As configured. */
  readonly path: Bytes
  /** The text, or why there is none. */
  read(): { readonly content: Bytes } | { readonly failure: Bytes }
  /** Whether the file has this text now; if not, it has what it had, and the log says why. */
  replace(text: Bytes): boolean
}

/** What the ACL needs of the server around it. */
export interface AclEnvironment extends RuleContext {
  readonly config: Pick<ConfigPort, 'number' | 'text'>
  readonly clients: Pick<ClientsPort, 'all' | 'describe'>
  /** So many random digits, fit for passwords. */
  readonly secretHex: (digits: number) => Bytes
  readonly monotonicMs: () => number
  /** Users that there are though no one has named them: the default user at least. By name. */
  readonly impliedUsers: (context: RuleContext) => ReadonlyMap<Bytes, User>
  /** Null where none is configured. */
  readonly file: AclFile | null
}

/** Of a key that is refused so much is kept in the log. */
const MAX_OBJECT_BYTES = 4096

/** What AUTH is given; no name for its old form. */
export interface Credentials {
  readonly name: Bytes | null
  readonly password: Bytes
}

const wrongPassword = () => clientError('WRONGPASS invalid username-password pair or user is disabled.')

export class Acl {
  readonly defaultUser = openDefaultUser()
  readonly log: AclLog
  readonly denials: DenialCounts = { auth: 0, command: 0, key: 0, channel: 0 }
  readonly environment: AclEnvironment
  private users: ReadonlyMap<Bytes, User> = new Map([[this.defaultUser.name, this.defaultUser]])

  constructor(environment: AclEnvironment) {
    this.environment = environment
    this.log = new AclLog(environment.monotonicMs)
  }

  /** Whether clients need no password: they are the default user. */
  get isOpen(): boolean {
    return this.defaultUser.isOn && this.defaultUser.noPassword
  }

  find(name: Bytes): User | undefined {
    return this.users.get(name)
  }

  /** By name. */
  all(): User[] {
    return [...this.users.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** ACL SETUSER: makes or changes a user by all of the rules or by none. Throws a ClientError. */
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

  /** Makes a user, or changes the one of that name to this. */
  put(draft: User, self: Session | null = null): void {
    const existing = this.users.get(draft.name)
    if (existing === undefined) this.users = new Map(this.users).set(draft.name, draft)
    else {
      const isNarrower = hasFewerChannels(existing, draft)
      existing.take(draft)
      if (isNarrower) this.dropSubscribers(new Set([existing]), self)
    }
  }

  /** ACL DELUSER: removes users and cuts off who is connected as one of them. The number of those that there were. */
  remove(names: readonly Bytes[], self: Session | null): number {
    if (names.includes(this.defaultUser.name)) throw clientError("ERR The 'default' user cannot be removed")
    const left = new Map(this.users)
    const removed = [...new Set(names)].flatMap((name) => left.get(name) ?? [])
    for (const user of removed) left.delete(user.name)
    this.users = left
    const gone = new Set(removed)
    this.endSessions(({ user }) => gone.has(user), self)
    return removed.length
  }

  /**
   * Puts these users in the place of all that there are, with those that the configuration implies where they are not among them. Sessions
   * of a name that is still there go on under its new rules; the others end.
   */
  replace(users: ReadonlyMap<Bytes, User>, self: Session | null): void {
    const next = new Map<Bytes, User>()
    const narrowed = new Set<User>()
    for (const draft of new Map([...this.environment.impliedUsers(this.environment), ...users]).values()) {
      const existing = this.users.get(draft.name)
      if (existing !== undefined && hasFewerChannels(existing, draft)) narrowed.add(existing)
      existing?.take(draft)
      next.set(draft.name, existing ?? draft)
    }
    const before = this.users
    this.users = next
    this.endSessions(({ user }) => before.get(user.name) === user && next.get(user.name) !== user, self)
    this.dropSubscribers(narrowed, self)
  }

  /**
   * AUTH and HELLO (`word`, as the client wrote it): binds the session to a user. A null name stands for whoever may come without one: the
   * default user, or Pika's, if that is configured. Throws WRONGPASS with the session as it was.
   */
  authenticate({ session, mayBlock, now }: Context, word: Bytes, { name, password }: Credentials): void {
    let user = this.authenticated(name ?? this.defaultUser.name, password)
    if (user === null && name === null && this.environment.config.text('userpass') !== '') user = this.authenticated(LIMITED_USER, password)
    if (user === null) {
      this.denials.auth++
      const username = name ?? this.defaultUser.name
      // Nothing may block in an EXEC, and scripts do not authenticate.
      this.addToLog(session, { reason: 'auth', object: word, username }, mayBlock ? 'toplevel' : 'multi', now)
      throw wrongPassword()
    }
    session.user = user
    session.authenticated = true
  }

  private authenticated(name: Bytes, password: Bytes): User | null {
    const user = this.users.get(name)
    // A user that is not there takes as long as one that is.
    const matches = isOneOf(user?.passwords ?? [], password)
    return user?.isOn && (user.noPassword || matches) ? user : null
  }

  /** A session as it is when it begins: the default user's, who may have to say a password first. */
  begin(session: Session): void {
    session.user = this.defaultUser
    session.authenticated = this.isOpen
  }

  /** Why a session's user may not run a request now, in words without NOPERM; null where it may. What is refused is counted and logged. */
  refusal(session: Session, command: Command, args: readonly Bytes[], context: AclContext, nowMs: number): AclRefusal | null {
    const denial = checkRequest(session.user, command, args)
    if (denial === null) return null
    const { reason, object } = denial
    this.denials[reason]++
    this.addToLog(session, { reason, object, username: session.user.name }, context, nowMs)
    return { ...denial, text: denialText(session.user, denial) }
  }

  /**
   * For commands that use keys which their words do not name. Throws NOPERM, counted and logged as other denials are, where the session's
   * user may not use this key so.
   */
  requireKey(
    { session, mayBlock, now }: Context,
    command: Command,
    args: readonly Bytes[],
    key: Bytes,
    access: readonly KeyAccess[],
  ): void {
    if (session.user.isUnrestricted || mayUseKey(session.user, new Request(command, args), key, access)) return
    this.denials.key++
    const { id } = session // of its caller where a script runs
    const client = [...this.environment.clients.all()].find((one) => one.id === id) ?? session
    const from = session.isScript ? 'lua' : mayBlock ? 'toplevel' : 'multi'
    this.addToLog(client, { reason: 'key', object: key, username: session.user.name }, from, now)
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

  /** Ends the sessions of these users that are subscribed to what they may not use any more. */
  private dropSubscribers(users: ReadonlySet<User>, self: Session | null): void {
    if (users.size === 0) return
    this.endSessions(({ user, subscriptions }) => {
      if (subscriptions === null || !users.has(user)) return false
      const may = (name: Bytes, kind: 'channel' | 'pattern') => user.selectors.some((selector) => selector.allowsChannel(name, kind))
      const { channel, shard, pattern } = subscriptions
      return [...channel, ...shard].some((name) => !may(name, 'channel')) || [...pattern].some((name) => !may(name, 'pattern'))
    }, self)
  }

  private endSessions(isChosen: (session: Session) => boolean, self: Session | null): void {
    for (const session of [...this.environment.clients.all()].filter(isChosen)) {
      session.user = this.defaultUser
      session.authenticated = false
      session.close(session === self ? 'after-reply' : 'now')
    }
  }
}

export interface AclRefusal extends Denial {
  /** Without a code word. A script is told `ACL failure in script: ` before it. */
  readonly text: Bytes
}

/** Whether there may be a channel that a user could use and cannot any more. */
function hasFewerChannels(before: User, after: User): boolean {
  if (after.selectors.some(({ allChannels }) => allChannels)) return false
  const kept = new Set(after.selectors.flatMap(({ channels }) => channels.map(({ pattern }) => pattern)))
  return before.selectors.some(({ allChannels, channels }) => allChannels || channels.some(({ pattern }) => !kept.has(pattern)))
}
