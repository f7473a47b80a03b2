/**
 * A simulated Redis as a master: its data, its replication stream with a backlog, and its replicas.
 * It follows Redis's documented protocol, and keeps the content of its data at each offset:
 *
 *   METASYNC                an unknown command
 *   PSYNC id offset         +CONTINUE from the backlog, or +FULLRESYNC, an RDB and the stream
 *   a restart               keeps data and offset under a new id (replid2 is the old one), or loses
 *                           both and begins another history
 */
import type { Bytes } from '../../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { randomHex } from '../../../storage/directory/identity.ts'
import type { Seeded } from '../../support/generators/seed.ts'
import type { Network, Party, Socket } from '../network/network.ts'
import { DATABASES, PORT } from '../settings.ts'
import { FakeRedisEnd } from './fake-redis-end.ts'
import { RedisData } from './redis-data.ts'

/** The ids of one line of data, and the content at each offset under them. */
interface Lineage {
  /** Ids, each with the offset up to which it names this line. */
  readonly ids: Map<string, number>
  /** By offset: the content, and the number of writes before it. */
  readonly states: Map<number, State>
}

export interface State {
  readonly content: string
  readonly writes: number
}

export interface FakeRedisHost {
  readonly network: Network
  readonly chance: Seeded
  readonly password: string
  note(text: string): void
  /** A replica has acknowledged an offset of a history. */
  onAck(ip: string, ack: { readonly replicationId: string; readonly applied: number; readonly synced: number | null }): void
  fail(error: unknown): void
}

function encoded(words: readonly Bytes[]): Buffer {
  const bytes = Buffer.alloc(encodedLength(words))
  writeCommand(words, bytes, 0)
  return bytes
}

/** A simulated Redis, run after run. */
export class FakeRedis {
  readonly ip = '10.1.0.1'
  readonly host: FakeRedisHost
  party: Party = { ip: this.ip, isMuted: false }
  replicationId: string
  /** The id before the last restart, and the offset up to which it is this history. */
  second: { readonly id: string; readonly until: number } | null = null
  offset = 0
  data = new RedisData(DATABASES)
  /** A refusal with which requests are answered for now. */
  refusal: string | null = null
  /** The way in which the next RDBs are wrong, once each. */
  spoiled: RdbFault[] = []
  fullSyncs = 0
  private backlog = Buffer.alloc(0)
  private backlogStart = 0
  private ends: FakeRedisEnd[] = []
  /** The database that the stream has selected; -1: the next command selects one. */
  private selected = -1
  private lineage: Lineage
  private readonly lineages: Lineage[] = []
  private writes = 0

  constructor(host: FakeRedisHost) {
    this.host = host
    this.replicationId = randomHex(host.chance.random, 40)
    this.lineage = this.newLineage()
    this.listen()
  }

  /** The state of a history at an offset; undefined where no command ends. */
  stateAt(replicationId: string, offset: number): State | undefined {
    const line = this.lineages.find(({ ids }) => offset <= (ids.get(replicationId) ?? -1))
    return line?.states.get(offset)
  }

  /** True if a history is a part of the present one up to an offset. */
  isPresent(replicationId: string, offset: number): boolean {
    return offset <= (this.lineage.ids.get(replicationId) ?? -1)
  }

  /** Runs writes of clients, as one transaction if there are several. */
  write(database: number, commands: readonly (readonly Bytes[])[]): void {
    const effects = commands.filter((words) => this.data.apply(database, words))
    if (effects.length === 0) return
    this.writes += effects.length
    const pieces = [...this.select(database), ...effects.map(encoded)]
    this.append(effects.length === 1 ? pieces : [encoded(['MULTI']), ...pieces, encoded(['EXEC'])])
  }

  ping(): void {
    if (this.ends.some(({ isOnline }) => isOnline)) this.append([encoded(['PING'])])
  }

  askForAcks(): void {
    this.append([...this.select(Math.max(0, this.selected)), encoded(['REPLCONF', 'GETACK', '*'])])
  }

  /** Appends a command of a module to the stream, which no haypile may pass. */
  appendAlien(): void {
    this.append([encoded(['ALIEN.SET', 'key', 'value'])])
    // The data of a Redis with a module differs from here on: no state is known.
    this.lineage.states.delete(this.offset)
  }

  /** The bytes of the stream after an offset; null if the backlog lacks some. */
  streamAfter(offset: number): Buffer | null {
    if (offset < this.backlogStart || offset > this.offset) return null
    return this.backlog.subarray(offset - this.backlogStart)
  }

