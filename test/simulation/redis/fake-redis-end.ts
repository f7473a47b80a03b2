/** A replica's connection to the simulated Redis, from the side of the Redis. */
import type { Bytes } from '../../../base/bytes.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { randomHex } from '../../../storage/directory/identity.ts'
import type { Socket, SocketEvents } from '../network/network.ts'
import type { FakeRedis, RdbFault } from './fake-redis.ts'

const NEWLINE = Buffer.from('\n')
const NEWLINE_EVERY_MS = 300
/** As repl-timeout of a Redis: a replica that sends nothing for this time is closed. */
const REPLICA_TIMEOUT_MS = 3000
/** Bytes of the RDB that one tick sends. */
const MAX_PIECE_BYTES = 2000

interface Transfer {
  readonly offset: number
  readonly bytes: Buffer
  readonly beginsMs: number
  readonly isMarked: boolean
  readonly fault: RdbFault | null
  sent: number
}

/** One connection of a replica to the simulated Redis. */
export class FakeRedisEnd implements SocketEvents {
  /** The offset of the last acknowledgement. */
  applied = 0
  private readonly redis: FakeRedis
  private readonly socket: Socket
  private unread = Buffer.alloc(0)
  private isAuthenticated: boolean
  private canReadMark = false
  private transfer: Transfer | null = null
  /** The RDB is sent, and the stream waits for the first ACK. */
  private isAckAwaited = false
  /** The stream goes on after this offset; -1 before it. */
  private streamOffset = -1
  private sentMs = 0
  private isSilent = false
  private heardMs: number

  constructor(redis: FakeRedis, socket: Socket) {
    this.redis = redis
    this.socket = socket
    this.isAuthenticated = redis.host.password === ''
    this.heardMs = redis.host.network.schedule.nowMs
  }

  get isOpen(): boolean {
    return this.socket.isOpen
  }

  get isOnline(): boolean {
    return this.isOpen && this.streamOffset >= 0
  }

  connected(): void {}
  drained(): void {}
  closed(): void {
    this.transfer = null
  }

  close(): void {
    this.socket.close()
  }

  data(bytes: Buffer): void {
    this.heardMs = this.redis.host.network.schedule.nowMs
    this.unread = Buffer.concat([this.unread, bytes])
    for (;;) {
      if (this.unread[0] === NEWLINE[0]) {
        this.unread = this.unread.subarray(1) // a heartbeat
        continue
      }
      const read = readCommand(this.unread, 0, this.unread.length)
      if (read === null) return
      this.unread = this.unread.subarray(read.end)
      try {
        this.request(read.args)
      } catch (error) {
        this.redis.host.fail(error)
      }
    }
  }

  /** Sends bytes of the stream. */
  feed(bytes: Buffer): void {
    if (!this.isOnline || this.isSilent) return
    this.socket.send(bytes)
    this.streamOffset += bytes.length
  }

  tick(nowMs: number): void {
    const { transfer } = this
    if (this.isOnline && nowMs - this.heardMs > REPLICA_TIMEOUT_MS) this.close()
    if (transfer === null || this.isSilent) return
    if (nowMs < transfer.beginsMs) {
      if (nowMs - this.sentMs >= NEWLINE_EVERY_MS) {
        this.sentMs = nowMs
        this.socket.send(NEWLINE)
      }
    } else this.sendPiece(transfer)
  }

  private sendPiece(transfer: Transfer): void {
    const piece = transfer.bytes.subarray(transfer.sent, transfer.sent + MAX_PIECE_BYTES)
    this.socket.send(piece)
    transfer.sent += piece.length
    const isHalf = transfer.sent * 2 >= transfer.bytes.length
    if (transfer.fault === 'cut' && isHalf) this.close()
    else if (transfer.fault === 'silent' && isHalf) this.isSilent = true
    else if (transfer.sent === transfer.bytes.length) this.transferred(transfer)
  }

  private transferred({ offset, isMarked }: Transfer): void {
    this.transfer = null
    if (isMarked) this.isAckAwaited = true
    else this.beginStream(offset)
    this.streamFrom = offset
  }

  private streamFrom = 0

  private beginStream(offset: number): void {
    const rest = this.redis.streamAfter(offset)
    if (rest === null) {
      this.close() // the backlog is gone: a Redis would have kept the replica's own buffer
      return
    }
    this.streamOffset = offset
    if (rest.length > 0) this.feed(rest)
  }

