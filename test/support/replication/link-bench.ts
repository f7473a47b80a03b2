/**
 * A replica's link on a simulated disk, driven turn by turn; the test holds the other end of its
 * connections:
 *
 *   const bench = await LinkBench.open()
 *   bench.follow()
 *   bench.wire.events.onConnected()
 *   bench.takeSent()                    // ['METASYNC ...']
 *   bench.receive('+OK\r\n')
 */
import type { Bytes } from '../../../base/bytes.ts'
import { type MetaSyncReply, metaReply } from '../../../replication/protocol/messages.ts'
import { defaultReplicationSettings } from '../../../replication/protocol/settings.ts'
import type { Wire, WireEvents } from '../../../replication/protocol/wire.ts'
import { ReplicaLink } from '../../../replication/replica/link.ts'
import { replayer } from '../../../server/wiring/replay-client.ts'
import { upstreamRunner } from '../../../server/wiring/upstream-runner.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { Disk, Engine, type EngineOptions, nextTurn, until } from '../harness/engine.ts'
import { ManualClock } from '../harness/manual-clock.ts'

export const OWN_RUN = 'a'.repeat(40)
export const MASTER_RUN = 'b'.repeat(40)
export const MASTER_ID = '4'.repeat(40)

/** The replica's end of a connection whose other end a test holds. */
export class FakeWire implements Wire {
  readonly host: string
  readonly port: number
  readonly events: WireEvents
  isPaused = false
  isClosed = false
  sent: Buffer[] = []

  constructor(host: string, port: number, events: WireEvents) {
    this.host = host
    this.port = port
    this.events = events
  }

  send(data: Bytes | Buffer): void {
    if (this.isClosed) throw new Error('sent on a connection that is closed')
    this.sent.push(typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data))
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  close(): void {
    this.isClosed = true
  }
}

export interface LinkBenchOptions extends EngineOptions {
  readonly disk?: Disk
  /** The number of writes before it becomes a replica. */
  readonly writes?: number
  /** True: the link follows a Redis as well. */
  readonly mayFollowRedis?: boolean
}

/** A replica's link, with its turns, ticks and connections in the hands of a test. */
export class LinkBench {
  readonly engine: Engine
  readonly clock: ManualClock
  readonly settings = defaultReplicationSettings()
  readonly link: ReplicaLink
  readonly wires: FakeWire[] = []
  readonly logged: { readonly level: string; readonly fields: object; readonly text: string }[] = []
  readonly states: string[] = []
  wakes = 0
  mustSyncAlways = false
  isHeld = false
  dialError: Error | null = null

  private constructor(engine: Engine, clock: ManualClock, { mayFollowRedis = false }: LinkBenchOptions) {
    this.engine = engine
    this.clock = clock
    const note = (level: string) => (fields: object, text: string) => void this.logged.push({ level, fields, text })
    const { storage, executor } = engine
    const redisPorts = {
      runner: upstreamRunner(executor, storage.keyspace),
      limits: { number: () => 128 },
      libraryName: (code: Bytes) => code,
    }
    this.link = new ReplicaLink({
      storage,
      replayer: replayer(executor, storage.keyspace),
      ...(mayFollowRedis ? { redisPorts } : {}),
      dial: (host, port, events) => this.dial(host, port, events),
      clock,
      random: () => (mayFollowRedis ? 1 - 2 ** -40 : 1),
      log: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
      settings: this.settings,
      runId: OWN_RUN,
      databases: storage.settings.databases,
      port: () => 6379,
      wake: () => {
        this.wakes++
        storage.beginTurn()
      },
      onChanged: () => void this.states.push(this.link.state),
      syncAlways: () => this.mustSyncAlways,
      isHeld: () => this.isHeld,
    })
    engine.events.onSynced = () => this.link.flush()
  }

  static async open(options: LinkBenchOptions = {}): Promise<LinkBench> {
    const clock = new ManualClock()
    const engine = await Engine.open(options.disk ?? new Disk(), { clock, ...options })
    for (let i = 0; i < (options.writes ?? 0); i++) engine.write('SET', `own${i}`, String(i))
    return new LinkBench(engine, clock, options)
  }

  follow(failover = false): void {
    const master = { host: 'upstream', port: 6380, failover }
    this.engine.storage.becomeReplica(master)
    this.link.follow(master)
  }

  /** The newest connection. */
  get wire(): FakeWire {
    const wire = this.wires.at(-1)
    if (wire === undefined) throw new Error('nothing was dialled')
    return wire
  }

  /** The words that the replica sent on the newest connection since the last call. */
  takeSent(): string[] {
    const bytes = Buffer.concat(this.wire.sent.splice(0))
    const commands: string[] = []
    for (let at = 0; at < bytes.length; ) {
      const read = readCommand(bytes, at, bytes.length)
      if (read === null) throw new Error('half a command was sent')
      commands.push(read.args.join(' '))
      at = read.end
    }
    return commands
  }

  /** Delivers bytes from the master, in pieces of at most a size. */
  receive(data: string | Buffer, pieceBytes = Number.POSITIVE_INFINITY): void {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
    const { wire } = this
    const size = Math.min(pieceBytes, bytes.length)
    for (let at = 0; at < bytes.length && !wire.isClosed; at += size) wire.events.onData(Buffer.from(bytes.subarray(at, at + size)))
  }

  /** Advances the clock with its ticks. */
  wait(milliseconds: number): void {
    for (let left = milliseconds; left > 0; left -= 100) {
      this.clock.advance(Math.min(100, left))
      this.engine.storage.beginTurn()
      this.link.tick()
    }
  }

  /** Connects, and answers as a master with the replica's own position. */
  toStream(): void {
    if (this.link.state === 'connect') this.wait(5000)
    this.wire.events.onConnected()
    this.receive(array(metaReply(META)))
    const { offset } = this.engine.storage.binlog.end
    this.receive(array(['CONTINUE', MASTER_ID, String(offset)]))
    this.receive('\n')
    this.takeSent()
  }

  /** Waits until this many records of a full sync are written. */
  untilWritten(records: number): Promise<void> {
    return until(() => this.link.view.fullSync?.records === records, 'records written')
  }

  async runTurns(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) await nextTurn()
  }

  warnings(): string[] {
    return this.logged.flatMap(({ level, fields }) => (level === 'warn' ? [(fields as { reason: string }).reason] : []))
  }

  private dial(host: string, port: number, events: WireEvents): Wire {
    if (this.dialError !== null) throw this.dialError
    const wire = new FakeWire(host, port, events)
    this.wires.push(wire)
    return wire
  }
}

export const META: MetaSyncReply = {
  session: 7,
  replicationId: MASTER_ID,
  past: [],
  runId: MASTER_RUN,
  version: 1,
  databases: 4,
  binlogStart: 0,
  binlogEnd: 0,
  chain: [MASTER_RUN],
}

export function array(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
}

export function bulk(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])
}
