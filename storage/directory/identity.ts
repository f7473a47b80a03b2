/**
 * The identity of this node, in a file of its own beside the data. It is written with fsync and
 * rename before anything announces it.
 *
 * `replicationId` names the history that the binlog continues. `past` names the histories before
 * it, and the offset up to which each was the same. Replicas that are not ahead of that offset can
 * continue. `cleanEnd` is the binlog's end at a clean shutdown. It is removed at the start, so a
 * crash leaves none. The functions here that return an identity only compute it; `saveIdentity`
 * stores it.
 *
 * A node that writes its own history and cannot vouch for it to the last byte ends it and begins
 * another. That is a master, or a replica of a Redis. A replica of a haypile never does, because
 * its history is its master's. The master compares CRCs to decide whether the replica's log is a
 * prefix of its own (TRYSYNC).
 */
import { join } from 'node:path'
import { assert } from '../../base/assert.ts'
import { bufferOf, bytesOf } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { contentOf, type Files, replaceFileSync } from '../../base/files.ts'
import { DamageError } from '../records/records.ts'

/** This node's data up to `until` belongs to that history, too. */
export interface PastHistory {
  readonly id: string
  readonly until: number
}

/** The address of the master that a replica follows. */
export interface MasterAddress {
  readonly host: string
  readonly port: number
  /** True if FAILOVER asks the master to take over. */
  readonly failover: boolean
}

/** A node's history, role and data set, as they are stored. */
export interface Identity {
  readonly replicationId: string
  /** Newest first; `until` never grows towards older ones. */
  readonly past: readonly PastHistory[]
  readonly cleanEnd: number | null
  /**
   * Undefined if it was never set, so that the configuration counts. Null if this node is a master.
   */
  readonly master: MasterAddress | null | undefined
  /**
   * The offset from which on this node wrote the groups, as a master or as a replica of a Redis;
   * null if it wrote none. The synced watermark of these groups is that of its own disk.
   */
  readonly ownFrom: number | null
  /** The name of this history's data set; empty if an older version has written the file. */
  readonly generation: string
  /** The reason why the next sync must be a full one; null if it need not be. */
  readonly fullSync: string | null
}

export type Role = 'master' | 'replica'

/** The id that means no id, as in Redis. */
const NO_REPLICATION_ID = '0'.repeat(40)
const MAX_PAST = 8

export function randomHex(random: Random, digits: number): string {
  let hex = ''
  while (hex.length < digits) hex += Math.floor(random() * 16).toString(16)
  return hex
}

export function roleOf({ master }: Identity): Role {
  return master === null || master === undefined ? 'master' : 'replica'
}

/** The history before the present one, for INFO. */
export function previousOf({ past }: Identity): { readonly id: string; readonly offset: number } {
  const [newest] = past
  return newest === undefined ? { id: NO_REPLICATION_ID, offset: -1 } : { id: newest.id, offset: newest.until }
}

/** Returns the identity of a new node: a master with an empty history. */
export function newIdentity(random: Random, generation = ''): Identity {
  const replicationId = randomHex(random, 40)
  return { replicationId, past: [], cleanEnd: 0, master: undefined, ownFrom: 0, generation, fullSync: null }
}

/**
 * Returns an identity without a past and without a replication id, for data of unknown history. The
 * next start gives it a random id.
 */
export function blankIdentity(generation: string): Identity {
  return { replicationId: NO_REPLICATION_ID, past: [], cleanEnd: null, master: undefined, ownFrom: null, generation, fullSync: null }
}

/** Returns the identity, with a random replication id if it has none. */
export function identityWithId(identity: Identity, random: Random): Identity {
  return identity.replicationId === NO_REPLICATION_ID ? { ...identity, replicationId: randomHex(random, 40) } : identity
}

/** Returns the identity after a start that found `end` as the end of its binlog. */
export function startedIdentity(identity: Identity, end: number, random: Random): Identity {
  const started = { ...identity, cleanEnd: null }
  const isReceived = roleOf(identity) === 'replica' && identity.ownFrom === null
  if (identity.cleanEnd === end || isReceived) return started
  return { ...started, ...newHistory(identity, end, random), ownFrom: Math.min(identity.ownFrom ?? end, end) }
}

/** Returns the identity of a new master. REQUIRES: its binlog is durable up to its end. */
export function promotedIdentity(identity: Identity, end: number, random: Random): Identity {
  return { ...identity, ...newHistory(identity, end, random), master: null, ownFrom: end, fullSync: null }
}

/** Returns the identity of a new replica, with its own history until its master sends another. */
export function followingIdentity(identity: Identity, master: MasterAddress): Identity {
  return { ...identity, master, ownFrom: null }
}

/** Returns the identity of a replica of a Redis, which writes its own history from `end` on. */
export function ownIdentity(identity: Identity, end: number, random: Random): Identity {
  return { ...identity, ...newHistory(identity, end, random), ownFrom: end }
}

/** Returns the identity of a replica that continues its master's history. */
export function adoptedIdentity(identity: Identity, replicationId: string, past: readonly PastHistory[]): Identity {
  return { ...identity, replicationId, past: trimmed(past, Number.POSITIVE_INFINITY), ownFrom: null }
}

/**
 * Returns the identity after another data set has replaced the data: on a replica by a full sync,
 * on a master by an import. A master writes the whole log of the new data set itself.
 */