  private request(words: Bytes[]): void {
    const { redis } = this
    const name = words[0]?.toUpperCase() ?? ''
    if (name !== 'REPLCONF' || words[1] !== 'ACK') redis.host.note(`the Redis is sent ${words.join(' ')} by ${this.socket.peer?.party.ip}`)
    if (name === 'REPLCONF' && words[1]?.toUpperCase() === 'ACK') {
      this.acknowledged(words)
      return
    }
    if (this.isOnline || this.transfer !== null || this.isAckAwaited) throw new Error(`a replica sent ${words.join(' ')} in its stream`)
    this.socket.send(Buffer.from(this.answer(name, words), 'latin1'))
    if (this.pending !== null) this.startSending(this.pending)
    this.pending = null
  }

  /** Sent after the answer to PSYNC. */
  private pending: 'full' | number | null = null

  private answer(name: string, words: Bytes[]): string {
    const { redis } = this
    if (name === 'METASYNC') return `-ERR unknown command 'METASYNC', with args beginning with: \r\n`
    if (name === 'AUTH') {
      this.isAuthenticated = words.at(-1) === redis.host.password
      return this.isAuthenticated ? '+OK\r\n' : '-WRONGPASS invalid username-password pair or user is disabled.\r\n'
    }
    if (!this.isAuthenticated) return '-NOAUTH Authentication required.\r\n'
    if (redis.refusal !== null && (name === 'PSYNC' || redis.refusal.startsWith('LOADING'))) return `-${redis.refusal}\r\n`
    if (name === 'PING') return '+PONG\r\n'
    if (name === 'REPLCONF') {
      if (words.includes('eof')) this.canReadMark = true
      return '+OK\r\n'
    }
    if (name === 'PSYNC') return this.psync(words[1] ?? '', Number(words[2]) - 1)
    return `-ERR unknown command '${name}'\r\n`
  }

  private psync(id: Bytes, offset: number): string {
    const { redis } = this
    if (!redis.continues(id, offset)) {
      this.pending = 'full'
      return ''
    }
    this.pending = offset
    const mayBeShort = id === redis.replicationId && redis.host.chance.random() < 0.3
    return mayBeShort ? '+CONTINUE\r\n' : `+CONTINUE ${redis.replicationId}\r\n`
  }

  private startSending(what: 'full' | number): void {
    const { redis } = this
    if (what !== 'full') {
      this.beginStream(what)
      return
    }
    const { chance, network } = redis.host
    const { replicationId, offset, rdb } = redis.snapshot()
    const fault = redis.spoiled.shift() ?? null
    const isMarked = this.canReadMark && chance.random() < 0.6
    const beginsMs = network.schedule.nowMs + chance.random() * chance.pick([50, 1500])
    this.socket.send(Buffer.from(`+FULLRESYNC ${replicationId} ${offset}\r\n`))
    redis.host.note(`the Redis begins a full sync at ${offset}${fault === null ? '' : `, which is spoiled: ${fault}`}`)
    this.transfer = { offset, bytes: this.framed(rdb, isMarked, fault), beginsMs, isMarked, fault, sent: 0 }
  }

  /** The RDB with its head and its mark, with the fault in it. */
  private framed(rdb: Buffer, isMarked: boolean, fault: RdbFault | null): Buffer {
    const { chance } = this.redis.host
    const bytes = Buffer.from(rdb)
    if (fault === 'bit') {
      const at = chance.integer(bytes.length)
      bytes[at] = (bytes[at] as number) ^ (1 << chance.integer(8))
    }
    const content = fault === 'module' ? Buffer.concat([rdb.subarray(0, 9), Buffer.from([7, 3, 0x6b, 0x65, 0x79]), rdb.subarray(9)]) : bytes
    const mark = randomHex(chance.random, 40)
    const shown = fault === 'short' ? content.subarray(0, content.length - 1 - chance.integer(8)) : content
    if (!isMarked) return Buffer.concat([Buffer.from(`$${content.length}\r\n`), shown])
    const end = fault === 'mark' ? randomHex(chance.random, 40) : mark
    return Buffer.concat([Buffer.from(`$EOF:${mark}\r\n`), shown, Buffer.from(end)])
  }

  private acknowledged(words: readonly Bytes[]): void {
    const { redis } = this
    const applied = Number(words[2])
    const synced = words[3] === 'FACK' ? Number(words[4]) : null
    if (this.isAckAwaited) {
      this.isAckAwaited = false
      this.beginStream(this.streamFrom)
    }
    if (!this.isOnline) return
    if (!Number.isSafeInteger(applied) || applied > this.streamOffset)
      throw new Error(`a replica acknowledges ${applied} of ${this.streamOffset}`)
    if (synced !== null && synced > applied) throw new Error(`a replica acknowledges ${synced} as durable and ${applied} as applied`)
    this.applied = Math.max(this.applied, applied)
    redis.host.onAck(this.socket.peer?.party.ip ?? '', { replicationId: redis.replicationId, applied, synced })
  }
}
