/**
 * Turns the binlog into the stream of a Redis replica. After PSYNC the output has the length of the
 * input, so the offsets of the replica are those of the binlog:
 *
 *   a group                     goes out as it is: its head is a PING
 *   a pulse (Storage.pulse)     filler, then REPLCONF GETACK
 *   HPEXPIREAT, HPERSIST        filler: Redis 7.0 has no deadlines of fields. A field ends when the
 *                               master deletes it
 *   PING with a position        as it is: a Redis ignores it (storage/records/upstream.ts)
 *   any other command that Redis 7.0 lacks, RESTORE and FUNCTION RESTORE of a newer payload
 *                               nothing: the stream ends there, and a full sync has the result
 *
 * After SYNC there are no offsets, and the stream has commands alone, as that of a Redis: no group
 * head, no filler, PING for a pulse, and SELECT only where the database changes. Programs that show
 * or forward the stream, such as redis-cli --replica, therefore see nothing of haypile's own.
 *
 * A piece of the binlog may end anywhere. The translator keeps the head of a command that is cut
 * off; what it lets pass is not copied.
 */
import { assert, must } from '../../base/assert.ts'
import { GROUP_HEAD_BYTES, readGroupHead } from '../../storage/binlog/group.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import { filler, GETACK, MIN_FILLER_BYTES } from './filler.ts'
import { deadlinesChangedBy, isKnownToRedis } from './known-commands.ts'

/** The newest version of a RESTORE payload that Redis 7.0 reads. */
const MAX_PAYLOAD_VERSION = 10
/** A RESTORE payload ends in its version, low byte first, and a checksum of 8 bytes. */
const PAYLOAD_END_BYTES = 10
/** The index of the payload among the words of RESTORE and of FUNCTION RESTORE. */
const RESTORE_WORD = 3
const FUNCTION_RESTORE_WORD = 2
/** The newlines that fit before the head of the next group, which is shortened by them. */
const MAX_NEWLINES = GROUP_HEAD_BYTES - GETACK.length - MIN_FILLER_BYTES
/** The limit of `*n $k NAME`: no command has a longer name. */
const MAX_HEAD_BYTES = 128

/** The body of a group that changes nothing, and the heartbeat of a stream without offsets. */
const PULSE_BODY = Buffer.from('*1\r\n$4\r\nPING\r\n')
const MULTI = Buffer.from('*1\r\n$5\r\nMULTI\r\n')

const ASTERISK = 0x2a
const DOLLAR = 0x24
const CR = 0x0d
const ZERO = 0x30
const NOTHING = Buffer.alloc(0)
const LINE_FEED = Buffer.from('\n')

/** A part of the binlog that a Redis 7.0 cannot be sent. */
export class Untranslatable extends Error {
  override readonly name = 'Untranslatable'
}

/** A stream that does not begin at a command: the replica's offset was never one of this binlog. */
export class NoCommand extends Untranslatable {
  constructor() {
    super('no command')
  }
}

/** How deadlines of fields are treated: left out, or reason to end the stream. */
export type Compatibility = ReplicationSettings['psyncCompatibility']

/** The request that began the stream: only that of PSYNC has offsets. */
export type StreamRequest = 'psync' | 'sync'

/** A number in a line of its own, and the offset after the line. */
interface SizeLine {
  readonly value: number
  readonly end: number
}

/** The translation of one replica's stream, from the start of a command on. */
export class StreamTranslator {
  /** Fields whose deadline was set or removed, which the replica was not sent. */
  deadlinesLeftOut = 0
  private readonly compatibility: () => Compatibility
  private readonly hasOffsets: boolean
  /** The database of the next command in the binlog, and the one that the replica has selected. */
  private database = '0'
  private selected = ''
  /** True for a MULTI that goes out after the SELECT of its first command. */
  private isMultiDue = false
  /** The head of a command that was cut off. */
  private carry: Buffer = NOTHING
  private mode: 'pass' | 'replace' = 'pass'
  /** Words of the present command that are still to come. */
  private wordsLeft = 0
  /** The index of the word that is being read. */
  private word = 0
  /** Bytes of the present word, with its line end, that are still to come. */
  private skip = 0
  /** Bytes of the present command that are replaced. */
  private replacedBytes = 0
  /** The index of the word that is a payload; -1 if the present command has none. */
  private payloadWord = -1
  /** The last bytes of that payload. */
  private payloadEnd: Buffer = NOTHING
  /** Newlines sent since the last group. */
  private newlines = 0