  /** Answers PSYNC: the id and the offset after which the stream continues. */
  continues(id: string, offset: number): boolean {
    const isKnown = id === this.replicationId || (this.second !== null && id === this.second.id && offset <= this.second.until)
    return isKnown && this.streamAfter(offset) !== null
  }

  /** Begins a full sync: the stream selects a database again after it. */
  snapshot(): { readonly replicationId: string; readonly offset: number; readonly rdb: Buffer } {
    this.fullSyncs++
    this.selected = -1
    const { replicationId, offset } = this
    const aux = { 'redis-ver': '7.0.15', 'repl-stream-db': '0', 'repl-id': replicationId, 'repl-offset': String(offset) }
    return { replicationId, offset, rdb: this.data.rdb(aux) }
  }

  dropBacklog(): void {
    this.backlog = Buffer.alloc(0)
    this.backlogStart = this.offset
  }

  closeAll(): void {
    for (const end of this.ends.splice(0)) end.close()
  }

  /** Ends the process, and starts it again a while later. */
  restart(how: 'kept' | 'lost', afterMs: number): void {
    const { network, chance } = this.host
    for (const end of this.ends.splice(0)) end.close()
    network.kill(this.party)
    this.second = how === 'kept' ? { id: this.replicationId, until: this.offset } : null
    this.replicationId = randomHex(chance.random, 40)
    this.selected = -1
    if (how === 'kept') this.lineage.ids.set(this.replicationId, Number.POSITIVE_INFINITY)
    if (how === 'kept' && this.second !== null) this.lineage.ids.set(this.second.id, this.offset)
    if (how === 'lost') this.loseData()
    if (chance.random() < 0.3) this.dropBacklog()
    network.schedule.after(afterMs, () => {
      this.party = { ip: this.ip, isMuted: false }
      this.listen()
      this.host.note(`the Redis is up again, ${how}, as ${this.replicationId.slice(0, 8)} at ${this.offset}`)
    })
  }

  /** Called often: continues transfers and sends heartbeats. */
  tick(): void {
    this.ends = this.ends.filter(({ isOpen }) => isOpen)
    for (const end of this.ends) end.tick(this.host.network.schedule.nowMs)
  }

  get acknowledged(): readonly number[] {
    return this.ends.filter(({ isOnline }) => isOnline).map(({ applied }) => applied)
  }

  private loseData(): void {
    const { chance } = this.host
    this.data = new RedisData(DATABASES)
    if (chance.random() < 0.7) for (let i = 0; i < 5; i++) this.data.apply(0, ['SET', `s${i}`, `after a loss ${i}`])
    this.offset = chance.integer(100)
    this.lineage = this.newLineage()
    this.dropBacklog()
  }

  private newLineage(): Lineage {
    const line = { ids: new Map([[this.replicationId, Number.POSITIVE_INFINITY]]), states: new Map<number, State>() }
    this.lineages.push(line)
    line.states.set(this.offset, { content: this.data.content, writes: this.writes })
    return line
  }

  private listen(): void {
    const { network } = this.host
    network.listen(this.party, PORT, (socket: Socket) => {
      const end = new FakeRedisEnd(this, socket)
      this.ends.push(end)
      return end
    })
  }

  private select(database: number): Buffer[] {
    if (database === this.selected) return []
    this.selected = database
    return [encoded(['SELECT', String(database)])]
  }

  private append(pieces: readonly Buffer[]): void {
    // A position may lie after any command outside of a transaction.
    const isTransaction = pieces[0]?.includes('MULTI') === true
    const before = this.lineage.states.get(this.offset)
    for (const [index, piece] of pieces.entries()) {
      this.offset += piece.length
      if (index < pieces.length - 1 && !isTransaction && before !== undefined) this.lineage.states.set(this.offset, before)
    }
    this.lineage.states.set(this.offset, { content: this.data.content, writes: this.writes })
    const bytes = Buffer.concat(pieces)
    this.backlog = Buffer.concat([this.backlog, bytes])
    for (const end of this.ends) end.feed(bytes)
  }
}

/**
 * cut: the connection ends in the middle. short: fewer bytes than announced, then the stream. bit:
 * an inverted bit. mark: another mark at the end. module: a value of a module. silent: the rest
 * never comes.
 */
export type RdbFault = 'cut' | 'short' | 'bit' | 'mark' | 'module' | 'silent'
