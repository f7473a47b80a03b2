/**
 * Runs commands through the real executor on a keyspace in memory, without a server. Gives their
 * replies, immediate or later, and what they log. Any number of clients may take part.
 *
 *   const { run, error, runAsync, logged, client } = harness([strings, scans, blockingLists])
 *   run('SET', 'a', '1')              the reply; throws the error that a client would get
 *   error('INCRBY', 'a', 'x')         the text of the error that a client must get
 *   await runAsync('KEYS', '*')
 *   logged()                          [['SET', 'a', '1']]: since the last call
 *   const waiting = client()
 *   waiting.send('BLPOP', 'b', '0')   blocked until it is served
 *   waiting.replies                   what it has received
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { BlockedClients } from '../../../commands/blocking/blocked-clients.ts'
import type { Command } from '../../../commands/contract/command.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import type { ServerPort } from '../../../commands/contract/ports.ts'
import { BulkChunks, MapReply, type Reply, SimpleString } from '../../../commands/contract/reply.ts'
import { Request } from '../../../commands/contract/request.ts'
import type { Client } from '../../../commands/contract/session.ts'
import { Executor } from '../../../commands/execution/executor.ts'
import { encodedLength, readCommand, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import type { Database } from '../../../storage/keyspace/database.ts'
import type { KeyEvents } from '../../../storage/keyspace/key-events.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { FakeServer } from './fake-server.ts'
import { FakeSession } from './fake-session.ts'
import { quietHooks, ReplaceableGates } from './quiet-hooks.ts'
import { scriptingOn } from './scripting.ts'

/** The client that `run` and `runAsync` speak for. It passes each reply to the caller. */
class CallingClient extends FakeSession implements Client {
  answered: (reply: Reply | ClientError) => void = () => {}

  reply(reply: Reply): void {
    this.answered(reply)
  }

  replyError(text: Bytes): void {
    this.answered(new ClientError(text))
  }
}

/** A client that sends one request after the other, and waits while it is blocked. */
export class TestClient extends FakeSession implements Client {
  readonly replies: (Reply | ClientError)[] = []
  isHeld = false
  private readonly executor: Executor
  private readonly queue: Bytes[][] = []

  constructor(id: number, executor: Executor) {
    super(id)
    this.executor = executor
  }

  send(...words: Bytes[]): void {
    this.queue.push(words)
    this.pump()
  }

  reply(reply: Reply): void {
    this.replies.push(reply)
  }

  replyError(text: Bytes): void {
    this.replies.push(new ClientError(text))
  }

  sendNext(): void {
    this.isHeld = false
    this.pump()
  }

  override close(how: 'now' | 'after-reply'): void {
    super.close(how)
    this.executor.blockedClients.forget(this)
  }

  private pump(): void {
    while (!this.isHeld) {
      const words = this.queue.shift()
      if (words === undefined) return
      this.isHeld = this.executor.execute(new Request(this, words)) !== 'done'
    }
  }
}

export interface HarnessOptions {
  readonly records?: MemoryRecords
  /** Numbers of the configuration, also ones that it would refuse. */
  readonly config?: Readonly<Record<string, number>>
  /** The clock at the start, in ms since the epoch. */
  readonly startMs?: number
  /** The log is being replayed, so that no key expires. */
  readonly isReplaying?: boolean
  readonly keyEvents?: KeyEvents
  readonly slots?: 'counted'
  /** Other parts of the server than the fake's. */
  readonly server?: Partial<ServerPort>
  /** Fields of the session that `run` and `runAsync` speak for. */
  readonly session?: Partial<FakeSession>
}

export interface Harness {
  readonly keyspace: Keyspace
  /** The first database. */
  readonly db: Database
  readonly records: MemoryRecords
  readonly server: FakeServer
  /** The session that `run` and `runAsync` speak for. */
  readonly session: FakeSession & Client
  readonly executor: Executor
  readonly gates: ReplaceableGates
  readonly blocked: BlockedClients
  /** Calls and failures by command. */
  readonly counters: ReadonlyMap<Bytes, { calls: number; rejected: number; failed: number }>
  /** A new client. */
  client(): TestClient
  /** Runs a command that answers at once. Throws the ClientError that the client would get. */
  run(...words: Bytes[]): Reply
  /** Like `run`, but returns the ClientError. */
  answer(...words: Bytes[]): Reply | ClientError
  /** Like `run`, as plain values: see `plain`. */
  plain(...words: Bytes[]): unknown
  /** The text of the error that a command must answer. */
  error(...words: Bytes[]): string
  /** Runs a command that answers at once or later. */
  runAsync(...words: Bytes[]): Promise<Reply>
  /** The commands logged since the last call, SELECTs included. */
  logged(): Bytes[][]
  /** Runs logged commands on this keyspace as recovery does. */
  replay(commands: readonly Bytes[][]): void
  /** Advances the clock and times out blocked clients. */
  advance(milliseconds: number): void
  /** Runs a whole checkpoint. */
  checkpoint(): Promise<void>
  /** Runs a whole checkpoint, then evicts everything of the first database from memory. */
  toDisk(): Promise<void>
}

const DATABASES = 16
export const START_MS = 1_700_000_000_000
/** Where the group of every write starts in the log. */
const GROUP_START = 7