  constructor(compatibility: () => Compatibility, request: StreamRequest) {
    this.compatibility = compatibility
    this.hasOffsets = request === 'psync'
  }

  /** Bytes taken and not returned yet. */
  get heldBytes(): number {
    return this.carry.length + this.replacedBytes
  }

  /**
   * Returns a heartbeat to send between two groups; null if no more fit before the next group.
   */
  heartbeat(): Buffer | null {
    if (this.heldBytes > 0 || this.isWithin) return null
    if (!this.hasOffsets) return PULSE_BODY
    if (this.newlines >= MAX_NEWLINES) return null
    this.newlines++
    return LINE_FEED
  }

  /** Translates the next bytes. Throws Untranslatable, and is used up then. */
  push(piece: Buffer): Buffer[] {
    const buffer = this.carry.length === 0 ? piece : Buffer.concat([this.carry, piece])
    const out: Buffer[] = []
    let from = 0
    let at = 0
    for (;;) {
      if (this.isWithin) {
        const end = this.readOn(buffer, at)
        if (this.mode === 'replace') {
          this.replacedBytes += end - at
          from = end
        }
        at = end
        if (this.isWithin) break
        if (this.mode === 'replace') this.endReplaced(out)
        this.mode = 'pass'
        continue
      }
      const head = this.readHead(buffer, at)
      if (head === null) break
      if (this.mode === 'replace' || head.instead !== null) {
        if (at > from) out.push(buffer.subarray(from, at))
        if (head.instead === null) this.replacedBytes = head.end - at
        else out.push(...head.instead)
        from = head.end
      }
      at = head.end
    }
    if (at > from) out.push(buffer.subarray(from, at))
    this.carry = buffer.subarray(at)
    return out
  }

  /** True between the head of a command and its end. */
  private get isWithin(): boolean {
    return this.skip > 0 || this.wordsLeft > 0
  }

  private endReplaced(out: Buffer[]): void {
    if (this.hasOffsets) out.push(...filler(this.replacedBytes))
    this.replacedBytes = 0
  }

  /** Reads words of the present command. Returns where the first byte that is still needed lies. */
  private readOn(buffer: Buffer, start: number): number {
    let at = start
    while (this.isWithin) {
      if (this.skip > 0) {
        const count = Math.min(this.skip, buffer.length - at)
        if (this.word === this.payloadWord) this.watchPayload(buffer.subarray(at, at + count))
        this.skip -= count
        at += count
        if (this.skip > 0) return at
      } else {
        const size = sizeLine(buffer, at, DOLLAR)
        if (size === null) return at
        this.skip = size.value + 2
        this.wordsLeft--
        this.word++
        at = size.end
      }
    }
    return at
  }

  /** Keeps the end of a payload, and checks its version once it is complete. */
  private watchPayload(bytes: Buffer): void {
    const kept = PAYLOAD_END_BYTES + 2
    const joined = Buffer.concat([this.payloadEnd, bytes.subarray(Math.max(0, bytes.length - kept))])
    this.payloadEnd = joined.subarray(Math.max(0, joined.length - kept))
    if (bytes.length < this.skip || this.payloadEnd.length < kept) return
    const version = this.payloadEnd.readUInt16LE(0)
    if (version > MAX_PAYLOAD_VERSION) throw new Untranslatable(`a payload of version ${version}`)
  }

