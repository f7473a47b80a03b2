/**
 * Connects the ACL to the configuration. `requirepass` is the default user's password, `userpass`
 * and `userblacklist` make Pika's second user, and `user` lines or an ACL file define the others.
 *
 * A user that follows from configuration keys needs no `user` line: CONFIG REWRITE writes lines
 * only for users that differ from it.
 */
import { resolve } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import { rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, bytesOf, bytesOfText, textOf } from '../../base/bytes.ts'
import { contentOf, realFiles, replaceFileSync } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import { Acl, type AclFile, LIMITED_USER } from '../../commands/acl/acl.ts'
import { describeUser } from '../../commands/acl/describe.ts'
import { RuleError } from '../../commands/acl/rule-error.ts'
import { hasSpaces, type RuleContext } from '../../commands/acl/selector-rules.ts'
import { openDefaultUser, User } from '../../commands/acl/user.ts'
import { readUsers } from '../../commands/acl/user-lines.ts'
import { applyRules } from '../../commands/acl/user-rules.ts'
import type { ClientsPort } from '../../commands/contract/ports.ts'
import type { CommandTable } from '../../commands/contract/table.ts'
import type { Config } from '../config/config.ts'
import { type UserLine, wordsOfUserLine } from '../config/users.ts'

export interface AccessControlParts {
  readonly config: Config
  readonly log: Log
  readonly table: CommandTable
  readonly clients: Pick<ClientsPort, 'all' | 'describe'>
  readonly secretHex: (digits: number) => Bytes
  readonly monotonicMs: () => number
}

/**
 * Creates a node's ACL with the configured users, and applies every CONFIG SET to it. Throws an
 * Error whose message is shown to the operator.
 */
export function accessControl(parts: AccessControlParts): Acl {
  const { config, log, table, clients, secretHex, monotonicMs } = parts
  const acl = new Acl({
    table,
    config,
    clients,
    secretHex,
    monotonicMs,
    channelDefault: () => (config.text('acl-pubsub-default') === 'allchannels' ? 'all-channels' : 'no-channels'),
    warn: (message) => log.warn({}, message),
    impliedUsers: (context) => impliedUsers(config, context),
    file: aclFile(config, log),
  })
  loadUsers(acl, config)
  config.onChange('requirepass', () => {
    const { passwords, needsNoPassword } = defaultUser(config, acl.environment)
    Object.assign(acl.defaultUser, { passwords, needsNoPassword })
  })
  for (const key of ['userpass', 'userblacklist'] as const) config.onChange(key, () => followLimitedUser(acl, config))
  config.beforeRewrite(() => config.setByServer('user', ...(acl.environment.file === null ? namedUsers(acl, config) : [])))
  return acl
}

function aclFile(config: Config, log: Log): AclFile | null {
  const path = config.text('aclfile')
  if (path === '') return null
  const fullPath = resolve(config.path('dir'), textOf(path))
  return {
    path,
    read() {
      try {
        return { content: bytesOf(contentOf(realFiles, fullPath)) }
      } catch (error) {
        rethrowAssertion(error)
        return { failure: `Error loading ACLs, opening file '${path}': ${systemMessage(error)}` }
      }
    },
    replace(text) {
      try {
        replaceFileSync(realFiles, fullPath, Buffer.from(text, 'latin1'))
        return true
      } catch (error) {
        rethrowAssertion(error)
        log.error({ path: fullPath, error: String(error) }, 'cannot write the ACL file; the users in memory are not saved')
        return false
      }
    },
  }
}

/** Returns the text of an error number, close to that of C's strerror. */
function systemMessage(error: unknown): Bytes {
  const { errno, message } = error as NodeJS.ErrnoException
  const [, text = message] = getSystemErrorMap().get(errno ?? 0) ?? []
  return bytesOfText(text.charAt(0).toUpperCase() + text.slice(1))
}

function loadUsers(acl: Acl, config: Config): void {
  const { file } = acl.environment
  const lines = config.list('user')
  if (file === null) {
    acl.replace(configuredUsers(lines, acl.environment), null)
    return
  }
  if (lines.length > 0) throw new Error('users are defined both in the configuration and in an ACL file: use only one of them')
  const text = file.read()
  if ('failure' in text) throw new Error(textOf(text.failure))
  const read = readUsers(text.content, file.path, acl.environment)
  if ('errors' in read) throw new Error(`the ACL file is wrong: ${textOf(read.errors).trimEnd()}`)
  acl.replace(read.users, null)
}

function configuredUsers(lines: readonly UserLine[], context: RuleContext): Map<Bytes, User> {
  const users = new Map<Bytes, User>()
  for (const line of lines) {
    const [name = '', ...rules] = wordsOfUserLine(line)
    const shown = `the user '${textOf(name)}'`
    if (hasSpaces(name)) throw new Error(`${shown}: a name cannot have spaces`)
    if (users.has(name)) throw new Error(`${shown}: Duplicate user found. A user can only be defined once`)
    const user = new User(name, context.channelDefault())
    try {
      applyRules(user, rules, context)
    } catch (error) {
      // Only the message is passed on, since the rule may hold a password.
      throw error instanceof RuleError ? new Error(`${shown}: ${error.message}`) : error
    }
    users.set(name, user)
  }
  return users
}

/** Returns the users that follow from configuration keys other than `user`. */
function impliedUsers(config: Config, context: RuleContext): Map<Bytes, User> {
  const limited = limitedUser(config, context)
  const all = [defaultUser(config, context), ...(limited === null ? [] : [limited])]
  return new Map(all.map((user) => [user.name, user]))
}

/** Returns the default user with the password of `requirepass`. */
function defaultUser(config: Config, context: RuleContext): User {
  const user = openDefaultUser()
  const password = config.text('requirepass')
  if (password !== '') applyRules(user, ['resetpass', `>${password}`], context)
  return user
}

/**
 * Returns Pika's second user: the default user's permissions except the commands of
 * `userblacklist`. Null without `userpass`.
 */
function limitedUser(config: Config, context: RuleContext): User | null {
  const password = config.text('userpass')
  if (password === '') return null
  const user = new User(LIMITED_USER, 'all-channels')
  applyRules(user, ['on', `>${password}`, '~*', '+@all'], context)
  for (const name of config.text('userblacklist').split(/[, ]+/)) if (name !== '') deny(user, name, context)
  return user
}

function deny(user: User, name: Bytes, context: RuleContext): void {
  try {
    applyRules(user, [`-${name}`], context)
  } catch (error) {
    if (!(error instanceof RuleError && error.isUnknownName)) throw error
    context.warn(`userblacklist names '${textOf(name)}', which is no command here`)
  }
}

function followLimitedUser(acl: Acl, config: Config): void {
  const user = limitedUser(config, acl.environment)
  if (user !== null) acl.put(user)
  else if (acl.find(LIMITED_USER) !== undefined) acl.remove([LIMITED_USER], null)
}

/** Returns the users that a configuration file must define, each as the words of its line. */
function namedUsers(acl: Acl, config: Config): Bytes[][] {
  const implied = impliedUsers(config, acl.environment)
  const isImplied = (user: User) => describeUser(implied.get(user.name) ?? NOBODY) === describeUser(user)
  return acl.all().flatMap((user) => (isImplied(user) ? [] : [[user.name, ...describeUser(user).split(' ')]]))
}

const NOBODY = new User('', 'no-channels')
