/**
 * A replica driven by hand: a test decides what it sends, in any order, on any number of
 * connections. Received messages are read with the one grammar, and every group of the binlog is
 * checked as a replica must.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { type Chunk, readChunk } from '../../../replication/protocol/chunks.ts'
import {
  binlogSyncWords,
  crcText,
  dbSyncWords,
  FORMAT_VERSION,
  type LinkReply,
  type MetaSyncReply,
  type MetaSyncRequest,
  metaSyncWords,
  readMeta,
  readSnapshotHead,
  readTrySyncReply,
  type SnapshotHead,
  type TrySyncReply,
  type TrySyncRequest,
  trySyncWords,
} from '../../../replication/protocol/messages.ts'
import { GroupStream, type StreamItem } from '../../../replication/replica/group-stream.ts'
import { type BinlogPosition, GROUP_HEAD_BYTES, groupCrc } from '../../../storage/binlog/group.ts'
import { randomHex } from '../../../storage/directory/identity.ts'
import { until } from './running-server.ts'
import { encodeCommand, WireClient, WireError, type WireOptions, type WireReply } from './wire-client.ts'

const START: BinlogPosition = { offset: 0, crc: 0 }

/** A run id, or a replication id, that no server has. */
export const anyId = () => randomHex(Math.random, 40)

/** A replica's identity, which opens connections to a master. */
export class HandReplica {
  readonly runId: string
  /** The port it announces. */
  readonly port: number
  attempt = 0

  constructor(port: number, runId = anyId()) {
    this.port = port
    this.runId = runId
  }

  async connect(options: WireOptions): Promise<HandLink> {
    return new HandLink(this, await WireClient.connect(options))
  }

  /** Its first request; each call counts as a later attempt. */
  introduction(changes: Partial<MetaSyncRequest> = {}): MetaSyncRequest {
    const attempt = changes.attempt ?? ++this.attempt
    return { ip: '', port: this.port, runId: this.runId, version: FORMAT_VERSION, isFailover: false, ...changes, attempt }
  }

  /** Opens a connection up to a session. */
  async attach(port: number, changes: Partial<MetaSyncRequest> = {}): Promise<HandLink> {
    const link = await this.connect({ port })
    await link.metaSync(changes)
    return link
  }
}

/** One connection to the master. */
export class HandLink {
  readonly client: WireClient
  /** The session from METASYNC. */
  session = 0
  meta: MetaSyncReply | null = null
  /** The binlog received, whole groups only. */
  binlog: Buffer[] = []
  /** All bytes received after BINLOGSYNC. */
  raw = ''
  /** The reason the stream ended; null while it has not. */
  ending: string | null = null
  /** The number of ACK requests received. */
  asked = 0
  position: BinlogPosition = START
  private readonly replica: HandReplica

  constructor(replica: HandReplica, client: WireClient) {
    this.replica = replica
    this.client = client
  }

  call(...words: readonly (Bytes | number)[]): Promise<WireReply> {
    return this.client.call(...words)
  }

  /** Sends METASYNC. Returns the raw reply. */
  sayMetaSync(changes: Partial<MetaSyncRequest> = {}): Promise<WireReply> {
    return this.call(...metaSyncWords(this.replica.introduction(changes)))
  }

  /** Throws if it is refused. */
  async metaSync(changes: Partial<MetaSyncRequest> = {}): Promise<MetaSyncReply> {
    const meta = readMeta(accepted(await this.sayMetaSync(changes)))
    this.meta = meta
    this.session = meta.session
    return meta
  }

  sayTrySync(changes: Partial<TrySyncRequest> = {}): Promise<WireReply> {
    const id = this.meta?.replicationId ?? anyId()
    return this.call(...trySyncWords({ session: this.session, replicationIds: [id], ...START, isFailover: false, ...changes }))
  }

  /** By default asks for the master's history from its beginning. Throws if it is refused. */
  async trySync(changes: Partial<TrySyncRequest> = {}): Promise<TrySyncReply> {
    return readTrySyncReply(accepted(await this.sayTrySync(changes)))
  }

  /** Sends DBSYNC and reads the head. Throws if it is refused. */
  async dbSync(snapshot: string | null = null, after: string | null = null): Promise<SnapshotHead> {
    let reply = await this.call(...dbSyncWords({ session: this.session, snapshot, after }))
    while (reply === 'WAIT') reply = await this.client.reply()
    return readSnapshotHead(accepted(reply))
  }

  /** Reads the next chunk. Throws any other message of the master. */
  async chunk(): Promise<Chunk> {
    for (;;) {
      const reply = accepted(await this.client.reply())
      if (reply !== 'WAIT') return readChunk(Buffer.from(reply as string, 'latin1'))
    }
  }

  /** Starts the binlog stream. */
  binlogSync(from: BinlogPosition = START, session = this.session): void {
    const { socket } = this.client
    const stream = new GroupStream(from.offset)
    this.position = from
    socket.removeAllListeners('data')
    socket.on('data', (data: Buffer) => {
      this.raw += data.latin1Slice()
      for (const item of stream.push(Buffer.from(data))) this.take(item)
    })
    this.client.raw(encodeCommand(...binlogSyncWords(session, from.offset)))
  }

  ack(applied = this.position.offset, synced = applied): void {
    this.client.raw(encodeCommand('REPLCONF', 'ACK', applied, 'FACK', synced))
  }

  /** Follows the master from the beginning of its binlog. */
  async follow(): Promise<void> {
    const reply = await this.trySync()
    if (reply.type !== 'continue') throw new Error(`TRYSYNC was answered ${JSON.stringify(reply)}`)
    this.binlogSync()
  }

  /** Waits until the binlog has reached an offset. */
  received(offset: number): Promise<void> {
    return until(`the binlog up to ${offset}`, () => this.position.offset >= offset)
  }

  close(): Promise<void> {
    return this.client.close()
  }

  private take(item: StreamItem): void {
    if (item.type === 'asked') this.asked++
    else if (item.type === 'ended') this.ending = item.text
    else if (item.type === 'bad') throw new Error(`the binlog is malformed: ${item.reason}`)
    else {
      const { bytes, headers, bodies } = item.batch
      this.binlog.push(bytes)
      let at = 0
      for (const [i, header] of headers.entries()) {
        const { offset, crc } = this.position
        if (header.offset !== offset || header.before !== crc)
          throw new Error(`the group at ${header.offset} does not follow on ${offset}, ${crcText(crc)}`)
        const body = bodies[i] as Buffer
        if (groupCrc(bytes.subarray(at, at + GROUP_HEAD_BYTES), body, crc) !== header.crc) throw new Error(`wrong CRC at ${offset}`)
        at += GROUP_HEAD_BYTES + body.length
        this.position = { offset: offset + GROUP_HEAD_BYTES + body.length, crc: header.crc }
      }
    }
  }
}

function accepted(reply: WireReply): LinkReply {
  if (reply instanceof WireError) throw new Error(reply.text)
  return reply as LinkReply
}
