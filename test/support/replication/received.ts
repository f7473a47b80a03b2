/**
 * Passes data from a master to a replica without a network; both are engines on simulated disks.
 */
import { replayer } from '../../../server/wiring/replay-client.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, type GroupHeader, readGroupHead } from '../../../storage/binlog/group.ts'
import type { IncomingDataSet } from '../../../storage/directory/data-sets.ts'
import type { MasterAddress } from '../../../storage/directory/identity.ts'
import type { DataSnapshot } from '../../../storage/records/data-snapshot.ts'
import { type Engine, nextTurn } from '../harness/engine.ts'

export const MASTER: MasterAddress = { host: '10.0.0.1', port: 6379, failover: false }

const FEED_BYTES = 64 * 1024 * 1024

/**
 * Appends and runs the master's groups from the replica's end on, in batches of a limited number of
 * groups. Returns the number of groups.
 */
export function receive(
  replica: Engine,
  master: Engine,
  batchGroups = Number.POSITIVE_INFINITY,
  batches = Number.POSITIVE_INFINITY,
): number {
  const { binlog } = replica.storage
  const feed = master.storage.openTailReader(binlog.end.offset)
  const pieces: Buffer[] = []
  for (let bytes = feed.read(FEED_BYTES, Number.POSITIVE_INFINITY); bytes !== null; bytes = feed.read(FEED_BYTES, Number.POSITIVE_INFINITY))
    pieces.push(bytes)
  feed.close()
  const all = Buffer.concat(pieces)
  let received = 0
  for (let at = 0; at < all.length && batches > 0; batches--) {
    const headers: GroupHeader[] = []
    let end = at
    while (end < all.length && headers.length < batchGroups) {
      const header = readGroupHead(all, end)
      if (header === undefined) throw new Error(`no group at ${end}`)
      headers.push(header)
      end += GROUP_HEAD_BYTES + header.bodyLength
    }
    apply(replica, all.subarray(at, end), headers)
    received += headers.length
    at = end
  }
  return received
}

function apply({ storage, executor }: Engine, bytes: Buffer, headers: readonly GroupHeader[]): void {
  const { binlog, keyspace } = storage
  const last = headers.at(-1) as GroupHeader
  const end: BinlogPosition = { offset: last.offset + GROUP_HEAD_BYTES + last.bodyLength, crc: last.crc }
  binlog.appendGroups(bytes, end, headers.length, last.clockMs)
  const { nowMs, expiryMode } = keyspace
  keyspace.expiryMode = 'ignore'
  const replay = replayer(executor, keyspace)
  let at = 0
  for (const header of headers) {
    replay.beginGroup(header)
    const bodyEnd = at + GROUP_HEAD_BYTES + header.bodyLength
    for (at += GROUP_HEAD_BYTES; at < bodyEnd; ) {
      const read = readCommand(bytes, at, bodyEnd)
      if (read === null) throw new Error('a command cut short')
      replay.command(read.args)
      at = read.end
    }
    replay.endGroup()
  }
  keyspace.expiryMode = expiryMode
  keyspace.setClock(nowMs)
}

/** A snapshot, with the turns that its checkpoint takes. */
export async function snapshotOf(master: Engine): Promise<DataSnapshot> {
  let taken: DataSnapshot | null = null
  let failure: unknown
  const taking = master.storage.snapshot().then(
    (snapshot) => (taken = snapshot),
    (error: unknown) => (failure = error ?? new Error('no reason')),
  )
  for (let turns = 0; taken === null && failure === undefined; turns++) {
    if (turns > 10_000) throw new Error('the snapshot never came')
    master.storage.background()
    await nextTurn()
  }
  await taking
  if (taken === null) throw failure
  return taken
}

/** Fills a generation of the replica with a snapshot. */
export async function fill(replica: Engine, snapshot: DataSnapshot, chunk = 50): Promise<IncomingDataSet> {
  const next = await replica.storage.beginDataSet()
  const iterator = snapshot.read(null)
  for (let records = await iterator.next(chunk); records.length > 0; records = await iterator.next(chunk)) await next.put(records)
  await iterator.close()
  return next
}

/**
 * Runs a whole full sync. The replica then has the master's data as of a moment after the call, and
 * its history.
 */
export async function fullSync(replica: Engine, master: Engine): Promise<void> {
  const snapshot = await snapshotOf(master)
  const next = await fill(replica, snapshot)
  const { replicationId, past } = master.storage.identity
  await replica.storage.installDataSet(next, snapshot.position, { replicationId, past })
  await snapshot.close()
}

/** All existing bytes of a log. */
export function logOf({ storage }: Engine, from = storage.binlog.startOffset): Buffer {
  const feed = storage.openTailReader(from)
  const pieces: Buffer[] = []
  for (let bytes = feed.read(1000, Number.POSITIVE_INFINITY); bytes !== null; bytes = feed.read(1000, Number.POSITIVE_INFINITY))
    pieces.push(bytes)
  feed.close()
  return Buffer.concat(pieces)
}