export function replacedIdentity(identity: Identity, generation: string, replicationId: string, past: readonly PastHistory[]): Identity {
  const ownFrom = roleOf(identity) === 'master' ? 0 : null
  return { ...adoptedIdentity(identity, replicationId, past), generation, cleanEnd: null, ownFrom, fullSync: null }
}

/** Returns an identity with a new history, which no other node shares. */
export function clearedIdentity(identity: Identity, random: Random): Identity {
  return { ...identity, replicationId: randomHex(random, 40), past: [] }
}

/** Begins another history at `end` and moves the present one to the past. */
function newHistory(identity: Identity, end: number, random: Random): Pick<Identity, 'replicationId' | 'past'> {
  assert(isOffset(end), 'a history ends at an offset')
  const past = trimmed([{ id: identity.replicationId, until: end }, ...identity.past], end)
  return { replicationId: randomHex(random, 40), past }
}

/**
 * Limits a past to MAX_PAST histories, none reaching further than a newer one or `end`. Histories
 * without a group of their own are dropped first: starts in a row without a write between them.
 */
function trimmed(past: readonly PastHistory[], end: number): PastHistory[] {
  let limit = end
  const limited = past.map(({ id, until }) => {
    limit = Math.min(limit, until)
    return { id, until: limit }
  })
  let excess = limited.length - MAX_PAST
  const kept = limited.filter(({ until }, index) => excess <= 0 || index === 0 || limited[index + 1]?.until !== until || excess-- <= 0)
  return kept.slice(0, MAX_PAST)
}

const FILE_NAME = 'identity.json'

/** Advice if it is unknown whether this node was a master or a replica. */
export const IDENTITY_ADVICE =
  'restore it from a backup, or run `haypile check DIR --new-identity`, which keeps the data and makes a node without a past: ' +
  'a master unless the configuration has replicaof'

/**
 * A stored identity, and the number of times one has been stored; 0 if a version that did not count
 * has written it.
 */
export interface StoredIdentity {
  readonly identity: Identity
  readonly revision: number
}

export function identityPath(directory: string): string {
  return join(directory, FILE_NAME)
}

/** Returns the stored identity, or undefined if there is none. Throws DamageError. */
export function loadStored(files: Files, directory: string): StoredIdentity | undefined {
  const path = identityPath(directory)
  if (!files.existsSync(path)) return undefined
  const read = readJson(files, path)
  const identity = read === null ? null : identityOf(read)
  if (read === null || identity === null) throw new DamageError(`${path} does not hold an identity; ${IDENTITY_ADVICE}`)
  const { revision } = read
  return { identity, revision: isOffset(revision) ? revision : 0 }
}

export function loadIdentity(files: Files, directory: string): Identity | undefined {
  return loadStored(files, directory)?.identity
}

/** Stores an identity durably. Throws the file system's error. */
export function saveIdentity(files: Files, directory: string, identity: Identity, revision = 1): void {
  assert(isReplicationId(identity.replicationId), 'a history has an id of 40 hexadecimal digits')
  assert(arePastHistories(identity.past), 'a past history has an id and an end')
  assert(identity.cleanEnd === null || isOffset(identity.cleanEnd), 'a clean end is an offset')
  assert(identity.ownFrom === null || isOffset(identity.ownFrom), 'the own writes of a node begin at an offset')
  assert(Number.isSafeInteger(revision) && revision > 0, 'each identity that is stored has a revision')
  replaceFileSync(files, identityPath(directory), bufferOf(`${JSON.stringify({ ...identity, revision }, null, 2)}\n`))
}

/**
 * Returns the fields of a small JSON file that holds an object, or null. Throws DamageError if it
 * is not JSON.
 */
export function readJson(files: Files, path: string): Readonly<Record<string, unknown>> | null {
  const text = bytesOf(contentOf(files, path))
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    throw new DamageError(`${path} is not JSON; ${IDENTITY_ADVICE}`)
  }
}

export function isReplicationId(id: unknown): id is string {
  return typeof id === 'string' && /^[0-9a-f]{40}$/.test(id)
}

export function arePastHistories(past: unknown): past is readonly PastHistory[] {
  return Array.isArray(past) && past.every((each) => isReplicationId(each?.id) && isOffset(each.until))
}

function isOffset(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isMasterField(master: unknown): master is MasterAddress | null | undefined {
  if (master === null || master === undefined) return true
  const { host, port, failover } = master as Partial<MasterAddress>
  return typeof host === 'string' && Number.isSafeInteger(port) && typeof failover === 'boolean'
}

/**
 * Returns null if a field is malformed. Versions before replication wrote `previousId` and
 * `switchOffset` instead of `past`.
 */
function identityOf(read: Readonly<Record<string, unknown>>): Identity | null {
  const { replicationId, master, cleanEnd = null, generation = '', fullSync = null, past = pastOfOld(read), ownFrom = 0 } = read
  if (!isReplicationId(replicationId) || !arePastHistories(past) || !isMasterField(master)) return null
  if ((cleanEnd !== null && !isOffset(cleanEnd)) || (ownFrom !== null && !isOffset(ownFrom))) return null
  if (typeof generation !== 'string' || (fullSync !== null && typeof fullSync !== 'string')) return null
  return { replicationId, past, cleanEnd, master, ownFrom, generation, fullSync }
}

function pastOfOld({ previousId, switchOffset }: Readonly<Record<string, unknown>>): unknown {
  if (!isReplicationId(previousId) || !Number.isSafeInteger(switchOffset)) return null
  return previousId === NO_REPLICATION_ID || (switchOffset as number) < 0 ? [] : [{ id: previousId, until: switchOffset }]
}
