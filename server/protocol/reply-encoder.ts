/**
 * Writes reply values as RESP2 or RESP3, byte for byte as Redis does. Text parts are latin1
 * strings, which the connection joins. Buffers are sent as they are and must not change until sent.
 */
import type { Bytes } from '../../base/bytes.ts'
import {
  Attributes,
  BigNumber,
  BulkChunks,
  Double,
  ErrorReply,
  MapReply,
  Message,
  NoReply,
  NullArray,
  OK,
  Push,
  type Reply,
  Sequence,
  SetReply,
  SimpleString,
  Verbatim,
  WrittenDouble,
} from '../../commands/contract/reply.ts'
import { formatDouble } from '../../commands/parsing/format-double.ts'

export { formatDouble }

/** Receives encoded bytes, in order. */
export interface ReplySink {
  /** True after `gather`: many strings follow, and they go through `bulk`. */
  readonly isGathering: boolean
  gather(): void
  bulk(bytes: Bytes): void
  appendText(part: Bytes): void
  /** Appends a bulk string that is not an element of an array. `head` is its first line. */
  appendBulk(head: Bytes, bytes: Bytes): void
  chunk(buffer: Buffer): void
  /**
   * True if the sink takes no more for now: the rest of an array is handed over by `suspend`, from
   * the innermost array outwards.
   */
  readonly isFull: boolean
  readonly isSuspended: boolean
  suspend(replies: readonly Reply[], next: number, resp: 2 | 3): void
}

/** Arrays of at least this many replies are gathered. */
const MIN_GATHERED_REPLIES = 8

/** An array asks whether the sink is full each time its elements have taken this many bytes. */
const ASK_EVERY_BYTES = 16 * 1024
/** An element counts for this much beside its bytes. */
const ELEMENT_BYTES = 16

const PREPARED_NUMBERS = 1024
const heads = (kind: string) => Array.from({ length: PREPARED_NUMBERS }, (_, number) => `${kind}${number}\r\n`)
const INTEGERS = heads(':')
const BULK_HEADS = heads('$')
const ARRAY_HEADS = heads('*')

const bulkHead = (length: number): Bytes => BULK_HEADS[length] ?? `$${length}\r\n`
const arrayHead = (length: number): Bytes => ARRAY_HEADS[length] ?? `*${length}\r\n`
const bulk = (bytes: Bytes): Bytes => `${bulkHead(bytes.length)}${bytes}\r\n`

/**
 * Encodes an error. As in Redis, a blank replaces each CR and LF, so that the error stays one line.
 */
export function encodeError(text: Bytes): Bytes {
  return `-${text.replace(/[\r\n]/g, ' ')}\r\n`
}

/** Writes one reply. REQUIRES: a number is an integer; others are a Double. */
export function encodeReply(reply: Reply, resp: 2 | 3, out: ReplySink): void {
  if (typeof reply === 'string') {
    out.appendBulk(bulkHead(reply.length), reply)
  } else if (typeof reply === 'number') {
    out.appendText(INTEGERS[reply] ?? integer(reply))
  } else if (reply instanceof SimpleString) {
    out.appendText(reply === OK ? '+OK\r\n' : `+${reply.text}\r\n`)
  } else if (reply === null) {
    out.appendText(resp === 3 ? '_\r\n' : '$-1\r\n')
  } else if (Array.isArray(reply)) {
    encodeAll(arrayHead(reply.length), reply, resp, out)
  } else {
    encodeRare(reply as RareReply, resp, out)
  }
}

type RareReply = Exclude<Reply, Bytes | number | null | SimpleString | readonly Reply[]>

function encodeRare(reply: RareReply, resp: 2 | 3, out: ReplySink): void {
  if (typeof reply === 'bigint') {
    out.appendText(`:${reply}\r\n`)
  } else if (typeof reply === 'boolean') {
    if (resp === 3) out.appendText(reply ? '#t\r\n' : '#f\r\n')
    else out.appendText(reply ? ':1\r\n' : ':0\r\n')
  } else if (reply instanceof MapReply) {
    const { flat } = reply
    if (flat.length % 2 !== 0) throw new Error('a map reply has a key without a value')
    encodeAll(resp === 3 ? `%${flat.length / 2}\r\n` : arrayHead(flat.length), flat, resp, out)
  } else if (reply instanceof SetReply) {
    encodeAll(resp === 3 ? `~${reply.members.length}\r\n` : arrayHead(reply.members.length), reply.members, resp, out)
  } else if (reply instanceof Push) {
    encodeAll(resp === 3 ? `>${reply.items.length}\r\n` : arrayHead(reply.items.length), reply.items, resp, out)
  } else if (reply instanceof Message) {
    out.appendText(encodeMessage(reply, resp))
  } else if (reply instanceof Double) {
    const digits = formatDouble(reply.value)
    out.appendText(resp === 3 ? `,${digits}\r\n` : bulk(digits))
  } else if (reply instanceof WrittenDouble) {
    out.appendText(resp === 3 ? `,${reply.digits}\r\n` : bulk(reply.digits))
  } else if (reply instanceof ErrorReply) {
    out.appendText(encodeError(reply.text))
  } else if (reply instanceof Verbatim) {
    out.appendText(resp === 3 ? `=${reply.text.length + 4}\r\n${reply.format}:${reply.text}\r\n` : bulk(reply.text))
  } else if (reply instanceof BulkChunks) {
    encodeChunks(reply.length, reply.chunks, out)
  } else if (reply instanceof NullArray) {
    out.appendText(resp === 3 ? '_\r\n' : '*-1\r\n')
  } else if (reply instanceof BigNumber) {
    out.appendText(resp === 3 ? `(${reply.digits}\r\n` : bulk(reply.digits))
  } else if (reply instanceof Attributes) {
    if (resp === 3) encodeAll(`|${reply.flat.length / 2}\r\n`, reply.flat, resp, out)
  } else if (reply instanceof Sequence) {
    encodeAll('', reply.parts, resp, out)
  } else if (!(reply instanceof NoReply)) {
    encodeChunks(reply.length, [reply], out)
  }
}

