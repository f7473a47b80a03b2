/**
 * The connection of a replica as the master sees it. The connections of the server implement it.
 */
export interface ReplicaConnection {
  /** Unique: never reused for another connection. */
  readonly id: number
  readonly remoteIp: string
  /** ip:port */
  readonly address: string
  /**
   * Sends raw bytes after the replies so far. REQUIRES: the bytes do not change until they are
   * sent.
   */
  send(bytes: Buffer): void
  /** Bytes given to `send` that the socket has not sent yet. */
  readonly unsentBytes: number
  /** All bytes received so far. */
  readonly receivedBytes: number
  close(): void
}
