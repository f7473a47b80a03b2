/**
 * CLIENT: a connection's identity and settings. The other subcommands are in client-connections.ts
 * and tracking-commands.ts.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, type CommandFlag, command } from '../contract/command.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { NO_REPLY, OK } from '../contract/reply.ts'
import { isToken } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { clientConnections } from './client-connections.ts'
import { requireClientName, requirePrintable } from './names.ts'
import { CLIENT_TRACKING_HELP, clientTracking } from './tracking-commands.ts'

const OWN_CLIENT_FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale']

const id = command({
  name: 'client|id',
  group: 'connection',
  since: '5.0.0',
  summary: 'Returns the unique client ID of the connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT ID',
  arity: 2,
  flags: OWN_CLIENT_FLAGS,
  run: ({ session }) => session.id,
})

/** An empty name removes the name. */
const setName = command({
  name: 'client|setname',
  group: 'connection',
  since: '2.6.9',
  summary: 'Sets the connection name.',
  complexity: 'O(1)',
  syntax: 'CLIENT SETNAME connection-name',
  arity: 3,
  flags: OWN_CLIENT_FLAGS,
  run({ session }, args) {
    session.name = requireClientName(args[2])
    return OK
  },
})

const getName = command({
  name: 'client|getname',
  group: 'connection',
  since: '2.6.9',
  summary: 'Returns the name of the connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT GETNAME',
  arity: 2,
  flags: OWN_CLIENT_FLAGS,
  run: ({ session }) => (session.name === '' ? null : session.name),
})

const setInfo = command({
  name: 'client|setinfo',
  group: 'connection',
  since: '7.2.0',
  summary: 'Sets information specific to the client or connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT SETINFO <LIB-NAME libname | LIB-VER libver>',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: 4,
  flags: OWN_CLIENT_FLAGS,
  run({ session }, args) {
    const attribute = args[2]
    if (isToken(attribute, 'lib-name')) session.libraryName = requirePrintable(args[3], attribute)
    else if (isToken(attribute, 'lib-ver')) session.libraryVersion = requirePrintable(args[3], attribute)
    else throw clientError(`ERR Unrecognized option '${attribute}'`)
    return OK
  },
})

const reply = command({
  name: 'client|reply',
  group: 'connection',
  since: '3.2.0',
  summary: 'Instructs the server whether to reply to commands.',
  complexity: 'O(1)',
  syntax: 'CLIENT REPLY <ON | OFF | SKIP>',
  arity: 3,
  flags: OWN_CLIENT_FLAGS,
  run({ session }, args) {
    if (isToken(args[2], 'on')) {
      session.replyMode = 'on'
      return OK
    }
    if (isToken(args[2], 'off')) session.replyMode = 'off'
    else if (!isToken(args[2], 'skip')) throw syntaxError()
    else if (session.replyMode !== 'off') session.replyMode = 'skip-next'
    return NO_REPLY
  },
})

const noEvict = command({
  name: 'client|no-evict',
  group: 'connection',
  since: '7.0.0',
  summary: 'Sets the client eviction mode of the connection.',
  complexity: 'O(1)',
  syntax: 'CLIENT NO-EVICT <ON | OFF>',
  arity: 3,
  flags: ['admin', ...OWN_CLIENT_FLAGS],
  run({ session }, args) {
    session.isEvictionExempt = requireOnOrOff(args[2])
    return OK
  },
})

const noTouch = command({
  name: 'client|no-touch',
  group: 'connection',
  since: '7.2.0',
  summary: 'Controls whether commands sent by the client affect the LRU/LFU of accessed keys.',
  complexity: 'O(1)',
  syntax: 'CLIENT NO-TOUCH <ON | OFF>',
  arity: 3,
  flags: OWN_CLIENT_FLAGS,
  run({ session }, args) {
    session.mustNotTouch = requireOnOrOff(args[2])
    return OK
  },
})

function requireOnOrOff(word: Bytes): boolean {
  if (isToken(word, 'on')) return true
  if (isToken(word, 'off')) return false
  throw syntaxError()
}

const help = command({
  name: 'client|help',
  group: 'connection',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'CLIENT HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => helpReply('client', HELP),
})

const HELP = [
  'GETNAME',
  '    Returns the name of this connection.',
  'ID',
  '    Returns the id of this connection.',
  'INFO',
  '    Returns the properties of this connection.',
  'KILL <ip:port>',
  '    Ends the connection made from <ip:port>.',
  'KILL <option> <value> [<option> <value> [...]]',
  '    Ends the connections that match all options:',
  '    * ADDR (<ip:port>|<unixsocket>:0)',
  '      Connections made from this address.',
  '    * LADDR (<ip:port>|<unixsocket>:0)',
  '      Connections made to this address of the server.',
  '    * ID <client-id>',
  '      The connection with this id.',
  '    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)',
  '      Connections of this type.',
  '    * USER <username>',
  '      Connections authenticated as this user.',
  '    * SKIPME (YES|NO)',
  '      Spares this connection (default: yes).',
  'LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB)] [ID <client-id> [<client-id> ...]]',
  '    Returns the properties of all connections, those of a type, or those with these ids.',
  'NO-EVICT (ON|OFF)',
  '    Protects this connection from client eviction.',
  'NO-TOUCH (ON|OFF)',
  '    Keeps commands of this connection from updating the access time of keys.',
  'PAUSE <timeout> [WRITE|ALL]',
  '    Holds all commands, or only writes, for <timeout> milliseconds.',
  'REPLY (ON|OFF|SKIP)',
  '    Turns replies to this connection on or off; SKIP suppresses the next reply.',
  'SETINFO (LIB-NAME|LIB-VER) <value>',
  '    Sets the client library of this connection, or its version.',
  'SETNAME <name>',
  '    Sets the name of this connection.',
  ...CLIENT_TRACKING_HELP,
  'UNBLOCK <client-id> [TIMEOUT|ERROR]',
  '    Unblocks a connection that is blocked by a command.',
  'UNPAUSE',
  '    Ends a pause.',
]

const container = command({
  name: 'client',
  group: 'connection',
  since: '2.4.0',
  summary: 'A container for client connection commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'CLIENT',
  arity: -2,
  flags: [],
  subcommands: [id, setName, getName, setInfo, reply, noEvict, noTouch, ...clientTracking, ...clientConnections, help],
})

export const client: readonly Command[] = [container]
