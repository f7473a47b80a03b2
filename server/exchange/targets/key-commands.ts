/**
 * Keys and libraries as the commands that make them, as an AOF has them:
 *
 *   library   FUNCTION LOAD [REPLACE] code
 *   key       [SELECT database] [DEL key] { command } [PEXPIREAT key ms]
 *   command   SET | RPUSH | SADD | ZADD | HSET { HPEXPIREAT } | those of stream-commands.ts
 *
 * A collection comes in commands of bounded size. Where keys are replaced, DEL precedes a
 * collection, so that the commands have the same result if they run twice.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { formatDouble } from '../../../commands/parsing/format-double.ts'
import type { RdbHashValue, RdbItem, RdbStringValue, RdbValue } from '../../../rdb/values.ts'
import { commandOf } from '../sources/connection.ts'
import { streamCommands } from './stream-commands.ts'

/** The limits of one command: its elements, and about its bytes. */
const MAX_ELEMENTS = 64
const AIM_BYTES = 1024 * 1024

export interface KeyCommandsOptions {
  /** True: keys and libraries that the reader has are replaced. */
  readonly mustReplace: boolean
  /** True: deadlines of fields are written, which only Redis 7.4 and haypile read. */
  readonly hasFieldDeadlines: boolean
}

/** Turns items into commands. It selects databases, beginning with any. */
export class KeyCommands {
  /** Deadlines of fields that were left out. */
  lostDeadlineCount = 0
  private readonly options: KeyCommandsOptions
  private database = 0
  private selected: number | null = null

  constructor(options: KeyCommandsOptions) {
    this.options = options
  }

  /** Yields commands in RESP; a long string comes in several buffers. */
  *write(item: RdbItem): Generator<Buffer> {
    const { mustReplace } = this.options
    if (item.kind === 'database') this.database = item.index
    else if (item.kind === 'library') yield libraryCommand(item.code, mustReplace)
    else if (item.kind === 'key') {
      const { key, expireAtMs, value } = item
      if (this.selected !== this.database) yield commandOf(['SELECT', String(this.database)])
      this.selected = this.database
      if (mustReplace && value.type !== 'string') yield commandOf(['DEL', key])
      yield* this.valueCommands(key, value)
      if (expireAtMs !== null) yield commandOf(['PEXPIREAT', key, String(expireAtMs)])
    }
  }

  private *valueCommands(key: Bytes, value: RdbValue): Generator<Buffer> {
    switch (value.type) {
      case 'string':
        yield* setCommand(key, value)
        break
      case 'list':
        for (const elements of inPieces(value.elements, lengthOf)) yield commandOf(['RPUSH', key, ...elements])
        break
      case 'set':
        for (const members of inPieces(value.members, lengthOf)) yield commandOf(['SADD', key, ...members])
        break
      case 'sorted-set':
        for (const members of inPieces(value.members, ([member]) => member.length)) {
          yield commandOf(['ZADD', key, ...members.flatMap(([member, score]) => [formatDouble(score), member])])
        }
        break
      case 'hash':
        yield* this.hashCommands(key, value)
        break
      default:
        yield* streamCommands(key, value)
    }
  }

  private *hashCommands(key: Bytes, { fields }: RdbHashValue): Generator<Buffer> {
    for (const piece of inPieces(fields, ([field, content]) => field.length + content.length)) {
      const words = ['HSET', key]
      for (const [field, content] of piece) words.push(field, content)
      yield commandOf(words)
      for (const [field, , deadlineMs] of piece) {
        if (deadlineMs === null) continue
        if (this.options.hasFieldDeadlines) yield commandOf(['HPEXPIREAT', key, String(deadlineMs), 'FIELDS', '1', field])
        else this.lostDeadlineCount++
      }
    }
  }
}

/** Returns the command that loads a library. */
export function libraryCommand(code: Bytes, mustReplace: boolean): Buffer {
  return commandOf(['FUNCTION', 'LOAD', ...(mustReplace ? ['REPLACE'] : []), code])
}

/** Yields SET. The string is never in memory as a whole. */
function* setCommand(key: Bytes, { sizeBytes, pieces }: RdbStringValue): Generator<Buffer> {
  yield Buffer.from(`*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${sizeBytes}\r\n`, 'latin1')
  for (const piece of pieces) yield Buffer.from(piece, 'latin1')
  yield Buffer.from('\r\n')
}

const lengthOf = (element: Bytes): number => element.length

/** Yields elements in the groups that one command has. */
function* inPieces<T>(elements: Iterable<T>, sizeOf: (element: T) => number): Generator<T[]> {
  let piece: T[] = []
  let sizeBytes = 0
  for (const element of elements) {
    piece.push(element)
    sizeBytes += sizeOf(element)
    if (piece.length < MAX_ELEMENTS && sizeBytes < AIM_BYTES) continue
    yield piece
    piece = []
    sizeBytes = 0
  }
  if (piece.length > 0) yield piece
}
