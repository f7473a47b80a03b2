/**
 * Encoded replies that have not been sent, in order. A buffer goes through up to three modes:
 *
 *   shared    it holds only messages that other clients get as well: they share one text
 *   plain     it holds other replies: joined text and Buffers
 *   gathering from the first long array of strings on, replies go into regions of the arena
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Message, Reply } from '../../commands/contract/reply.ts'
import { type Piece, ReplyArena } from './reply-arena.ts'
import { encodeMessage, encodeReply, encodeText, type ReplySink } from './reply-encoder.ts'
import { SharedText } from './shared-text.ts'
import { SuspendedReply } from './suspended-reply.ts'

export type Chunks = (Bytes | Buffer)[]

/**
 * Replies of one turn beyond this hold the client until the turn ends. A longer reply is encoded in
 * parts of this size.
 */
export const MAX_TURN_OUTPUT_BYTES = 1024 * 1024
/** Strings of this size or more are not copied into the arena. */
const MIN_LARGE_BYTES = 16 * 1024
/** Strings up to this size are copied byte by byte, which is faster than a call. */
const MAX_SHORT_BYTES = 8
/** Strings between these sizes are joined, up to this many bytes, and copied in one call. */
const MAX_RUN_BYTES = 8 * 1024
/** The bytes between two strings of a run, by the second one's length. */
const BETWEEN = Array.from({ length: 1024 }, (_, length) => `\r\n$${length}\r\n`)
const DOLLAR = 0x24
const ZERO = 0x30
const CR = 0x0d
const LF = 0x0a

const arena = new ReplyArena()
/** The start of a turn's messages, by protocol. */
const ROOTS = { 2: SharedText.root(2), 3: SharedText.root(3) } as const

/** One client's encoded replies that have not been sent. */
export class ReplyBuffer implements ReplySink {
  /** The content, while it consists of messages only. */
  private shared: SharedText | null = null
  /** True in the plain mode: text is joined. */
  private isPlain = true
  private out = ''
  private chunks: Chunks = []
  private chunkBytes = 0
  /** True while text goes into the arena. */
  isGathering = false
  /** Encoded bulk strings that are copied into the arena in one go, without the last line end. */
  private run = ''
  /** Start of this buffer's region at the arena's end; -1 if it has none. */
  private start = -1
  /** The pieces of its regions, one for each. */
  private pieces: Piece[] = []
  /** The rest of a long reply, and what follows it. */
  private rest: SuspendedReply | null = null
  private readonly partBytes: number

  constructor(partBytes: number = MAX_TURN_OUTPUT_BYTES) {
    this.partBytes = partBytes
  }

  /** True once a reply must be encoded in parts. */
  get isFull(): boolean {
    return this.bytes >= this.partBytes
  }

  /** True while a reply is encoded in part only. */
  get isSuspended(): boolean {
    return this.rest !== null
  }

  suspend(replies: readonly Reply[], next: number, resp: 2 | 3): void {
    this.rest ??= new SuspendedReply(resp)
    this.rest.add(replies, next)
  }

  /**
   * Encodes the next part of the suspended reply. The replies after it follow the last part.
   */
  resume(): void {
    const { rest } = this
    this.rest = null
    rest?.encode(this)
  }

  /** Appends text after everything else, including what is not encoded yet. */
  appendLate(part: Bytes): void {
    if (this.rest === null) this.appendText(part)
    else this.rest.appendLate(part)
  }

  /** Bytes of the reply that are not encoded yet. */
  get restBytes(): number {
    return this.rest === null ? 0 : this.rest.bytes
  }

  get bytes(): number {
    const run = this.run.length === 0 ? 0 : this.run.length + 2
    const shared = this.shared === null ? 0 : this.shared.text.length
    return (
      shared + this.out.length + this.chunkBytes + run + (this.rest?.lateBytes ?? 0) + (this.start < 0 ? 0 : arena.position - this.start)
    )
  }

  reply(reply: Reply, resp: 2 | 3): void {
    if (this.rest === null) encodeReply(reply, resp, this)
    else this.rest.appendLate(encodeText(reply, resp))
  }

  appendText(part: Bytes): void {
    if (this.isPlain) this.out += part
    else if (this.isGathering) this.put(part)
    else {
      this.endShared()
      this.out += part
    }
  }

  /**
   * Appends a bulk string. Text that is joined from left to right is copied out in two thirds of
   * the time that text joined reply by reply takes.
   */
  appendBulk(head: Bytes, bytes: Bytes): void {
    if (this.isPlain) this.out = `${this.out}${head}${bytes}\r\n`
    else this.appendText(`${head}${bytes}\r\n`)
  }

  /** Appends a message that other clients may get as well. */
  message(message: Message, resp: 2 | 3): void {
    const { shared } = this
    if (this.rest !== null) this.rest.appendLate(encodeMessage(message, resp))
    else if (shared !== null ? shared.resp === resp : this.isEmpty) {
      this.shared = (shared ?? ROOTS[resp]).followedBy(message)
      this.isPlain = false
    } else this.appendText(encodeMessage(message, resp))
  }

