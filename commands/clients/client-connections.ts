/** CLIENT LIST INFO KILL PAUSE UNPAUSE UNBLOCK: commands that read or act on all clients. */

import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { OK, Verbatim } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import { integerOf, isToken, requireInteger } from '../parsing/args.ts'
import { requireTimeoutMs } from '../parsing/timeouts.ts'
import { clientTypeOf, readKillFilters, requireClientType } from './filters.ts'

const ADMIN_FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale']

/** Sets the last command early: the listing client appears with the listing command. */
function showRunning({ session }: Context, name: Bytes): void {
  session.lastCommand = name
}

const tooManyWords = (subcommand: Bytes) =>
  clientError(`ERR unknown subcommand or wrong number of arguments for '${subcommand}'. Try CLIENT HELP.`)

function* sessionsToList({ server: { clients } }: Context, args: readonly Bytes[]): Iterable<Session> {
  if (args.length === 2) {
    yield* clients.all()
  } else if (args.length === 4 && isToken(args[2], 'type')) {
    const type = requireClientType(must(args[3]))
    for (const session of clients.all()) if (clientTypeOf(session) === type) yield session
  } else if (args.length >= 4 && isToken(args[2], 'id')) {
    for (const word of args.slice(3)) {
      const id = integerOf(word)
      if (id === null) throw clientError('ERR Invalid client ID')
      const session = clients.find(Number(id))
      if (session !== undefined) yield session
    }
  } else throw syntaxError()
}

/** TYPE and ID exclude each other. */
const list = command({
  name: 'client|list',
  group: 'connection',
  since: '2.4.0',
  summary: 'Lists open connections.',
  complexity: 'O(N) where N is the number of client connections',
  syntax: 'CLIENT LIST [TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]',
  history: [
    ['2.8.12', 'Added unique client `id` field.'],
    ['5.0.0', 'Added optional `TYPE` filter.'],
    ['6.0.0', 'Added `user` field.'],
    ['6.2.0', 'Added `argv-mem`, `tot-mem`, `laddr` and `redir` fields and the optional `ID` filter.'],
    ['7.0.0', 'Added `resp`, `multi-mem`, `rbs` and `rbp` fields.'],
    ['7.0.3', 'Added `ssub` field.'],
  ],
  tips: ['nondeterministic_output'],
  arity: -2,
  flags: ADMIN_FLAGS,
  run(context, args) {
    showRunning(context, 'client|list')
    const { clients } = context.server
    let lines = ''
    for (const session of sessionsToList(context, args)) lines += `${clients.describe(session)}\n`
    return new Verbatim('txt', lines)
  },
})

const info = command({
  name: 'client|info',
  group: 'connection',
  since: '6.2.0',
  summary: 'Returns information about the connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT INFO',
  tips: ['nondeterministic_output'],
  arity: 2,
  flags: ['noscript', 'loading', 'stale'],
  run(context) {
    showRunning(context, 'client|info')
    return new Verbatim('txt', `${context.server.clients.describe(context.session)}\n`)
  },
})

/**
 * CLIENT KILL ip:port also ends the calling client, and fails if no client matches. The other form
 * takes any number of filters.
 */
const kill = command({
  name: 'client|kill',
  group: 'connection',
  since: '2.4.0',
  summary: 'Terminates open connections.',
  complexity: 'O(N) where N is the number of client connections',
  syntax:
    'CLIENT KILL <ip:port | <[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no] [[ID client-id] | [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] | [USER username] | [ADDR ip:port] | [LADDR ip:port] | [SKIPME yes/no] ...]>>',
  history: [
    ['2.8.12', 'Added new filter format.'],
    ['2.8.12', '`ID` option.'],
    ['3.2.0', 'Added `master` type in for `TYPE` option.'],
    ['5.0.0', 'Replaced `slave` `TYPE` with `replica`. `slave` still supported for backward compatibility.'],
    ['6.2.0', '`LADDR` option.'],
  ],
  arity: -3,
  flags: ADMIN_FLAGS,
  run(context, args) {
    if (args.length === 3) {
      if (end(context, (session) => session.address === args[2]) === 0) throw clientError('ERR No such client')
      return OK
    }
    const { matches, mustSkipSelf } = readKillFilters(args, context.server.acl)
    return end(context, (session) => (!mustSkipSelf || session.id !== context.session.id) && matches(session))
  },
})

/**
 * Ends the chosen connections and returns their number. The calling client gets its reply first.
 */
function end({ server: { clients }, session: self }: Context, isChosen: (session: Session) => boolean): number {
  const chosen = [...clients.all()].filter(isChosen)
  for (const session of chosen) session.close(session.id === self.id ? 'after-reply' : 'now')
  return chosen.length
}

/** The timeout is in milliseconds. */
const pause = command({
  name: 'client|pause',
  group: 'connection',
  since: '2.9.50',
  summary: 'Suspends commands processing.',
  complexity: 'O(1)',
  syntax: 'CLIENT PAUSE timeout [WRITE | ALL]',
  history: [['6.2.0', '`CLIENT PAUSE WRITE` mode added along with the `mode` option.']],
  arity: -3,
  flags: ADMIN_FLAGS,
  run(context, args) {
    if (args.length > 4) throw tooManyWords(args[1])
    let what: 'all' | 'write' = 'all'
    if (isToken(args[3], 'write')) what = 'write'
    else if (args.length === 4 && !isToken(args[3], 'all')) throw clientError('ERR CLIENT PAUSE mode must be WRITE or ALL')
    context.server.clients.pause(requireTimeoutMs(args[2], context.nowMs), what)
    return OK
  },
})

const unpause = command({
  name: 'client|unpause',
  group: 'connection',
  since: '6.2.0',
  summary: 'Resumes processing commands from paused clients.',
  complexity: 'O(N) Where N is the number of paused clients',
  syntax: 'CLIENT UNPAUSE',
  arity: 2,
  flags: ADMIN_FLAGS,
  run({ server }) {
    server.clients.unpause()
    return OK
  },
})

const unblock = command({
  name: 'client|unblock',
  group: 'connection',
  since: '5.0.0',
  summary: 'Unblocks a client blocked by a blocking command from a different connection.',
  complexity: 'O(log N) where N is the number of client connections',
  syntax: 'CLIENT UNBLOCK client-id [TIMEOUT | ERROR]',
  arity: -3,
  flags: ADMIN_FLAGS,
  run({ server: { clients } }, args) {
    if (args.length > 4) throw tooManyWords(args[1])
    let how: 'timeout' | 'error' = 'timeout'
    if (isToken(args[3], 'error')) how = 'error'
    else if (args.length === 4 && !isToken(args[3], 'timeout')) throw clientError('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
    const session = clients.find(Number(requireInteger(args[2])))
    return session !== undefined && clients.unblock(session, how) ? 1 : 0
  },
})

export const clientConnections: readonly Command[] = [list, info, kill, pause, unpause, unblock]