  /**
   * Reads the head of a command, and a group head as a whole. Returns null if it is incomplete.
   * `instead` takes the place of what was read.
   */
  private readHead(buffer: Buffer, at: number): { end: number; instead: Buffer[] | null } | null {
    const count = sizeLine(buffer, at, ASTERISK)
    const size = count === null ? null : sizeLine(buffer, count.end, DOLLAR)
    if (count === null || size === null || size.end + size.value + 2 > buffer.length) {
      if (buffer.length - at > MAX_HEAD_BYTES || (size !== null && size.value > MAX_HEAD_BYTES)) throw new NoCommand()
      return null
    }
    const name = buffer.latin1Slice(size.end, size.end + size.value).toLowerCase()
    const end = size.end + size.value + 2
    if (name === 'ping') {
      const mark = count.value === 2 ? sizeLine(buffer, end, DOLLAR) : undefined
      if (mark === null) return null
      // A group that follows a Redis ends with a shorter text: its position (records/upstream.ts).
      if (mark === undefined || mark.end + mark.value + 2 - at === GROUP_HEAD_BYTES) return this.group(buffer, at)
      if (!this.hasOffsets) this.mode = 'replace'
    } else if (!this.hasOffsets) {
      if (name === 'select') {
        const database = wordAt(buffer, end)
        if (database === null) return null
        this.database = database.word
        return { end: database.end, instead: [] }
      }
      if (name === 'multi') {
        this.isMultiDue = true
        return { end, instead: [] }
      }
      const before = this.dueBefore(name, count.value)
      if (before.length > 0) return { end: at, instead: before }
    }
    this.payloadWord = -1
    if (name === 'restore') this.payloadWord = RESTORE_WORD
    else if (name === 'function') {
      const subcommand = wordAt(buffer, end)
      if (subcommand === null) return null
      if (subcommand.word === 'restore') this.payloadWord = FUNCTION_RESTORE_WORD
    }
    this.payloadEnd = NOTHING
    this.wordsLeft = count.value - 1
    this.word = 0
    const deadlines = deadlinesChangedBy(name, count.value)
    if (deadlines !== null) {
      if (this.compatibility() === 'refuse') throw new Untranslatable(name.toUpperCase())
      this.deadlinesLeftOut += deadlines
      this.mode = 'replace'
    } else if (!isKnownToRedis(name)) throw new Untranslatable(name.toUpperCase())
    return { end, instead: null }
  }

  /** Takes what a stream without offsets has to send before a command: SELECT and MULTI. */
  private dueBefore(name: string, words: number): Buffer[] {
    const due: Buffer[] = []
    if (deadlinesChangedBy(name, words) !== null) return due
    if (this.selected !== this.database && name !== 'exec') {
      this.selected = this.database
      due.push(Buffer.from(`*2\r\n$6\r\nSELECT\r\n$${this.database.length}\r\n${this.database}\r\n`))
    }
    if (this.isMultiDue) due.push(MULTI)
    this.isMultiDue = false
    return due
  }

  /** Reads a group head, and a pulse as a whole. */
  private group(buffer: Buffer, at: number): { end: number; instead: Buffer[] | null } | null {
    if (buffer.length - at < GROUP_HEAD_BYTES) return null
    const header = readGroupHead(buffer, at)
    if (header === undefined) throw new NoCommand()
    const { newlines } = this
    let end = at + GROUP_HEAD_BYTES
    assert(newlines <= MAX_NEWLINES, 'a group head has room for the newlines before it')
    if (header.bodyLength === PULSE_BODY.length) {
      if (buffer.length - end < PULSE_BODY.length) return null
      if (buffer.compare(PULSE_BODY, 0, PULSE_BODY.length, end, end + PULSE_BODY.length) === 0) {
        this.newlines = 0
        end += PULSE_BODY.length
        if (!this.hasOffsets) return { end, instead: [PULSE_BODY] }
        return { end, instead: [...filler(end - at - GETACK.length - newlines), GETACK] }
      }
    }
    this.newlines = 0
    if (!this.hasOffsets) return { end, instead: [] }
    return { end, instead: newlines === 0 ? null : filler(GROUP_HEAD_BYTES - newlines) }
  }
}

/** Returns a word in lower case and the offset after it; null if it goes on after the buffer. */
function wordAt(buffer: Buffer, start: number): { word: string; end: number } | null {
  const size = sizeLine(buffer, start, DOLLAR)
  if (size === null || size.end + size.value + 2 > buffer.length) return null
  const end = size.end + size.value
  return { word: buffer.latin1Slice(size.end, end).toLowerCase(), end: end + 2 }
}

/** Reads `kind number CRLF`. Returns null if it goes on after the buffer. */
function sizeLine(buffer: Buffer, start: number, kind: number): SizeLine | null {
  if (start >= buffer.length) return null
  if (buffer[start] !== kind) throw new NoCommand()
  let value = 0
  for (let at = start + 1; at < buffer.length; at++) {
    const byte = must(buffer[at])
    if (byte === CR) return at + 2 > buffer.length ? null : { value, end: at + 2 }
    const digit = byte - ZERO
    if (!(digit >= 0 && digit <= 9) || value > Number.MAX_SAFE_INTEGER / 16) throw new NoCommand()
    value = value * 10 + digit
  }
  return null
}
