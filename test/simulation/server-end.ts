/**
 * A connection to a simulated server from the server's side: requests in RESP come in, replies and
 * replication's messages go out.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Master } from '../../replication/master/master.ts'
import type { ReplicaConnection } from '../../replication/master/replica-connection.ts'
import type { AckRequest } from '../../replication/protocol/messages.ts'
import {
  type MetaSyncReply,
  metaReply,
  Refusal,
  readBinlogSync,
  readDbSync,
  readInquiry,
  readMetaSync,
  readTrySync,
  type TrySyncReply,
  type TrySyncRequest,
  trySyncReplyWords,
} from '../../replication/protocol/messages.ts'
import { encodedLength, readCommand, writeCommand } from '../../storage/binlog/command-codec.ts'
import type { Socket, SocketEvents } from './network/network.ts'

export interface ServerEndHost {
  /** Null while the data is being loaded. */
  readonly master: Master | null
  wake(): void
  /** Adds a line to the log of the simulation. */
  note(text: string): void
  /** The master has accepted an ack of a replica. */
  onAck(end: ServerEnd, ack: AckRequest): void
  /** The master has refused a replica's request to continue. */
  onFullSync(end: ServerEnd, request: TrySyncRequest, reply: TrySyncReply): void
}

/** The server's end of a simulated connection. */
export class ServerEnd implements ReplicaConnection, SocketEvents {
  readonly id: number
  readonly remoteIp: string
  readonly address: string
  readonly socket: Socket
  /** The epoch of the master's data whose binlog is being streamed; -1 before the stream. */
  streamingEpoch = -1
  /** The offset where the stream began. */
  streamingFrom = 0
  private readonly host: ServerEndHost
  private readonly epoch: () => number
  receivedBytes = 0
  private unread = Buffer.alloc(0)

  constructor(socket: Socket, host: ServerEndHost, epoch: () => number) {
    this.socket = socket
    this.host = host
    this.epoch = epoch
    this.id = socket.id
    this.remoteIp = socket.peer?.party.ip ?? ''
    this.address = `${this.remoteIp}:${10_000 + socket.id}`
  }

  get unsentBytes(): number {
    return this.socket.unsentBytes
  }

  send(bytes: Buffer): void {
    this.socket.send(bytes)
  }

  close(): void {
    this.socket.close()
  }

  connected(): void {}

  drained(): void {
    this.host.wake()
    this.host.master?.drained(this)
  }

  closed(reason: string): void {
    this.host.wake()
    this.host.note(`connection ${this.id} from ${this.remoteIp} has ended: ${reason}`)
    this.host.master?.closed(this)
  }

  data(bytes: Buffer): void {
    this.receivedBytes += bytes.length
    this.unread = Buffer.concat([this.unread, bytes])
    let start = 0
    for (;;) {
      const read = readCommand(this.unread, start, this.unread.length)
      if (read === null) break
      start = read.end
      this.request(read.args)
    }
    this.unread = this.unread.subarray(start)
  }

  private request(words: Bytes[]): void {
    const { host } = this
    const { master } = host
    host.wake()
    if (words[0] !== 'REPLCONF') host.note(`${this.remoteIp} (connection ${this.id}): ${words.join(' ')}`)
    if (master === null) {
      this.refuse('LOADING haypile is loading the dataset in memory')
      return
    }
    try {
      this.dispatch(master, words)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (!(error instanceof Refusal) && code !== 'ENOSPC') throw error
      const text = error instanceof Refusal ? message : `${code} ${message}`
      host.note(`refused connection ${this.id}: ${words[0]}: ${text}`)
      this.refuse(error instanceof Refusal ? text : `ERR internal error: ${message}`)
    }
  }

  private dispatch(master: Master, words: Bytes[]): void {
    switch (words[0]) {
      case 'AUTH':
        this.socket.send(Buffer.from('+OK\r\n'))
        return
      case 'METASYNC': {
        const inquiry = readInquiry(words)
        this.reply(metaReply(inquiry === null ? this.noteMeta(master.metaSync(this, readMetaSync(words))) : master.answerInquiry(inquiry)))
        return
      }
      case 'TRYSYNC':
        this.reply(trySyncReplyWords(this.decideTrySync(readTrySync(words), master)))
        return
      case 'DBSYNC':
        master.dbSync(this, readDbSync(words))
        return
      case 'BINLOGSYNC': {
        const { session, offset } = readBinlogSync(words)
        master.binlogSync(this, session, offset)
        this.streamingEpoch = this.epoch()
        this.streamingFrom = offset
        return
      }
      case 'REPLCONF': {
        const ack = { applied: Number(words[2]), synced: Number(words[4]), asked: Number(words[6]) }
        master.ack(this, ack)
        this.host.onAck(this, ack)
        return
      }
      default:
        throw new Error(`a replica sent ${words.join(' ')}`)
    }
  }

  private noteMeta(meta: MetaSyncReply): MetaSyncReply {
    this.host.note(`meta to connection ${this.id}: session ${meta.session}, id ${meta.replicationId.slice(0, 8)}, end ${meta.binlogEnd}`)
    return meta
  }

  private decideTrySync(request: TrySyncRequest, master: Master): TrySyncReply {
    const reply = master.trySync(this, request)
    if (reply.type === 'full-sync') this.host.onFullSync(this, request, reply)
    const what = reply.type === 'continue' ? `CONTINUE at ${reply.offset}` : `FULLSYNC, ${reply.reason}: ${reply.text}`
    this.host.note(`answer to connection ${this.id}: ${what}`)
    return reply
  }

  private reply(words: Bytes[]): void {
    const buffer = Buffer.alloc(encodedLength(words))
    writeCommand(words, buffer, 0)
    this.socket.send(buffer)
  }

  private refuse(text: string): void {
    this.socket.send(Buffer.from(`-${text}\r\n`, 'latin1'))
  }
}
