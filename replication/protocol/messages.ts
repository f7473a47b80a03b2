/**
 * The messages between a replica and its master, on an ordinary client connection of the master,
 * after AUTH. On the wire: other versions of haypile speak them.
 *
 *   METASYNC ip port run-id attempt version [FAILOVER | ASK]
 *     -> array of names and values (Meta). An empty ip stands for the address of the connection.
 *        ASK asks who is there and changes nothing: session is 0. STALE names the greatest attempt
 *        seen of the run id; the next attempt of the replica is greater, up to 2^53 - 1
 *   TRYSYNC session replid offset crc [FAILOVER] [replid ...] [LEFT {replid until}]
 *     -> ["CONTINUE" replid offset {past-id until}] or ["FULLSYNC" code text]
 *        Further replids name the same history: older ids that the replica has not left. LEFT: the
 *        ids that it has left, and where; sent to masters whose Meta has "accepts left", which use
 *        them in the reason of a full sync
 *   DBSYNC session snapshot after
 *     -> ["SNAPSHOT" id offset crc records bytes replid {past-id until}], then chunks (chunks.ts)
 *        as bulk strings, with +WAIT between them while the master has nothing to send. Snapshot
 *        "?" asks for any; after (hex of a record key, or "-") resumes after that record
 *   BINLOGSYNC session offset
 *     -> the bytes of the binlog from there on, without any frame. Between groups: "\n" is a
 *        heartbeat, "?" asks for an ACK at once, and "-CODE text\r\n" ends the stream
 *   REPLCONF ACK applied FACK synced [ASKED count]
 *     -> no reply. Two offsets, and the number of "?" read since BINLOGSYNC: this ACK answers them
 *        and was sent after them. Versions that do not count them leave the number out
 *
 * A refusal is an error reply whose first word is a RefusalCode. crc: 8 hexadecimal digits.
 */
