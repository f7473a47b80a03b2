/**
 * Applies a batch of groups of the master: verify, decode, append to the binlog byte for byte, run.
 * All of it is one synchronous step, so no reader sees the position and memory differ.
 *
 * A failure before the append has changed nothing. A command that fails after the append leaves
 * memory between two groups. Then the binlog is cut back to its previous end, and the storage is
 * marked unfit. From then on memory serves reads only, until a full sync has replaced it.
 */

import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, groupCrc } from '../../storage/binlog/group.ts'
import type { Replayer } from '../../storage/recovery/replay-batches.ts'
import type { Storage } from '../../storage/storage.ts'
import type { GroupBatch } from './group-stream.ts'

export interface LinkReplayer extends Replayer {
  /** True if this version has a command of that name. */
  knows(args: readonly Bytes[]): boolean
}

export type ApplyResult =
  | { readonly type: 'applied' }
  /** The groups do not follow the binlog of this node. */
  | { readonly type: 'bad'; readonly offset: number; readonly reason: string }
  /** The groups are good but cannot be taken now: an unknown command, or no room on the disk. */
  | { readonly type: 'refused'; readonly reason: string }
  /** Memory no longer matches the log. */
  | { readonly type: 'broken'; readonly reason: string }

export function applyBatch(storage: Storage, replayer: LinkReplayer, batch: GroupBatch): ApplyResult {
  const { binlog } = storage
  const before = binlog.end
  const verified = verify(batch, before)
  if ('reason' in verified) return { type: 'bad', ...verified }
  const decoded = decode(batch, replayer)
  if ('reason' in decoded) return decoded
  const last = batch.headers.at(-1)
  if (last === undefined) return { type: 'applied' }
  assert(verified.offset === before.offset + batch.bytes.length, 'a batch is of whole groups')
  try {
    binlog.appendGroups(batch.bytes, verified, batch.headers.length, last.clockMs)
  } catch (error) {
    rethrowAssertion(error)
    storage.appendFailed(error)
    return { type: 'refused', reason: `the binlog cannot be written: ${errorText(error)}` }
  }
  assert(binlog.end.offset === verified.offset && binlog.end.crc === verified.crc, 'the binlog ends where the batch ends')
  try {
    run(storage, replayer, batch, decoded.groups)
  } catch (error) {
    // A failed assertion ends the process: the next start recovers memory from the log.
    rethrowAssertion(error)
    const reason = `a group at or after offset ${before.offset} could not be applied: ${errorText(error)}`
    binlog.takeBack(before)
    storage.distrust(reason)
    return { type: 'broken', reason }
  }
  assert(binlog.end.offset === verified.offset, 'groups that are run append nothing of their own')
  return { type: 'applied' }
}

/** Returns the end position of the batch, or where and why it does not follow `before`. */
function verify({ bytes, headers, bodies }: GroupBatch, before: BinlogPosition): BinlogPosition | { offset: number; reason: string } {
  let { offset, crc } = before
  let at = 0
  for (const [index, header] of headers.entries()) {
    const body = must(bodies[index], 'each group has a body')
    const bad = (what: string) => ({ offset, reason: `${what} at offset ${offset}` })
    if (header.offset !== offset) return bad(`a group whose head states offset ${header.offset}`)
    if (header.before !== crc) return bad('a group that does not continue the previous one')
    if (groupCrc(bytes.subarray(at, at + GROUP_HEAD_BYTES), body, header.before) !== header.crc) return bad('a group that fails its CRC')
    const length = GROUP_HEAD_BYTES + header.bodyLength
    offset += length
    at += length
    crc = header.crc
  }
  return { offset, crc }
}

/** Returns the commands of each group. */
function decode({ headers, bodies }: GroupBatch, replayer: LinkReplayer): (ApplyResult & { reason: string }) | { groups: Bytes[][][] } {
  const groups: Bytes[][][] = []
  for (const [index, body] of bodies.entries()) {
    const { offset } = must(headers[index], 'each group has a header')
    const commands: Bytes[][] = []
    for (let at = 0; at < body.length; ) {
      const read = readWhole(body, at)
      if (typeof read === 'string')
        return { type: 'bad', offset, reason: `${read} in the group at offset ${offset}, although its CRC is correct` }
      if (!replayer.knows(read.args)) {
        return { type: 'refused', reason: `the master's log has the command ${shown(read.args)}, which this version does not know` }
      }
      commands.push(read.args)
      at = read.end
    }
    groups.push(commands)
  }
  return { groups }
}

function readWhole(body: Buffer, at: number): { args: Bytes[]; end: number } | string {
  try {
    return readCommand(body, at, body.length) ?? 'a command cut short'
  } catch (error) {
    rethrowAssertion(error)
    return errorText(error)
  }
}

function run({ keyspace }: Storage, replayer: LinkReplayer, { headers }: GroupBatch, groups: readonly (readonly Bytes[][])[]): void {
  const { nowMs } = keyspace
  keyspace.expiryMode = 'ignore'
  try {
    for (const [index, header] of headers.entries()) {
      replayer.beginGroup(header)
      for (const args of must(groups[index])) replayer.command(args)
      replayer.endGroup()
    }
  } finally {
    keyspace.expiryMode = 'hide'
    keyspace.setClock(nowMs)
  }
}

const MAX_SHOWN_CHARACTERS = 64

/** Returns name and subcommand, quoted and cut short, for a log line. */
function shown(args: readonly Bytes[]): string {
  return JSON.stringify(args.slice(0, 2).join(' ').slice(0, MAX_SHOWN_CHARACTERS))
}
