/** The master's view of the connection that a replica speaks on. The server's connections implement it. */
export interface ReplicaConnection {
  /** Never used again for another one. */
  readonly id: number
  readonly remoteIp: string
  /** ip:port */
  readonly address: string
  /** Raw bytes, behind what has been replied so far. They must not change until sent. */
  send(bytes: Buffer): void
  /** Of these, what the socket has not taken. */
  readonly unsentBytes: number
  close(): void
}
