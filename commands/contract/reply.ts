/**
 * A command's answer as a value; commands never see a socket. `server/protocol/reply-encoder.ts`
 * writes it as RESP2 or RESP3.
 *
 *   Bytes, Buffer, Buffer[] in BulkChunks   bulk string
 *   number, bigint                          integer
 *   null                                    nil
 *   boolean                                 RESP3 boolean, RESP2 :1 / :0
 *   array                                   array
 *   the classes below                       all other types
 */
import type { Bytes } from '../../base/bytes.ts'

export type Reply =
  | Bytes
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | readonly Reply[]
  | SimpleString
  | ErrorReply
  | Double
  | WrittenDouble
  | MapReply
  | SetReply
  | Push
  | Message
  | Verbatim
  | BulkChunks
  | NullArray
  | NoReply
  | BigNumber
  | Attributes
  | Sequence

/** A RESP simple string: one line of text, such as OK. */
export class SimpleString {
  readonly text: Bytes

  constructor(text: Bytes) {
    this.text = text
  }
}

/**
 * An error as a reply. A run function returns it inside a larger reply only. If the whole command
 * fails, it throws a ClientError, and the executor answers with an ErrorReply.
 */
export class ErrorReply {
  readonly text: Bytes

  constructor(text: Bytes) {
    this.text = text
  }
}

/** A RESP3 double; in RESP2 a bulk string of the same digits. */
export class Double {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/** A RESP3 double shown with exactly these digits; in RESP2 a bulk string of them. */
export class WrittenDouble {
  readonly digits: Bytes

  constructor(digits: Bytes) {
    this.digits = digits
  }
}

/** A flat list of keys and values: a RESP3 map; in RESP2 the flat array. */
export class MapReply {
  readonly flat: readonly Reply[]

  constructor(flat: readonly Reply[]) {
    this.flat = flat
  }
}

/** A RESP3 set; in RESP2 an array. */
export class SetReply {
  readonly members: readonly Reply[]

  constructor(members: readonly Reply[]) {
    this.members = members
  }
}

/** A RESP3 push; in RESP2 an array. */
export class Push {
  readonly items: readonly Reply[]

  constructor(items: readonly Reply[]) {
    this.items = items
  }
}

/** A push that goes to many clients: the encoder keeps its encoded form. */
export class Message {
  readonly items: readonly Reply[]
  /** The encoder's cached bytes, one for each protocol. */
  asResp2: Bytes | null = null
  asResp3: Bytes | null = null

  constructor(items: readonly Reply[]) {
    this.items = items
  }
}

/** A RESP3 verbatim string of a three-letter format; in RESP2 a bulk string. */
export class Verbatim {
  readonly format: 'txt' | 'mkd'
  readonly text: Bytes

  constructor(format: 'txt' | 'mkd', text: Bytes) {
    this.format = format
    this.text = text
  }
}

/** A bulk string in pieces, `length` bytes in all, as a rope answers it. */
export class BulkChunks {
  readonly length: number
  readonly chunks: readonly Buffer[]

  constructor(length: number, chunks: readonly Buffer[]) {
    this.length = length
    this.chunks = chunks
  }
}

/** A RESP3 big number in decimal digits; in RESP2 a bulk string of them. */
export class BigNumber {
  readonly digits: Bytes

  constructor(digits: Bytes) {
    this.digits = digits
  }
}

/**
 * A flat list of names and values that describe the next reply of a Sequence. RESP2 has no
 * attributes, so nothing is sent.
 */
export class Attributes {
  readonly flat: readonly Reply[]

  constructor(flat: readonly Reply[]) {
    this.flat = flat
  }
}

/** One reply, after the pushes and attributes that go out of band before it. */
export class Sequence {
  readonly parts: readonly Reply[]

  constructor(parts: readonly Reply[]) {
    this.parts = parts
  }
}

/** `*-1` in RESP2, `_` in RESP3. */
export class NullArray {
  readonly kind = 'null-array'
}

/** Nothing is sent now: the command answers later by itself, or never. */
export class NoReply {
  readonly kind = 'no-reply'
}

export const OK = new SimpleString('OK')
export const PONG = new SimpleString('PONG')
export const NULL_ARRAY = new NullArray()
export const NO_REPLY = new NoReply()

/** The reply of a run function that has blocked its client. */
export const BLOCKED = new NoReply()

/** The reply of a run function whose unit continues in later turns. */
export const SUSPENDED = new NoReply()