import { at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { ClientError } from '../../base/client-error.ts'
import type { PastHistory } from '../../storage/directory/identity.ts'

/** The version of these messages, the chunks and the binlog together. */
export const FORMAT_VERSION = 1

/** The byte between two groups that shows the replica that its master is alive: a newline. */
export const HEARTBEAT = 0x0a
/** The byte between two groups that asks the replica for an ACK at once: a question mark. */
export const ASK_FOR_ACK = 0x3f

/**
 * STALE: a later attempt has been seen. DUPLICATE: another process announces this address. CYCLE:
 * the master follows the replica. VERSION: the formats differ. BADSESSION: the session is over or
 * belongs to another connection. BEHIND: the master is a replica and lacks data that this replica
 * has. NOMASTERLINK: the master is a replica and has no data to give yet. ERR: malformed words.
 */
export type RefusalCode = 'ERR' | 'STALE' | 'DUPLICATE' | 'CYCLE' | 'VERSION' | 'BADSESSION' | 'BEHIND' | 'NOMASTERLINK' | 'CLUSTERDOWN'

/**
 * A refused request. The requester gets the code and the reason, and nothing has changed.
 */
export class Refusal extends ClientError {
  override readonly name = 'Refusal'
  readonly code: RefusalCode
  readonly reason: string

  constructor(code: RefusalCode, reason: string) {
    super(`${code} ${reason}`)
    this.code = code
    this.reason = reason
  }
}

/** Returns the refusal of a request on a connection without a session. */
export const withoutSession = () => new Refusal('BADSESSION', 'METASYNC has to come first on a connection')

/** Encodes the error reply that ends a stream or a transfer. */
export function refusalLine(code: RefusalCode, text: string): Buffer {
  return Buffer.from(`-${code} ${text.replace(/[\r\n]/g, ' ')}\r\n`)
}

export interface MetaSyncRequest {
  /** The announced address; empty stands for the address of the connection. */
  readonly ip: string
  readonly port: number
  readonly runId: string
  /** Grows with each METASYNC of a process. */
  readonly attempt: number
  readonly version: number
  /** True if the master hands its role over to the node that it asks. */
  readonly isFailover: boolean
}

export interface MetaSyncReply {
  readonly session: number
  readonly replicationId: string
  readonly past: readonly PastHistory[]
  readonly runId: string
  readonly version: number
  readonly databases: number
  readonly binlogStart: number
  readonly binlogEnd: number
  /** Run ids: the master, its master, and so on. */
  readonly chain: readonly string[]
  /**
   * Options that this master knows and other masters of this version may not: `left` of TRYSYNC.
   */
  readonly accepts?: readonly string[]
}

export interface TrySyncRequest {
  readonly session: number
  /** Ids of the history of the data up to `offset`; the first is the current one. */
  readonly replicationIds: readonly string[]
  readonly offset: number
  readonly crc: number
  readonly isFailover: boolean
  /**
   * The histories that the replica has left, and the offset up to which its data belongs to each.
   */
  readonly left?: readonly PastHistory[]
}

/**
 * new: the replica has no data. unknown: none of its ids is known. purged, ahead, diverged: its
 * position in a known history cannot be continued.
 */
export type FullSyncReason = 'new' | 'unknown' | 'purged' | 'ahead' | 'diverged'

export type TrySyncReply =
  | { readonly type: 'continue'; readonly replicationId: string; readonly offset: number; readonly past: readonly PastHistory[] }
  | { readonly type: 'full-sync'; readonly reason: FullSyncReason; readonly text: string }

export interface DbSyncRequest {
  readonly session: number
  /** The wanted snapshot; null: any. */
  readonly snapshot: string | null
  /** The last record received, a key in hexadecimal; null: none. */
  readonly after: string | null
}

export interface BinlogSyncRequest {
  readonly session: number
  /** The offset of the first byte that the replica lacks. */
  readonly offset: number
}

export interface SnapshotHead {
  readonly id: string
  readonly offset: number
  readonly crc: number
  /** Estimates for the whole snapshot. */
  readonly records: number
  readonly bytes: number
  readonly replicationId: string
  readonly past: readonly PastHistory[]
}

export interface AckRequest {
  readonly applied: number
  readonly synced: number
  /** The number of "?" that it answers; null if the replica does not count them. */
  readonly asked: number | null
}

/** A reply of the master, as parsed by the replica. */
export type LinkReply = string | number | null | Buffer | Error | readonly LinkReply[]

/** Reads a reply. Returns what it says, or the reason why it was refused or is malformed. */
export function interpret<T>(request: string, reply: LinkReply, reader: (reply: LinkReply) => T): { said: T } | { refusal: string } {
  try {
    return reply instanceof Error ? { refusal: refusalOf(request, reply) } : { said: reader(reply) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { refusal: `${request}: ${error.reason}` }
  }
}

/** True if a server does not know the command. One that does not know METASYNC is not a haypile. */
export const isUnknownCommand = (reply: LinkReply) => reply instanceof Error && /^ERR unknown command/i.test(reply.message)

/** Returns a refusal as a reason. */
function refusalOf(request: string, error: Error): string {
  const text = error.message
  return request === 'METASYNC' && isUnknownCommand(error)
    ? `METASYNC: the master is a Redis or the like, not a haypile: ${text}`
    : `${request}: ${text}`
}

const ID = /^[0-9a-f]{40}$/
const CRC = /^[0-9a-f]{8}$/

const bad = (what: string) => new Refusal('ERR', `invalid ${what}`)

function readNumber(word: Bytes | undefined, what: string): number {
  if (word === undefined || !/^(0|[1-9]\d{0,15})$/.test(word)) throw bad(what)
  const number = Number(word)
  if (!Number.isSafeInteger(number)) throw bad(what)
  return number
}

function readMatching(word: Bytes | undefined, pattern: RegExp, what: string): string {
  if (word === undefined || !pattern.test(word)) throw bad(what)
  return word
}

export const crcText = (crc: number) => crc.toString(16).padStart(8, '0')

export function metaSyncWords(request: MetaSyncRequest): Bytes[] {
  const { ip, port, runId, attempt, version, isFailover } = request
  return ['METASYNC', ip, String(port), runId, String(attempt), String(version), ...(isFailover ? ['FAILOVER'] : [])]
}

/** The words of METASYNC ASK, which begins no session. */
export function inquiryWords(request: Omit<MetaSyncRequest, 'isFailover'>): Bytes[] {
  return [...metaSyncWords({ ...request, isFailover: false }), 'ASK']
}

/** Returns the inquiry, or null for an ordinary METASYNC. Throws Refusal. */
export function readInquiry(words: readonly Bytes[]): MetaSyncRequest | null {
  return words.length === 7 && words[6]?.toUpperCase() === 'ASK' ? readMetaSync(words.slice(0, 6)) : null
}

/** The greatest attempt number. A replica that reaches it stays there: a repeat is not stale. */
export const MAX_ATTEMPT = Number.MAX_SAFE_INTEGER

/**
 * The text of STALE. It names the number seen, so that the replica can go past it (`attemptSeen`).
 */
export const staleText = (attempt: number, runId: Bytes, seen: number) => `attempt ${attempt} of ${runId} comes after its attempt ${seen}`

/** Returns the attempt number that a STALE refusal names; 0 for any other text. */
export function attemptSeen(refusal: Bytes): number {
  const seen = Number(/^STALE .* comes after its attempt (\d{1,16})$/.exec(refusal)?.[1] ?? 0)
  return Math.min(seen, MAX_ATTEMPT)
}

/** Throws Refusal. */
export function readMetaSync(words: readonly Bytes[]): MetaSyncRequest {
  if (words.length > 7 || (words.length === 7 && words[6]?.toUpperCase() !== 'FAILOVER')) throw bad('METASYNC option')
  const port = readNumber(words[2], 'port')
  if (port === 0 || port > 65535) throw bad('port')
  return {
    ip: readMatching(words[1], /^[\x21-\x7e]{0,255}$/, 'ip'),
    port,
    runId: readMatching(words[3], ID, 'run id'),
    attempt: readNumber(words[4], 'attempt'),
    version: readNumber(words[5], 'version'),
    isFailover: words.length === 7,
  }
}

const pastWords = (past: readonly PastHistory[]) => past.flatMap(({ id, until }) => [id, String(until)])

function readPast(words: readonly Bytes[]): PastHistory[] {
  const past: PastHistory[] = []
  for (let i = 0; i < words.length; i += 2)
    past.push({ id: readMatching(words[i], ID, 'past id'), until: readNumber(words[i + 1], 'offset') })
  return past
}

export function metaReply(meta: MetaSyncReply): Bytes[] {
  return [
    ...['session', String(meta.session), 'replid', meta.replicationId, 'past', pastWords(meta.past).join(' ')],
    ...['run-id', meta.runId, 'version', String(meta.version), 'databases', String(meta.databases)],
    ...['binlog-start', String(meta.binlogStart), 'binlog-end', String(meta.binlogEnd), 'chain', meta.chain.join(' ')],
    ...(meta.accepts === undefined ? [] : ['accepts', meta.accepts.join(' ')]),
  ]
}

/** Returns the words of an array reply. Throws Refusal if an element is not a word. */
function wordsOf(reply: LinkReply, what: string): Bytes[] {
  if (!Array.isArray(reply)) throw bad(what)
  return (reply as readonly LinkReply[]).map((item) => {
    if (typeof item === 'string') return item
    if (Buffer.isBuffer(item)) return item.latin1Slice()
    if (typeof item === 'number') return String(item)
    throw bad(what)
  })
}

const split = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(' '))

/** Reads a METASYNC reply; unknown names are ignored. Throws Refusal. */
export function readMeta(reply: LinkReply): MetaSyncReply {
  const words = wordsOf(reply, 'METASYNC reply')
  const fields = new Map<string, string>()
  for (let i = 0; i + 1 < words.length; i += 2) fields.set(at(words, i), at(words, i + 1))
  return {
    session: readNumber(fields.get('session'), 'session'),
    replicationId: readMatching(fields.get('replid'), ID, 'replication id'),
    past: readPast(split(fields.get('past'))),
    runId: readMatching(fields.get('run-id'), ID, 'run id'),
    version: readNumber(fields.get('version'), 'version'),
    databases: readNumber(fields.get('databases'), 'number of databases'),
    binlogStart: readNumber(fields.get('binlog-start'), 'binlog start'),
    binlogEnd: readNumber(fields.get('binlog-end'), 'binlog end'),
    chain: split(fields.get('chain')).map((id) => readMatching(id, ID, 'run id')),
    ...(fields.has('accepts') ? { accepts: split(fields.get('accepts')) } : {}),
  }
}

export function trySyncWords({ session, replicationIds, offset, crc, isFailover, left = [] }: TrySyncRequest): Bytes[] {
  const [first, ...older] = replicationIds
  return [
    ...['TRYSYNC', String(session), must(first), String(offset), crcText(crc), ...(isFailover ? ['FAILOVER'] : []), ...older],
    ...(left.length === 0 ? [] : ['LEFT', ...pastWords(left)]),
  ]
}

/** Throws Refusal. */
export function readTrySync(words: readonly Bytes[]): TrySyncRequest {
  const isFailover = words[5]?.toUpperCase() === 'FAILOVER'
  const rest = words.slice(isFailover ? 6 : 5)
  const leftAt = rest.findIndex((word) => word.toUpperCase() === 'LEFT')
  const older = leftAt < 0 ? rest : rest.slice(0, leftAt)
  return {
    ...(leftAt < 0 ? {} : { left: readPast(rest.slice(leftAt + 1)) }),
    session: readNumber(words[1], 'session'),
    replicationIds: [words[2], ...older].map((id) => readMatching(id, ID, 'replication id')),
    offset: readNumber(words[3], 'offset'),
    crc: Number.parseInt(readMatching(words[4], CRC, 'crc'), 16),
    isFailover,
  }
}

export function trySyncReplyWords(reply: TrySyncReply): Bytes[] {
  if (reply.type === 'full-sync') return ['FULLSYNC', reply.reason, reply.text]
  return ['CONTINUE', reply.replicationId, String(reply.offset), ...pastWords(reply.past)]
}

const FULL_SYNC_REASONS: readonly string[] = ['new', 'unknown', 'purged', 'ahead', 'diverged'] satisfies FullSyncReason[]

/** Throws Refusal. */
export function readTrySyncReply(reply: LinkReply): TrySyncReply {
  const words = wordsOf(reply, 'TRYSYNC reply')
  if (words[0] === 'FULLSYNC' && FULL_SYNC_REASONS.includes(words[1] ?? '')) {
    return { type: 'full-sync', reason: words[1] as FullSyncReason, text: words[2] ?? '' }
  }
  if (words[0] !== 'CONTINUE') throw bad('TRYSYNC reply')
  return {
    type: 'continue',
    replicationId: readMatching(words[1], ID, 'replication id'),
    offset: readNumber(words[2], 'offset'),
    past: readPast(words.slice(3)),
  }
}

export function dbSyncWords({ session, snapshot, after }: DbSyncRequest): Bytes[] {
  return ['DBSYNC', String(session), snapshot ?? '?', after ?? '-']
}

/** Throws Refusal. */
export function readDbSync(words: readonly Bytes[]): DbSyncRequest {
  const after = readMatching(words[3], /^(-|[0-9a-f]+)$/, 'position')
  if (after !== '-' && after.length % 2 === 1) throw bad('position')
  const snapshot = readMatching(words[2], /^(\?|[0-9a-f]{1,40})$/, 'snapshot')
  return { session: readNumber(words[1], 'session'), snapshot: snapshot === '?' ? null : snapshot, after: after === '-' ? null : after }
}

export function snapshotHeadWords(head: SnapshotHead): Bytes[] {
  const { id, offset, crc, records, bytes, replicationId, past } = head
  return ['SNAPSHOT', id, String(offset), crcText(crc), String(records), String(bytes), replicationId, ...pastWords(past)]
}

/** Throws Refusal. */
export function readSnapshotHead(reply: LinkReply): SnapshotHead {
  const words = wordsOf(reply, 'DBSYNC reply')
  if (words[0] !== 'SNAPSHOT') throw bad('DBSYNC reply')
  return {
    id: readMatching(words[1], /^[0-9a-f]{1,40}$/, 'snapshot'),
    offset: readNumber(words[2], 'offset'),
    crc: Number.parseInt(readMatching(words[3], CRC, 'crc'), 16),
    records: readNumber(words[4], 'number of records'),
    bytes: readNumber(words[5], 'number of bytes'),
    replicationId: readMatching(words[6], ID, 'replication id'),
    past: readPast(words.slice(7)),
  }
}

export function binlogSyncWords(session: number, offset: number): Bytes[] {
  return ['BINLOGSYNC', String(session), String(offset)]
}

/** Throws Refusal. */
export function readBinlogSync(words: readonly Bytes[]): BinlogSyncRequest {
  return { session: readNumber(words[1], 'session'), offset: readNumber(words[2], 'offset') }
}

export function ackWords({ applied, synced, asked }: AckRequest): Bytes[] {
  return ['REPLCONF', 'ACK', String(applied), 'FACK', String(synced), ...(asked === null ? [] : ['ASKED', String(asked)])]
}
