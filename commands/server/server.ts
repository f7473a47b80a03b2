/** INFO TIME LOLWUT MONITOR */
import { lowerCase } from '../../base/bytes.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError } from '../contract/errors.ts'
import { OK, Verbatim } from '../contract/reply.ts'
import { REDIS_COMPATIBLE_VERSION } from '../contract/version.ts'
import { isToken, requireInteger } from '../parsing/args.ts'
import { countingKeys, settleKeys } from '../parsing/settled-keys.ts'
import { drawHaypile } from './lolwut.ts'

const info = command({
  name: 'info',
  group: 'server',
  since: '1.0.0',
  summary: 'Returns information and statistics about the server.',
  complexity: 'O(1)',
  syntax: 'INFO [section [section ...]]',
  history: [['7.0.0', 'Added support for taking multiple section arguments.']],
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  categories: ['dangerous'],
  arity: -1,
  flags: ['loading', 'stale'],
  ...countingKeys,
  *steps({ keyspace, server }, args) {
    yield* settleKeys(keyspace)
    return new Verbatim('txt', server.info(args.slice(1).map(lowerCase)))
  },
})

/** TIME returns the unit's clock reading: whole milliseconds, written as microseconds. */
const time = command({
  name: 'time',
  group: 'server',
  since: '2.6.0',
  summary: 'Returns the server time.',
  complexity: 'O(1)',
  syntax: 'TIME',
  tips: ['nondeterministic_output'],
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  run: ({ nowMs }) => [String(Math.floor(nowMs / 1000)), String((nowMs % 1000) * 1000)],
})

/**
 * LOLWUT draws the same kind of picture for every version. Other words are ignored, as in Redis.
 */
const lolwut = command({
  name: 'lolwut',
  group: 'server',
  since: '5.0.0',
  summary: 'Displays computer art and the Redis version',
  syntax: 'LOLWUT [VERSION version]',
  arity: -1,
  flags: ['readonly', 'fast'],
  run({ server }, args) {
    if (args.length >= 3 && isToken(args[1], 'version')) requireInteger(args[2])
    return new Verbatim('txt', `${drawHaypile(server.random)}\nRedis ver. ${REDIS_COMPATIBLE_VERSION}, haypile ver. ${server.version}\n`)
  },
})

/** A second MONITOR gets the same reply as the first; Redis does not answer it. */
const monitor = command({
  name: 'monitor',
  group: 'server',
  since: '1.0.0',
  summary: 'Listens for all requests received by the server in real-time.',
  syntax: 'MONITOR',
  arity: 1,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  run({ server, session, mayBlock }) {
    if (!mayBlock) throw clientError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    if (!session.isMonitoring) server.clients.monitor(session)
    return OK
  },
})

export const server: readonly Command[] = [info, time, lolwut, monitor]
