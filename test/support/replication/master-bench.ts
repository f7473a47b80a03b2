/**
 * The master's side of replication on a simulated disk, driven turn by turn, with connections that
 * keep what they are sent:
 *
 *   const bench = await MasterBench.open()
 *   const replica = bench.connect()
 *   const { session } = bench.metaSync(replica)
 */
import { Master, type ReplicaConnection } from '../../../replication/master/master.ts'
import {
  type AckRequest,
  FORMAT_VERSION,
  type MetaSyncReply,
  type MetaSyncRequest,
  Refusal,
  type TrySyncReply,
} from '../../../replication/protocol/messages.ts'
import { defaultReplicationSettings, type ReplicationSettings } from '../../../replication/protocol/settings.ts'
import type { BinlogPosition } from '../../../storage/binlog/group.ts'
import { fromSeed } from '../generators/seed.ts'
import { Disk, Engine, type EngineOptions } from '../harness/engine.ts'
import { ManualClock } from '../harness/manual-clock.ts'

export const OWN_RUN_ID = 'f'.repeat(40)
/** A run id or another id that contains a number. */
export const id = (number: number) => String(number).padStart(40, '0')

/** A replica's connection that keeps the bytes sent on it. */
export class FakeConnection implements ReplicaConnection {
  readonly id: number
  readonly remoteIp: string
  readonly address: string
  sent: Buffer[] = []
  unsentBytes = 0
  receivedBytes = 0
  isClosed = false
  /** True if the receiver accepts bytes at once. */
  isTaking = true

  constructor(number: number, remoteIp = '10.0.0.1') {
    this.id = number
    this.remoteIp = remoteIp
    this.address = `${remoteIp}:${40_000 + number}`
  }

  send(bytes: Buffer): void {
    if (this.isClosed) return
    this.sent.push(Buffer.from(bytes)) // a copy, as the buffer may change later
    if (!this.isTaking) this.unsentBytes += bytes.length
  }

  close(): void {
    this.isClosed = true
  }

  /** The bytes sent since the last call. */
  take(): Buffer {
    const all = Buffer.concat(this.sent)
    this.sent = []
    this.unsentBytes = 0
    return all
  }

  takeText(): string {
    return this.take().latin1Slice()
  }
}

/** A master on a simulated disk, with its turns and ticks in the hands of a test. */
export class MasterBench {
  readonly engine: Engine
  readonly clock: ManualClock
  readonly settings: ReplicationSettings
  readonly master: Master
  readonly logged: { readonly level: string; readonly fields: object; readonly text: string }[] = []
  chain: string[] = []
  isLinked = false
  mayPulse = true
  wakes = 0
  acks = 0
  /** The binlog offset up to which the feed may go; null for all. */
  feedLimit: number | null = null
  takeOver: (from: { readonly runId: string; readonly offset: number }) => void = () => {}
  private connections = 0

  private constructor(engine: Engine, clock: ManualClock, settings: Partial<ReplicationSettings>) {
    this.engine = engine
    this.clock = clock
    this.settings = { ...defaultReplicationSettings(), ...settings }
    const note = (level: string) => (fields: object, text: string) => void this.logged.push({ level, fields, text })
    this.master = new Master({
      storage: engine.storage,
      clock,
      random: fromSeed(1).random,
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
      settings: this.settings,
      runId: OWN_RUN_ID,
      databases: 4,
      chain: () => this.chain,
      isLinked: () => this.isLinked,
      feedLimit: () => this.feedLimit ?? engine.storage.binlog.end.offset,
      takeOver: (from) => this.takeOver(from),
      onAck: () => void this.acks++,
      mayPulse: () => this.mayPulse,
      wake: () => void this.wakes++,
    })
    engine.events.pinned = () => this.master.replicas.pinned
  }

  static async open(options: EngineOptions & { settings?: Partial<ReplicationSettings>; disk?: Disk } = {}): Promise<MasterBench> {
    const clock = new ManualClock()
    const engine = await Engine.open(options.disk ?? new Disk(), { clock, random: fromSeed(2).random, ...options })
    return new MasterBench(engine, clock, options.settings ?? {})
  }

  connect(remoteIp?: string): FakeConnection {
    return new FakeConnection(++this.connections, remoteIp)
  }

  /** Runs one turn. Its replies are sent before the stream continues. */
  turn(units: () => void = () => {}): void {
    this.engine.turn(units)
    this.master.flush()
  }

  write(...words: string[]): void {
    this.turn(() => this.engine.run(...words))
  }

  /** Runs turns while there is something to send. */
  runWhileAwake(): void {
    for (let turns = 0; turns < 10_000; turns++) {
      this.wakes = 0
      this.turn()
      if (this.wakes === 0) return
    }
    throw new Error('the master never stops sending')
  }

  /** Advances the clock, with the ticks that belong to it. */
  advance(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left))
      this.master.tick()
    }
  }

  metaSync(connection: FakeConnection, request: Partial<MetaSyncRequest> = {}): MetaSyncReply {
    return this.master.metaSync(connection, {
      ip: '',
      port: 7001,
      runId: id(1),
      attempt: 1,
      version: FORMAT_VERSION,
      isFailover: false,
      ...request,
    })
  }

  /** Sends TRYSYNC with the ids that this node knows for itself. */
  trySync(connection: FakeConnection, session: number, position: BinlogPosition, isFailover = false): TrySyncReply {
    const { replicationId } = this.engine.storage.identity
    return this.master.trySync(connection, { session, replicationIds: [replicationId], ...position, isFailover })
  }

  /** A replica that is online from a position on, by default from the binlog's end. */
  attachOnline(position = this.engine.storage.binlog.end, request: Partial<MetaSyncRequest> = {}): FakeConnection {
    const connection = this.connect()
    const { session } = this.metaSync(connection, request)
    this.trySync(connection, session, position)
    this.master.binlogSync(connection, session, position.offset)
    this.turn()
    return connection
  }

  ack(connection: FakeConnection, applied: number, synced = applied, asked: number | null = 0): void {
    const ack: AckRequest = { applied, synced, asked }
    this.master.ack(connection, ack)
  }

  /** The server has noticed that a connection is closed. */
  disconnect(connection: FakeConnection): void {
    connection.isClosed = true
    this.master.closed(connection)
  }

  /** The texts logged at these levels. */
  textsAt(...levels: string[]): string[] {
    return this.logged.filter(({ level }) => levels.includes(level)).map(({ text }) => text)
  }

  /** The bytes of the binlog from an offset on. */
  binlog(from: number, to = this.engine.storage.binlog.end.offset): Buffer {
    const feed = this.engine.storage.openTailReader(from)
    const parts: Buffer[] = []
    for (let part = feed.read(2 ** 20, to); part !== null; part = feed.read(2 ** 20, to)) parts.push(part)
    feed.close()
    return Buffer.concat(parts)
  }

  async close(): Promise<void> {
    await this.master.close()
    await this.engine.storage.close('nosave')
  }
}

/** The code and text of a refused request. */
export function refusal(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
  throw new Error('the request was not refused')
}
