/**
 * The line of CLIENT LIST: Redis 7.2's fields in its order. A field without a counterpart here has
 * Redis's value for none.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { SessionTracker } from '../../commands/contract/tracking.ts'

/**
 * Estimated bytes of a connection beside its buffers: socket, decoder and the objects around them.
 */
const CONNECTION_BYTES = 8 * 1024

/** Returns the line without a line end. */
export function describeClient(session: Session, monotonicMs: number, state: 'blocked' | 'free' = 'free'): Bytes {
  const queryBytes = session.queryBufferBytes()
  const outputBytes = session.outputBufferBytes()
  const queuedBytes = session.transaction?.bytes ?? 0
  const fields: readonly (readonly [name: string, value: Bytes | number])[] = [
    ['id', session.id],
    ['addr', session.address],
    ['laddr', session.localAddress],
    ['fd', -1],
    ['name', session.name],
    ['age', secondsSince(session.createdAtMs, monotonicMs)],
    ['idle', secondsSince(session.lastActiveMs, monotonicMs)],
    ['flags', flagsOf(session, state)],
    ['db', session.database],
    ['sub', session.subscriptions?.channel.size ?? 0],
    ['psub', session.subscriptions?.pattern.size ?? 0],
    ['ssub', session.subscriptions?.shard.size ?? 0],
    ['multi', session.transaction?.requests.length ?? -1],
    ['qbuf', queryBytes],
    ['qbuf-free', 0],
    ['argv-mem', 0],
    ['multi-mem', queuedBytes],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', outputBytes > 0 ? 1 : 0],
    ['omem', outputBytes],
    ['tot-mem', CONNECTION_BYTES + queryBytes + outputBytes + queuedBytes],
    ['events', outputBytes > 0 ? 'rw' : 'r'],
    ['cmd', session.lastCommand === '' ? 'NULL' : session.lastCommand],
    ['user', session.user.name],
    ['redir', session.tracker?.options.redirect ?? -1],
    ['resp', session.resp],
    ['lib-name', session.libraryName],
    ['lib-ver', session.libraryVersion],
  ]
  return fields.map(([name, value]) => `${name}=${value}`).join(' ')
}

function secondsSince(thenMs: number, monotonicMs: number): number {
  return Math.max(0, Math.floor((monotonicMs - thenMs) / 1000))
}

/**
 * Redis's flags. O: a monitor. S: a replica. M: the master. P: subscribed. x: in a transaction. b:
 * blocked. t: tracks keys. R: its redirection target has gone. B: tracks prefixes. d: a watched key
 * has changed. U: on a Unix socket. e: not evicted. T: does not touch keys. N: none of these.
 */
function flagsOf(session: Session, state: 'blocked' | 'free'): string {
  let flags = ''
  if (session.isMonitoring) flags += 'O'
  else if (session.remoteRole === 'replica') flags += 'S'
  if (session.remoteRole === 'master') flags += 'M'
  if (session.subscriptions !== null) flags += 'P'
  if (session.transaction !== null) flags += 'x'
  if (state === 'blocked') flags += 'b'
  if (session.tracker !== null) flags += flagsOfTracker(session.tracker)
  if (session.watch?.isBroken === true) flags += 'd'
  if (isUnix(session)) flags += 'U'
  if (session.isEvictionExempt) flags += 'e'
  if (session.mustNotTouch) flags += 'T'
  return flags === '' ? 'N' : flags
}

function flagsOfTracker({ options, isRedirectBroken }: SessionTracker): string {
  return `t${isRedirectBroken ? 'R' : ''}${options.isBroadcast ? 'B' : ''}`
}

/** Addresses of Unix sockets end in port 0, which no TCP client has. */
export function isUnix(session: Session): boolean {
  return session.localAddress.endsWith(':0')
}