/** Encodes a message once for all clients that get it in one protocol. */
export function encodeMessage(message: Message, resp: 2 | 3): Bytes {
  if (resp === 3) {
    message.asResp3 ??= encodeItems(`>${message.items.length}\r\n`, message.items, 3)
    return message.asResp3
  }
  message.asResp2 ??= encodeItems(arrayHead(message.items.length), message.items, 2)
  return message.asResp2
}

/** Returns a whole reply as text. */
export function encodeText(reply: Reply, resp: 2 | 3): Bytes {
  const sink = new TextSink()
  encodeReply(reply, resp, sink)
  return sink.out
}

function encodeItems(head: Bytes, items: readonly Reply[], resp: 2 | 3): Bytes {
  let text = head
  for (const item of items) {
    if (typeof item === 'string') text += bulk(item)
    else text += encodeText(item, resp)
  }
  return text
}

/** Returns the encoded size of an array's elements from an index on. */
export function encodedBytesFrom(replies: readonly Reply[], from: number, resp: 2 | 3): number {
  const sink = new CountingSink()
  encodeFrom(replies, from, resp, sink)
  return sink.bytes
}

/** Counts the bytes written to it. */
class CountingSink implements ReplySink {
  readonly isGathering = true
  readonly isFull = false
  readonly isSuspended = false
  bytes = 0

  gather(): void {}

  suspend(): void {}

  bulk(bytes: Bytes): void {
    this.bytes += bulkHead(bytes.length).length + bytes.length + 2
  }

  appendText(part: Bytes): void {
    this.bytes += part.length
  }

  appendBulk(head: Bytes, bytes: Bytes): void {
    this.bytes += head.length + bytes.length + 2
  }

  chunk(buffer: Buffer): void {
    this.bytes += buffer.length
  }
}

/** Joins the parts written to it. */
class TextSink implements ReplySink {
  readonly isGathering = false
  readonly isFull = false
  readonly isSuspended = false
  out = ''

  gather(): void {}

  suspend(): void {}

  bulk(bytes: Bytes): void {
    this.out += bulk(bytes)
  }

  appendText(part: Bytes): void {
    this.out += part
  }

  appendBulk(head: Bytes, bytes: Bytes): void {
    this.out += `${head}${bytes}\r\n`
  }

  chunk(buffer: Buffer): void {
    this.out += buffer.latin1Slice()
  }
}

function encodeAll(head: Bytes, replies: readonly Reply[], resp: 2 | 3, out: ReplySink): void {
  if (replies.length >= MIN_GATHERED_REPLIES) out.gather()
  out.appendText(head)
  encodeFrom(replies, 0, resp, out)
}

/** Writes an array's elements from an index on, until the sink is full. */
export function encodeFrom(replies: readonly Reply[], from: number, resp: 2 | 3, out: ReplySink): void {
  const { isGathering } = out
  let bytes = 0
  for (let index = from; index < replies.length; index++) {
    const reply = replies[index] as Reply
    if (typeof reply === 'string') {
      if (isGathering) out.bulk(reply)
      else out.appendText(bulk(reply))
      bytes += reply.length + ELEMENT_BYTES
    } else {
      encodeReply(reply, resp, out)
      bytes += typeof reply === 'object' ? ASK_EVERY_BYTES : ELEMENT_BYTES
    }
    if (bytes < ASK_EVERY_BYTES) continue
    bytes = 0
    if (index + 1 < replies.length && (out.isSuspended || out.isFull)) {
      out.suspend(replies, index + 1, resp)
      return
    }
  }
}

function encodeChunks(length: number, chunks: readonly Buffer[], out: ReplySink): void {
  let total = 0
  for (const chunk of chunks) total += chunk.length
  if (total !== length) throw new Error(`a bulk reply of ${length} bytes has chunks of ${total}`)
  out.appendText(bulkHead(length))
  for (const chunk of chunks) if (chunk.length > 0) out.chunk(chunk)
  out.appendText('\r\n')
}

function integer(value: number): Bytes {
  if (!Number.isSafeInteger(value)) throw new Error(`not an integer reply: ${value}`)
  return `:${value}\r\n`
}