  private get isEmpty(): boolean {
    return this.out.length === 0 && this.chunks.length === 0 && !this.isGathering
  }

  /** Leaves the shared text, since other content follows or it is sent. */
  private endShared(): void {
    const { shared } = this
    if (shared === null) return
    this.shared = null
    this.isPlain = true
    ROOTS[shared.resp].clear()
    const taken = shared.forLocalClient()
    if (typeof taken === 'string') this.out = taken
    else this.push(taken)
  }

  chunk(buffer: Buffer): void {
    this.endShared()
    this.endRegion()
    if (this.out.length > 0) this.push(this.out)
    this.out = ''
    this.push(buffer)
  }

  /** Switches to the arena, since many strings follow. */
  gather(): void {
    if (this.isGathering) return
    this.endShared()
    this.isGathering = true
    this.isPlain = false
    const { out } = this
    this.out = ''
    if (out.length > 0) this.put(out)
  }

  /** Appends a bulk string while the buffer gathers. */
  bulk(bytes: Bytes): void {
    const { length } = bytes
    if (this.run.length > 0) {
      if (length < BETWEEN.length && this.run.length < MAX_RUN_BYTES) {
        this.run += BETWEEN[length] as Bytes // hot: each reply
        this.run += bytes
        return
      }
      this.endRun()
    }
    if (length <= MAX_SHORT_BYTES) this.shortBulk(bytes)
    else if (length < BETWEEN.length) this.run = `$${length}\r\n${bytes}`
    else {
      this.put(`$${length}\r\n`)
      this.put(bytes)
      this.put('\r\n')
    }
  }

  private shortBulk(bytes: Bytes): void {
    const { length } = bytes
    this.reserve(MAX_SHORT_BYTES + 6)
    const { buffer } = arena.piece
    let at = arena.position
    buffer[at++] = DOLLAR
    buffer[at++] = ZERO + length
    buffer[at++] = CR
    buffer[at++] = LF
    for (let i = 0; i < length; i++) buffer[at++] = bytes.charCodeAt(i)
    buffer[at++] = CR
    buffer[at++] = LF
    arena.position = at
  }

  private endRun(): void {
    const { run } = this
    this.run = ''
    this.put(run)
    this.put('\r\n')
  }

  /**
   * Takes everything, in order, to be sent now; the buffer is empty then. To be followed by
   * `releasePieces`.
   */
  drain(): Chunks {
    this.endShared()
    this.endRegion()
    const { chunks } = this
    if (this.out.length > 0) chunks.push(this.out)
    this.out = ''
    this.chunks = []
    this.chunkBytes = 0
    this.isGathering = false
    this.isPlain = true
    return chunks
  }

  /** Releases the pieces of the last `drain` if nothing is unsent; else the socket keeps them. */
  releasePieces(unsentBytes: number): void {
    const { pieces } = this
    if (pieces.length === 0) return
    if (unsentBytes === 0) for (const piece of pieces) arena.release(piece)
    this.pieces = []
  }

  /** Takes everything, to be sent later. */
  takeToKeep(): Chunks {
    const chunks = this.drain()
    this.releasePieces(1)
    return chunks
  }

  /** Ends the region: another buffer appends to the arena, or the next chunk is not in it. */
  endRegion(): void {
    if (this.run.length > 0) this.endRun()
    if (this.start < 0) return
    if (arena.position > this.start) this.push(arena.piece.buffer.subarray(this.start, arena.position))
    this.start = -1
    arena.owner = null
  }

  private put(text: Bytes): void {
    if (this.run.length > 0) this.endRun()
    const { length } = text
    if (length >= MIN_LARGE_BYTES) {
      this.endRegion()
      this.push(text)
      return
    }
    this.reserve(length)
    const { position } = arena
    const { buffer } = arena.piece
    if (length > MAX_SHORT_BYTES * 3) buffer.latin1Write(text, position)
    else for (let i = 0; i < length; i++) buffer[position + i] = text.charCodeAt(i)
    arena.position = position + length
  }

  private push(chunk: Bytes | Buffer): void {
    this.chunkBytes += chunk.length
    this.chunks.push(chunk)
  }

  /** Makes sure that this buffer's region ends the arena, with room for `bytes`. */
  private reserve(bytes: number): void {
    if (this.start >= 0 && arena.position + bytes <= arena.piece.buffer.length) return
    this.endRegion()
    this.pieces.push(arena.beginRegion(this, bytes))
    this.start = arena.position
  }
}

/** The part of a socket that `writeChunks` uses. */
interface ChunkSocket {
  cork(): void
  uncork(): void
  write(text: Bytes, encoding: 'latin1'): unknown
  write(bytes: Buffer): unknown
}

/** Writes chunks to a socket as one. */
export function writeChunks(socket: ChunkSocket, chunks: Chunks, host: { onSent(bytes: number): void }): void {
  if (chunks.length > 1) socket.cork()
  for (const chunk of chunks) {
    host.onSent(chunk.length)
    if (typeof chunk === 'string') socket.write(chunk, 'latin1')
    else socket.write(chunk)
  }
  if (chunks.length > 1) socket.uncork()
}
