/** PING ECHO SELECT AUTH HELLO QUIT RESET */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Credentials } from '../contract/access.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import { clientError, databaseOutOfRange, syntaxError, wrongArity } from '../contract/errors.ts'
import { MapReply, OK, PONG, SimpleString } from '../contract/reply.ts'
import { REDIS_COMPATIBLE_VERSION } from '../contract/version.ts'
import { integerOf, isToken, requireSafeInteger } from '../parsing/args.ts'
import { endTransaction } from '../transactions/transactions.ts'
import { requireClientName } from './names.ts'

const MIN_INT32 = -(2 ** 31)
const MAX_INT32 = 2 ** 31 - 1

/** Flags of commands that a client may run before it has authenticated. */
const ENTRY_FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'no_auth', 'allow_busy']

const ping = command({
  name: 'ping',
  group: 'connection',
  since: '1.0.0',
  summary: "Returns the server's liveliness response.",
  complexity: 'O(1)',
  syntax: 'PING [message]',
  arity: -1,
  flags: ['fast'],
  tips: ['request_policy:all_shards', 'response_policy:all_succeeded'],
  run({ session }, args) {
    if (args.length > 2) throw wrongArity('ping')
    if (session.subscriptions !== null && session.resp === 2) return ['pong', args[1] ?? '']
    return args.length === 2 ? args[1] : PONG
  },
})

const echo = command({
  name: 'echo',
  group: 'connection',
  since: '1.0.0',
  summary: 'Returns the given string.',
  complexity: 'O(1)',
  syntax: 'ECHO message',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  run: (_context, args) => args[1],
})

const select = command({
  name: 'select',
  group: 'connection',
  since: '1.0.0',
  summary: 'Changes the selected database.',
  complexity: 'O(1)',
  syntax: 'SELECT index',
  arity: 2,
  flags: ['loading', 'stale', 'fast'],
  run({ keyspace, session }, args) {
    const index = requireSafeInteger(args[1], MIN_INT32, MAX_INT32)
    if (index < 0 || index >= keyspace.databases.length) throw databaseOutOfRange()
    session.database = index
    return OK
  },
})

const auth = command({
  name: 'auth',
  group: 'connection',
  since: '1.0.0',
  summary: 'Authenticates the connection.',
  complexity: 'O(N) where N is the number of passwords defined for the user',
  syntax: 'AUTH [username] password',
  history: [['6.0.0', 'Added ACL style (username and password).']],
  arity: -2,
  flags: ENTRY_FLAGS,
  run(context, args) {
    const { acl } = context.server
    if (args.length > 3) throw syntaxError()
    if (args.length === 2 && acl.defaultUser.needsNoPassword) {
      throw clientError(
        'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
      )
    }
    const name = args.length === 3 ? args[1] : null
    acl.authenticate(context, args[0], { name, password: must(args[args.length - 1]) })
    return OK
  },
})

interface HelloOptions {
  readonly credentials: Credentials | null
  readonly name: Bytes | null
}

function readHelloOptions(args: readonly Bytes[]): HelloOptions {
  let credentials: HelloOptions['credentials'] = null
  let name: Bytes | null = null
  for (let i = 2; i < args.length; ) {
    const option = must(args[i])
    const following = args.length - i - 1
    if (isToken(option, 'auth') && following >= 2) {
      credentials = { name: must(args[i + 1]), password: must(args[i + 2]) }
      i += 3
    } else if (isToken(option, 'setname') && following >= 1) {
      name = requireClientName(must(args[i + 1]))
      i += 2
    } else throw clientError(`ERR Syntax error in HELLO option '${option}'`)
  }
  return { credentials, name }
}

function readProtocolVersion(word: Bytes): 2 | 3 {
  const version = integerOf(word)
  if (version === null) throw clientError('ERR Protocol version is not an integer or out of range')
  if (version !== 2 && version !== 3) throw clientError('NOPROTO unsupported protocol version')
  return version
}

const hello = command({
  name: 'hello',
  group: 'connection',
  since: '6.0.0',
  summary: 'Handshakes with the Redis server.',
  complexity: 'O(1)',
  syntax: 'HELLO [protover [AUTH username password] [SETNAME clientname]]',
  history: [['6.2.0', "`protover` made optional; when called without arguments the command reports the current connection's context."]],
  arity: -1,
  flags: ENTRY_FLAGS,
  run(context, args) {
    const { session, server } = context
    const version = args.length >= 2 ? readProtocolVersion(args[1]) : session.resp
    const { credentials, name } = readHelloOptions(args)
    if (credentials !== null) server.acl.authenticate(context, args[0], credentials)
    if (!session.isAuthenticated && !server.acl.isOpen) {
      throw clientError(
        'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
      )
    }
    if (name !== null) session.name = name
    session.resp = version
    const node = ['server', 'redis', 'version', REDIS_COMPATIBLE_VERSION, 'proto', version, 'id', session.id]
    const mode = server.cluster.mode === 'disabled' ? 'standalone' : 'cluster'
    return new MapReply([...node, 'mode', mode, 'role', server.replication.isReplica ? 'replica' : 'master', 'modules', []])
  },
})

/** QUIT ignores further words, as in Redis. */
const quit = command({
  name: 'quit',
  group: 'connection',
  since: '1.0.0',
  summary: 'Closes the connection.',
  complexity: 'O(1)',
  syntax: 'QUIT',
  docFlags: ['deprecated'],
  deprecatedSince: '7.2.0',
  replacedBy: 'just closing the connection',
  arity: -1,
  flags: ENTRY_FLAGS,
  run({ session }) {
    session.close('after-reply')
    return OK
  },
})

/** RESET restores the connection's initial state, except for the library name and version. */
const reset = command({
  name: 'reset',
  group: 'connection',
  since: '6.2.0',
  summary: 'Resets the connection.',
  complexity: 'O(1)',
  syntax: 'RESET',
  arity: 1,
  flags: ENTRY_FLAGS,
  run({ session, server, units, tracking }) {
    if (session.remoteRole !== 'client') throw clientError('ERR can only reset normal client connections')
    if (session.isMonitoring) server.clients.stopMonitoring(session)
    endTransaction(session, units.watches)
    server.pubsub.forget(session)
    tracking.disable(session)
    session.database = 0
    session.resp = 2
    session.name = ''
    session.replyMode = 'on'
    session.isEvictionExempt = false
    session.mustNotTouch = false
    session.isAsking = false
    session.isReadingReplica = false
    server.acl.beginSession(session)
    return new SimpleString('RESET')
  },
})

export const connection: readonly Command[] = [ping, echo, select, auth, hello, quit, reset]
