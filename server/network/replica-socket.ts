/**
 * The connection of a replica as replication sees it. Binlog bytes go straight to its socket, after
 * the replies.
 */
import type { ReplicaConnection } from '../../replication/master/master.ts'
import type { ClientSocket } from './client-socket.ts'

export interface ReplicaSocketHooks {
  onFed(bytes: number): void
}

/** A replica's connection, for replication to send binlog to. */
export class ReplicaSocket implements ReplicaConnection {
  readonly id: number
  readonly address: string
  readonly remoteIp: string
  private readonly socket: ClientSocket
  private readonly hooks: ReplicaSocketHooks

  constructor(socket: ClientSocket, id: number, address: string, hooks: ReplicaSocketHooks) {
    this.socket = socket
    this.id = id
    this.address = address
    this.remoteIp = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.hooks = hooks
  }

  get unsentBytes(): number {
    return this.socket.writableLength
  }

  get receivedBytes(): number {
    return this.socket.bytesRead
  }

  send(bytes: Buffer): void {
    if (!this.socket.writable) return
    this.hooks.onFed(bytes.length)
    this.socket.write(bytes)
  }

  close(): void {
    this.socket.destroy()
  }
}
