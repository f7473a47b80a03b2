/** A connection that this node opens to another one, as an interface: `dial` and what it gives. */
import type { Bytes } from '../../base/bytes.ts'

/** A connection that is open or being opened. */
export interface Wire {
  send(data: Bytes | Buffer): void
  /** Stops reading until `resume`. Some data may still arrive. */
  pause(): void
  resume(): void
  close(): void
}

/** No event comes before `dial` returns or after `close`. */
export interface WireEvents {
  onConnected(): void
  /** The receiver owns the buffer. */
  onData(buffer: Buffer): void
  onClosed(reason: string): void
}

export type Dial = (host: string, port: number, events: WireEvents) => Wire
