/**
 * WAIT WAITAOF: block the client until replicas have applied its writes, or until they are durable.
 */

import { type Steps, waitFor } from '../../storage/scan/steps.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError, notPositive } from '../contract/errors.ts'
import type { ServerPort, WaitReached, WaitTarget } from '../contract/ports.ts'
import type { Session } from '../contract/session.ts'
import { requireClampedInteger, requireSafeInteger } from '../parsing/args.ts'
import { requireTimeoutMs } from '../parsing/timeouts.ts'

/**
 * Inside a transaction or a script nothing blocks. The reply counts the copies of the client's
 * earlier writes.
 */
function reach({ replication }: ServerPort, session: Session, target: WaitTarget): Steps<WaitReached> {
  return waitFor({ later: () => replication.wait(session, target), now: () => replication.reached(session, target) })
}

/** The timeout is in milliseconds; 0 means none. */
const wait = command({
  name: 'wait',
  group: 'generic',
  since: '3.0.0',
  summary: 'Blocks until the asynchronous replication of all preceding write commands sent by the connection is completed.',
  complexity: 'O(1)',
  syntax: 'WAIT numreplicas timeout',
  tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  categories: ['connection'],
  arity: 3,
  flags: [],
  *steps({ server, session, nowMs }, args) {
    if (server.replication.isReplica) {
      throw clientError(
        'ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is configured to be writable (which is not the default) writes to replicas are just local and are not propagated.',
      )
    }
    const replicas = Math.max(0, requireClampedInteger(args[1]))
    const timeoutMs = requireTimeoutMs(args[2], nowMs)
    const reached = yield* reach(server, session, { mustBeDurableHere: false, replicas, what: 'applied', timeoutMs })
    return reached.replicas
  },
})

/** WAITAOF waits for the binlog's fdatasync, on this node and on the replicas. */
const waitaof = command({
  name: 'waitaof',
  group: 'generic',
  since: '7.2.0',
  summary:
    'Blocks until all of the preceding write commands sent by the connection are written to the append-only file of the master and/or replicas.',
  complexity: 'O(1)',
  syntax: 'WAITAOF numlocal numreplicas timeout',
  tips: ['request_policy:all_shards', 'response_policy:agg_min'],
  categories: ['connection'],
  arity: 4,
  flags: ['noscript'],
  *steps({ server, session, nowMs }, args) {
    const mustBeDurableHere = requireSafeInteger(args[1], 0, 1) === 1
    const replicas = requireClampedInteger(args[2], notPositive)
    if (replicas < 0) throw notPositive()
    const timeoutMs = requireTimeoutMs(args[3], nowMs)
    if (server.replication.isReplica) {
      throw clientError(
        'ERR WAITAOF cannot be used with replica instances. Please also note that writes to replicas are just local and are not propagated.',
      )
    }
    const reached = yield* reach(server, session, { mustBeDurableHere, replicas, what: 'synced', timeoutMs })
    return [reached.local, reached.replicas]
  },
})

export const waits: readonly Command[] = [wait, waitaof]
