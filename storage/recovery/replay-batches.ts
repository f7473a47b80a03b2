/**
 * Groups of the log that are decoded before they run, so that the records which their commands need
 * are read from disk together. While one batch runs, the next one's records are being read.
 */
import type { Bytes } from '../../base/bytes.ts'
import { readCommand } from '../binlog/command-codec.ts'
import type { BinlogPosition, GroupHeader } from '../binlog/group.ts'
import type { BinlogReader, ReadResult } from '../binlog/reader.ts'
import type { RootsAhead } from '../keyspace/roots-ahead.ts'
import { DamageError } from '../records/records.ts'

/** A batch ends with the group that reaches one of these limits. */
const MAX_BATCH_COMMANDS = 2048
const MAX_BATCH_BYTES = 1024 * 1024

/** Runs a group's commands again. */
export interface Replayer {
  /** Without it, each command reads what it needs. */
  readonly ahead?: AheadReader
  beginGroup(header: GroupHeader): void
  command(args: Bytes[]): void
  endGroup(): void
}

/** Reads the records on disk that commands need before they run. */
interface AheadReader {
  /** Starts reading. Never rejects. */
  read(groups: readonly ReplayedGroup[]): Promise<RootsAhead | null>
  /** Passes what was read for the groups that follow; null after them. */
  use(ahead: RootsAhead | null): void
}

/** The commands of one group. */
export interface ReplayedGroup {
  readonly commands: readonly Bytes[][]
}

interface DecodedGroup extends ReplayedGroup {
  readonly header: GroupHeader
  readonly end: BinlogPosition
}

/** Groups that run one after the other, and the records that they need. */
export interface ReplayBatch {
  readonly groups: readonly DecodedGroup[]
  readonly ahead: Promise<RootsAhead | null> | null
  /** The end of the log, or a bad group, if that follows; null if groups may follow. */
  readonly last: Exclude<ReadResult, { type: 'group' }> | null
}

/** Decodes the next groups of the log and starts reading the records that they need. */
export function nextBatch(reader: BinlogReader, replayer: Replayer): ReplayBatch {
  const groups: DecodedGroup[] = []
  let [commandCount, bytes] = [0, 0]
  let last: ReplayBatch['last'] = null
  while (last === null && commandCount < MAX_BATCH_COMMANDS && bytes < MAX_BATCH_BYTES) {
    const result = reader.next()
    if (result.type !== 'group') last = result
    else {
      const commands = commandsOf(result.body)
      groups.push({ header: result.header, commands, end: result.end })
      commandCount += commands.length
      bytes += result.body.length
    }
  }
  return { groups, ahead: replayer.ahead?.read(groups) ?? null, last }
}

function commandsOf(body: Buffer): Bytes[][] {
  const commands: Bytes[][] = []
  for (let start = 0; start < body.length; ) {
    const read = readCommand(body, start, body.length)
    if (read === null) throw new DamageError('a group of the binlog ends within a command, although its CRC is correct')
    commands.push(read.args)
    start = read.end
  }
  return commands
}
