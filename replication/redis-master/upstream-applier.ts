/**
 * Applies the commands of a Redis master to the data of this node, and logs them in this node's own
 * binlog. A batch is one synchronous step:
 *
 *   commands run -> their effects fill the open group -> the position -> the group is appended
 *
 * The position of a batch is in the group of its commands, so a crash keeps both or none. The
 * position never lies inside a MULTI: its commands wait for EXEC and run as one unit. Commands
 * without an effect, such as PING, only move the position in memory. After a crash the master
 * sends them again.
 */
import { assert, must, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { UpstreamPosition } from '../../storage/records/upstream.ts'
import type { Storage } from '../../storage/storage.ts'
import { CommandStream } from './command-stream.ts'
import { StreamAcks } from './stream-acks.ts'

/** A batch takes about this long, and its commands about this many bytes of the log. */
const SLICE_MS = 1
const MAX_BATCH_BYTES = 1024 * 1024
/** Bytes of the stream without an effect after which the position is logged all the same. */
const MAX_UNRECORDED_BYTES = 16 * 1024

export interface UpstreamCommand {
  readonly database: number
  readonly words: Bytes[]
}

/** Runs the commands of a Redis master. */
export interface UpstreamRunner {
  /** Lets the commands of the master pass all gates, until `closeGates`. */
  openGates(): void
  closeGates(): void
  /** Returns why this node does not run a command, or null if it does. */
  objectionTo(words: readonly Bytes[]): string | null
  /** Runs commands as one unit. Returns the errors that they replied with. */
  run(commands: readonly UpstreamCommand[]): readonly Bytes[]
}

export interface UpstreamApplierOptions {
  readonly storage: Storage
  readonly runner: UpstreamRunner
  readonly clock: Clock
  readonly log: Log
  readonly databases: number
  /** Requests a turn of the event loop. Called before anything changes. */
  requestTurn(): void
  syncAlways(): boolean
}

/** `more`: another batch waits. A reason: the stream cannot continue. */
export type BatchOutcome = 'more' | 'idle' | { readonly reason: string }

/** Applies the commands of a Redis master. */
export class UpstreamApplier {
  /** The commands that failed here and succeeded on the master, since the start of the process. */
  failures = 0
  isApplying = false
  private readonly options: UpstreamApplierOptions
  private stream: CommandStream | null = null
  /** The applied position. */
  private position: UpstreamPosition | null = null
  /** The offset of the last position in the log. */
  private recordedOffset = 0
  /** Bytes of the stream after `position` that were read: a MULTI without its EXEC. */
  private aheadBytes = 0
  private database = 0
  /** The commands since MULTI; null outside. */
  private queued: UpstreamCommand[] | null = null
  private isAckWanted = false
  private acks: StreamAcks | null = null

  constructor(options: UpstreamApplierOptions) {
    this.options = options
  }

  /** Begins to apply a stream after a position of this data. Throws if a file fails. */
  followFrom(position: UpstreamPosition): void {
    const { storage } = this.options
    const recorded = storage.followed.position
    assert(recorded !== null && recorded.offset <= position.offset, 'a stream continues where the data ends')
    storage.followed.beginOwnHistory()
    this.stream = new CommandStream()
    this.position = position
    this.recordedOffset = recorded.offset
    this.database = position.database
    this.queued = null
    this.aheadBytes = 0
    this.isAckWanted = true
    this.acks = new StreamAcks(storage, storage.binlog.end.offset, position.offset)
    if (recorded.replicationId === position.replicationId) return
    this.options.requestTurn()
    this.record(position)
  }

  end(): void {
    this.stream = null
  }

  /**
   * The position after which a stream can continue: the one in the log, or what this process has
   * applied since without an effect. Null if the data is not that of a Redis master.
   */
  get resumable(): UpstreamPosition | null {
    const recorded = this.options.storage.followed.position
    const { position } = this
    const isSame = recorded?.replicationId === position?.replicationId && recorded?.offset === this.recordedOffset
    return recorded !== null && isSame ? position : recorded
  }

  /** The offset up to which the stream is applied; null before the first stream. */
  get appliedOffset(): number | null {
    return this.position?.offset ?? null
  }

  /** The offsets to acknowledge (stream-acks.ts); 0 before the first stream. */
  get acknowledged(): ReturnType<StreamAcks['at']> {
    return this.acks?.at(this.position?.offset ?? 0) ?? { applied: 0, synced: 0 }
  }

  get replicationId(): string | null {
    return this.position?.replicationId ?? null
  }

  /** Bytes that were received and not applied. */
  get waitingBytes(): number {
    return this.aheadBytes + (this.stream?.waitingBytes ?? 0)
  }

  push(bytes: Buffer): void {
    this.stream?.push(bytes)
  }

  /** Returns true once after the master has asked for an acknowledgement. */
  takeAckWanted(): boolean {
    const isWanted = this.isAckWanted
    this.isAckWanted = false
    return isWanted
  }

  /** Applies a batch. Returns 'more', 'idle', or the reason why the stream cannot continue. */
  applyBatch(): BatchOutcome {
    const { stream } = this
    // An append reports what became durable, and the link then asks for another batch.
    if (stream === null || stream.waitingBytes === 0 || this.isApplying) return 'idle'
    this.isApplying = true
    try {
      return this.applyCommands(stream)
    } finally {
      this.isApplying = false
    }
  }

  private applyCommands(stream: CommandStream): BatchOutcome {
    const { storage, runner, requestTurn, syncAlways } = this.options
    requestTurn()
    assert(storage.group.isEmpty, 'a batch has groups of its own')
    runner.openGates()
    let outcome: BatchOutcome
    try {
      outcome = this.takeCommands(stream)
    } finally {
      runner.closeGates()
    }
    const { position } = this
    const hasMuchUnrecorded = position !== null && position.offset - this.recordedOffset >= MAX_UNRECORDED_BYTES
    if (position !== null && (!storage.group.isEmpty || hasMuchUnrecorded)) this.record(position)
    if (syncAlways()) storage.binlog.sync()
    return outcome
  }

  private record(position: UpstreamPosition): void {
    const { followed, keyspace } = this.options.storage
    this.recordedOffset = position.offset
    followed.commit(position)
    this.acks?.logged(must(keyspace.upstream).at, position.offset)
  }

  private takeCommands(stream: CommandStream): BatchOutcome {
    const { clock, storage } = this.options
    const untilMs = clock.monotonicMs() + SLICE_MS
    for (;;) {
      let next: ReturnType<CommandStream['next']>
      try {
        next = stream.next()
      } catch (error) {
        rethrowAssertion(error)
        return { reason: errorText(error) }
      }
      if (next === null) return 'idle'
      const objection = this.take(next.words)
      if (objection !== null) return { reason: objection }
      this.aheadBytes += next.bytes
      if (this.queued !== null) continue
      this.movePosition()
      if (clock.monotonicMs() >= untilMs || storage.group.bodyLength >= MAX_BATCH_BYTES) return 'more'
    }
  }

  /** Moves the position past the bytes that were read. */
  private movePosition(): void {
    const { position } = this
    if (position === null) return
    const { replicationId, offset } = position
    this.position = { replicationId, offset: offset + this.aheadBytes, database: this.database }
    this.aheadBytes = 0
  }

  /** Takes the words of the next command. Returns why the stream cannot continue, or null. */
  private take(words: Bytes[]): string | null {
    const name = words[0]?.toUpperCase() ?? ''
    switch (name) {
      case '':
      case 'PING':
        return null
      case 'REPLCONF':
        if (words[1]?.toUpperCase() === 'GETACK') this.isAckWanted = true
        return null
      case 'SELECT':
        return this.select(words[1] ?? '')
      case 'MULTI':
        this.queued = []
        return null
      case 'EXEC':
        return this.exec()
      default:
        return this.command(words)
    }
  }

  private select(word: Bytes): string | null {
    const { databases } = this.options
    if (!/^\d{1,9}$/.test(word) || Number(word) >= databases) {
      return `the master writes to database ${word}, and this node has ${databases}: raise \`databases\` and restart`
    }
    this.database = Number(word)
    return null
  }

  private command(words: Bytes[]): string | null {
    const objection = this.options.runner.objectionTo(words)
    if (objection !== null) return objection
    const command = { database: this.database, words }
    if (this.queued === null) this.run([command])
    else this.queued.push(command)
    return null
  }

  private exec(): string | null {
    const { queued } = this
    if (queued === null) return 'the master sent EXEC without MULTI'
    this.queued = null
    this.run(queued)
    return null
  }

  private run(commands: readonly UpstreamCommand[]): void {
    for (const error of this.options.runner.run(commands)) {
      this.failures++
      const fields = { error, failures: this.failures, offset: this.position?.offset }
      this.options.log.error(
        fields,
        "a command of the Redis master failed here: the data may differ from the master's; REPLICAOF NO ONE, then REPLICAOF again copies it anew",
      )
    }
  }
}