export function harness(families: readonly (readonly Command[])[], options: HarnessOptions = {}): Harness {
  const server = fakeServer(families, options)
  const records = options.records ?? new MemoryRecords()
  const group = new OpenGroup()
  const keyspace = new Keyspace(records, DATABASES, group, options.keyEvents, options.slots)
  keyspace.readClock(server.clock)
  if (options.isReplaying === true) keyspace.expiryMode = 'ignore'
  const session = Object.assign(new CallingClient(), options.session)
  const counters = new Map<Bytes, { calls: number; micros: number; rejected: number; failed: number }>()
  const gates = new ReplaceableGates()
  const executor: Executor = new Executor({
    keyspace,
    group,
    server,
    monotonicMs: () => server.clock.monotonicMs(),
    groupStart: () => GROUP_START,
    gates,
    hooks: quietHooks({
      counters({ name }) {
        const made = { calls: 0, micros: 0, rejected: 0, failed: 0 }
        counters.set(name, made)
        return made
      },
      onResume: (client) => {
        if (client instanceof TestClient) client.sendNext()
      },
      renewClock: () => keyspace.readClock(server.clock),
      onBug(error, changed) {
        throw changed && error instanceof ClientError ? new Error(`failed after a change: ${error.message}`) : error
      },
    }),
  })
  server.scripting ??= scriptingOn(keyspace, () => executor)

  /** Passes a request to the executor as a connection does, with its canonical bytes. */
  function execute(words: Bytes[], answered: (reply: Reply | ClientError) => void): void {
    const raw = Buffer.alloc(encodedLength(words))
    writeCommand(words, raw, 0)
    session.answered = answered
    const before = keyspace.changes
    const request = new Request(session)
    request.fill(words, raw, 0, raw.length)
    const outcome = executor.execute(request)
    if (outcome === 'held') throw new Error('the command was held')
    const { effects, isLogged } = executor.context
    if (outcome === 'done' && effects !== null && effects.length > 0 && keyspace.changes === before && !isLogged)
      throw new Error(`${words[0]} changes nothing and is logged`)
  }

  function answer(...words: Bytes[]): Reply | ClientError {
    let answer: Reply | ClientError | undefined
    execute(words, (reply) => {
      answer = reply
    })
    if (answer === undefined) throw new Error(`${words[0]} has not answered`)
    return answer
  }

  function run(...words: Bytes[]): Reply {
    const reply = answer(...words)
    if (reply instanceof ClientError) throw reply
    return reply
  }

  async function checkpoint(): Promise<void> {
    const whole = new Checkpoint(keyspace, { offset: 0, crc: 0 })
    whole.encodeSome(Number.POSITIVE_INFINITY)
    await whole.write()
  }

  let lastId = session.id
  return {
    keyspace,
    get db() {
      return keyspace.database(0)
    },
    records,
    server,
    session,
    executor,
    gates,
    blocked: executor.blockedClients,
    counters,
    client: () => new TestClient(++lastId, executor),
    run,
    answer,
    plain: (...words) => plain(run(...words)),
    error(...words) {
      const reply = answer(...words)
      if (reply instanceof ClientError) return reply.message
      throw new Error(`${words.join(' ')} answered no error`)
    },
    runAsync(...words) {
      return new Promise((resolve, reject) => execute(words, (reply) => (reply instanceof ClientError ? reject(reply) : resolve(reply))))
    },
    logged: () => commandsOf(group),
    replay(commands) {
      const { expiryMode } = keyspace
      const client = new CallingClient(0)
      keyspace.expiryMode = 'ignore'
      for (const words of commands) executor.replay(client, words)
      keyspace.expiryMode = expiryMode
    },
    advance(milliseconds) {
      server.clock.advance(milliseconds)
      keyspace.readClock(server.clock)
      executor.blockedClients.expire()
    },
    checkpoint,
    async toDisk() {
      await checkpoint()
      const { residents } = keyspace.database(0)
      for (let i = 0; i < 3; i++) residents.advanceHand(2 * residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
    },
  }
}

/**
 * A reply in a form for comparing: bulk strings as Bytes, simple strings as their text, maps as
 * flat arrays.
 */
export function plain(reply: Reply): unknown {
  if (Buffer.isBuffer(reply)) return reply.latin1Slice()
  if (reply instanceof SimpleString) return reply.text
  if (reply instanceof BulkChunks) return Buffer.concat(reply.chunks, reply.length).latin1Slice()
  if (reply instanceof MapReply) return reply.flat.map(plain)
  if (Array.isArray(reply)) return reply.map(plain)
  return reply
}

function fakeServer(families: readonly (readonly Command[])[], { config = {}, startMs = START_MS, server }: HarnessOptions): FakeServer {
  const made = Object.assign(new FakeServer(families), server)
  const number = made.config.number.bind(made.config)
  made.config.number = (name) => config[name] ?? number(name)
  made.clock.setWall(startMs)
  return made
}

/** Returns the commands in the group and clears it. */
function commandsOf(group: OpenGroup): Bytes[][] {
  const body = Buffer.concat(group.close())
  group.reset()
  const commands: Bytes[][] = []
  for (let at = 0; at < body.length; ) {
    const read = readCommand(body, at, body.length)
    if (read === null) throw new Error('a command in the log is cut short')
    commands.push([...read.args])
    at = read.end
  }
  return commands
}
