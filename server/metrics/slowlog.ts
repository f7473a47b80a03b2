/**
 * The last slow commands, for SLOWLOG. At most slowlog-max-len entries of at most 32 words of 128
 * bytes.
 */
import { type Bytes, detached } from '../../base/bytes.ts'
import type { SlowlogEntry, SlowlogPort } from '../../commands/contract/ports.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { Config } from '../config/config.ts'
import { redacted } from '../logging/redact.ts'

const MAX_WORDS = 32
const MAX_WORD_BYTES = 128

/** The entries of SLOWLOG, the newest first. */
export class Slowlog implements SlowlogPort {
  /** Commands that take at least this long are recorded; infinite records none. */
  thresholdMicros = Number.POSITIVE_INFINITY
  private maxLength = 0
  private nextId = 0
  /**
   * Oldest first, from `start` on. Entries before `start` are dropped, and cut off now and then.
   */
  private entries: (SlowlogEntry | null)[] = []
  private start = 0

  constructor(config: Config) {
    config.observe('slowlog-log-slower-than', (micros) => {
      this.thresholdMicros = micros < 0 ? Number.POSITIVE_INFINITY : micros
    })
    config.observe('slowlog-max-len', (length) => {
      this.maxLength = length
    })
  }

  get length(): number {
    return this.entries.length - this.start
  }

  /** Records a command if it took long enough. `atMs` is the wall time, ms. */
  record(args: readonly Bytes[], durationMicros: number, session: Session, atMs: number): void {
    if (durationMicros < this.thresholdMicros) return
    this.entries.push({
      id: this.nextId++,
      atSeconds: Math.floor(atMs / 1000),
      durationMicros: Math.round(durationMicros),
      args: trimmed(redacted(args)),
      address: session.address,
      clientName: session.name,
    })
    while (this.length > this.maxLength) this.entries[this.start++] = null
    if (this.start > 64 && this.start * 2 > this.entries.length) {
      this.entries = this.entries.slice(this.start)
      this.start = 0
    }
  }

  newest(count: number): SlowlogEntry[] {
    const from = Math.max(this.start, this.entries.length - count)
    return (this.entries.slice(from) as SlowlogEntry[]).reverse()
  }

  reset(): void {
    this.entries = []
    this.start = 0
  }
}

/** Returns the words of a request that the log keeps. */
function trimmed(args: readonly Bytes[]): Bytes[] {
  if (args.length <= MAX_WORDS) return args.map(trimmedWord)
  return [...args.slice(0, MAX_WORDS - 1).map(trimmedWord), `... (${args.length - MAX_WORDS + 1} more arguments)`]
}

function trimmedWord(word: Bytes): Bytes {
  if (word.length <= MAX_WORD_BYTES) return word
  return detached(`${word.slice(0, MAX_WORD_BYTES)}... (${word.length - MAX_WORD_BYTES} more bytes)`)
}
