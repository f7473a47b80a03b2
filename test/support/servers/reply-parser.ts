/**
 * Replies of RESP2 and RESP3, parsed as their bytes arrive. Each byte is parsed once, however many
 * chunks an array comes in.
 */
import type { Bytes } from '../../../base/bytes.ts'

/** An error reply, as a value. */
export class WireError {
  readonly text: Bytes

  constructor(text: Bytes) {
    this.text = text
  }
}

/**
 * Bulk and simple strings are Bytes, maps are flat arrays of pairs, nulls null, doubles numbers.
 */
export type WireReply = Bytes | number | boolean | null | WireError | readonly WireReply[]

/** An array that is not complete. */
interface Open {
  readonly replies: WireReply[]
  readonly count: number
}

const CR_LF_LENGTH = 2
/** The length of the format of a verbatim string, with its colon. */
const FORMAT_LENGTH = 4

/** Parses the replies of one connection. */
export class ReplyParser {
  private bytes: Buffer = Buffer.alloc(0)
  private at = 0
  /** Bytes that came after `bytes`. */
  private later: Buffer[] = []
  private laterBytes = 0
  /** The bytes from `at` on that a string needs in order to be complete. */
  private needed = 0
  /** The arrays that the next reply is in, outermost first. */
  private readonly open: Open[] = []

  /** Returns the replies that are complete with these bytes. Throws if they are no valid reply. */
  take(data: Buffer): WireReply[] {
    this.later.push(data)
    this.laterBytes += data.length
    const replies: WireReply[] = []
    if (this.bytes.length - this.at + this.laterBytes < this.needed) return replies
    this.bytes = Buffer.concat([this.bytes.subarray(this.at), ...this.later])
    this.at = 0
    this.later = []
    this.laterBytes = 0
    this.needed = 0
    for (let reply = this.next(); reply !== undefined; reply = this.next()) replies.push(reply)
    return replies
  }

  /** Returns the next complete reply; undefined while a part of it is missing. */
  private next(): WireReply | undefined {
    for (;;) {
      const lineEnd = this.bytes.indexOf('\r\n', this.at)
      if (lineEnd < 0) return undefined
      const type = String.fromCharCode(this.bytes[this.at] ?? 0)
      const line = this.bytes.latin1Slice(this.at + 1, lineEnd)
      const start = lineEnd + CR_LF_LENGTH
      const isArray = '*~>%'.includes(type) && Number(line) >= 0
      if (isArray) {
        this.at = start
        this.open.push({ replies: [], count: Number(line) * (type === '%' ? 2 : 1) })
      } else {
        const reply = '$=!'.includes(type) ? this.bulk(type, Number(line), start) : simple(type, line)
        if (reply === undefined) return undefined
        if (!'$=!'.includes(type)) this.at = start
        if (this.open.length === 0) return reply
        this.open.at(-1)!.replies.push(reply)
      }
      const whole = this.closeComplete()
      if (whole !== undefined) return whole
    }
  }

  /** Moves complete arrays into the arrays around them. Returns the outermost one if complete. */
  private closeComplete(): WireReply | undefined {
    for (let last = this.open.at(-1); last !== undefined && last.replies.length === last.count; last = this.open.at(-1)) {
      this.open.pop()
      const around = this.open.at(-1)
      if (around === undefined) return last.replies
      around.replies.push(last.replies)
    }
    return undefined
  }

  private bulk(type: string, length: number, start: number): WireReply | undefined {
    const end = length < 0 ? start : start + length + CR_LF_LENGTH
    if (end > this.bytes.length) {
      this.needed = end - this.at
      return undefined
    }
    this.at = end
    if (length < 0) return null
    const text = this.bytes.latin1Slice(type === '=' ? start + FORMAT_LENGTH : start, end - CR_LF_LENGTH)
    return type === '!' ? new WireError(text) : text
  }
}

function simple(type: string, line: string): WireReply {
  switch (type) {
    case '+':
    case '(':
      return line
    case '-':
      return new WireError(line)
    case ':':
    case ',':
      return Number(line.replace(/^(-?)inf$/, '$1Infinity'))
    case '#':
      return line === 't'
    case '_':
      return null
    case '*':
    case '~':
    case '>':
    case '%':
      return null
    default:
      throw new Error(`no reply begins with ${JSON.stringify(type + line.slice(0, 80))}`)
  }
}
