/**
 * REPLCONF PSYNC SYNC: the requests of replicas that speak Redis's protocol, as
 * replication/protocol/psync.ts has it. REPLCONF ACK also comes from haypile's replicas.
 */
import { must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { RdbContent, RedisHandshake } from '../../replication/protocol/psync.ts'
import { type Args, type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { NO_REPLY, OK, type Reply } from '../contract/reply.ts'
import { integerOf, isToken, requireInteger, requireSafeInteger } from '../parsing/args.ts'

/** ACK and GETACK get no reply. */
const replconf = command({
  name: 'replconf',
  group: 'server',
  since: '3.0.0',
  summary: 'An internal command for configuring the replication stream.',
  complexity: 'O(1)',
  syntax: 'REPLCONF',
  docFlags: ['syscmd'],
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'allow_busy'],
  run(context, args) {
    if (args.length % 2 === 0) throw syntaxError()
    for (let i = 1; i < args.length; i += 2) {
      const option = must(args[i])
      if (isToken(option, 'ack')) return acknowledge(context, args, i)
      if (isToken(option, 'getack')) return NO_REPLY
      setOption(context.server.replication.handshakeOf(context.session), option, must(args[i + 1]))
    }
    return OK
  },
})

/** A client that is not a replica gets no reply either, as in Redis. */
function acknowledge({ server, session }: Context, args: Args, at: number): Reply {
  const applied = offsetOf(args[at + 1])
  const synced = isToken(args[at + 2], 'fack') ? offsetOf(args[at + 3]) : 0
  const asked = isToken(args[at + 4], 'asked') ? offsetOf(args[at + 5]) : null
  if (session.remoteRole === 'replica' && applied !== null && synced !== null)
    server.replication.acknowledge(session, { applied, synced, asked })
  return NO_REPLY
}

function offsetOf(word: Bytes | undefined): number | null {
  const offset = word === undefined ? null : integerOf(word)
  return typeof offset === 'number' && offset >= 0 ? offset : null
}

const MAX_HOST_BYTES = 255
const MAX_PORT = 65_535

/** Unknown capabilities are ignored, as in Redis. */
function setOption(handshake: RedisHandshake, option: Bytes, value: Bytes): void {
  if (isToken(option, 'listening-port')) {
    const port = Number(requireInteger(value))
    handshake.port = port >= 0 && port <= MAX_PORT ? port : 0
  } else if (isToken(option, 'ip-address')) {
    if (value.length > MAX_HOST_BYTES) {
      throw clientError(`ERR REPLCONF ip-address provided by replica instance is too long: ${value.length} bytes`)
    }
    handshake.ip = value
  } else if (isToken(option, 'capa')) {
    if (isToken(value, 'eof')) handshake.canReadMark = true
    else if (isToken(value, 'psync2')) handshake.canChangeId = true
  } else if (isToken(option, 'rdb-only')) handshake.isRdbOnly = requireSafeInteger(value, 0, 1) === 1
  else if (isToken(option, 'rdb-filter-only')) handshake.content = contentOf(value)
  else if (!isToken(option, 'version')) throw clientError(`ERR Unrecognized REPLCONF option: ${option}`)
}

/** The filter names what the RDB has; everything else is left out. */
function contentOf(filters: Bytes): RdbContent {
  let hasLibraries = false
  for (const filter of filters.split(' ').filter((word) => word !== '')) {
    if (!isToken(filter, 'functions')) throw clientError(`ERR Unsupported rdb-filter-only option: ${filter}`)
    hasLibraries = true
  }
  return { hasKeys: false, hasLibraries }
}

const psync = command({
  name: 'psync',
  group: 'server',
  since: '2.8.0',
  summary: 'An internal command used in replication.',
  complexity: 'O(1); a full sync is O(N) where N is the number of keys, in the background',
  syntax: 'PSYNC replicationid offset',
  arity: -3,
  flags: ['admin', 'noscript', 'no_multi', 'no_async_loading'],
  run({ server, session }, args) {
    const offset = Number(requireInteger(args[2]))
    if (isToken(args[3], 'failover')) throw clientError("ERR PSYNC FAILOVER can't be sent to a master.")
    // Redis numbers the first byte of a stream 1, and names the byte that it wants next.
    server.replication.psync(session, { replicationId: lowerCase(must(args[1])), offset: offset - 1 })
    return NO_REPLY
  },
})

const sync = command({
  name: 'sync',
  group: 'server',
  since: '1.0.0',
  summary: 'An internal command used in replication.',
  complexity: 'O(N) where N is the number of keys, in the background',
  syntax: 'SYNC',
  arity: 1,
  flags: ['admin', 'noscript', 'no_multi', 'no_async_loading'],
  run({ server, session }) {
    server.replication.psync(session, null)
    return NO_REPLY
  },
})

export const redisReplicaRequests: readonly Command[] = [replconf, psync, sync]
