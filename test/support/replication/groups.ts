/** Groups as a master would write them. */
import type { Bytes } from '../../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, writeGroupHead } from '../../../storage/binlog/group.ts'

export interface Group {
  readonly bytes: Buffer
  readonly end: BinlogPosition
}

export const START: BinlogPosition = { offset: 0, crc: 0 }

export function groupOf(before: BinlogPosition, commands: readonly (readonly Bytes[])[], clockMs = 1_700_000_000_000): Group {
  return groupOfBody(before, Buffer.concat(commands.map(encoded)), clockMs)
}

export function groupOfBody(before: BinlogPosition, body: Buffer, clockMs = 1_700_000_000_000): Group {
  const head = Buffer.alloc(GROUP_HEAD_BYTES)
  const header = { replicationId: 'a'.repeat(40), offset: before.offset, bodyLength: body.length, clockMs, synced: 0, before: before.crc }
  const crc = writeGroupHead(head, header, [body])
  const bytes = Buffer.concat([head, body])
  return { bytes, end: { offset: before.offset + bytes.length, crc } }
}

/** One group per list of commands, each following the one before. */
export function groupsOf(before: BinlogPosition, groups: readonly (readonly (readonly Bytes[])[])[]): Group[] {
  const made: Group[] = []
  for (const commands of groups) made.push(groupOf(made.at(-1)?.end ?? before, commands))
  return made
}

export function encoded(words: readonly Bytes[]): Buffer {
  const buffer = Buffer.alloc(encodedLength(words))
  writeCommand(words, buffer, 0)
  return buffer
}
