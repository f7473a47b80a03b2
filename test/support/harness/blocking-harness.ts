/**
 * Several clients of one executor on a keyspace in memory, for commands that block:
 *
 *   const { client, run, logged } = blockingHarness([lists, blockingLists])
 *   const waiting = client()
 *   waiting.send('BLPOP', 'a', '0')       // blocked until it is served
 *   run('RPUSH', 'a', '1')
 *   waiting.replies                       // [['a', '1']]
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { BlockedClients } from '../../../commands/blocking/blocked-clients.ts'
import type { Command } from '../../../commands/core/command.ts'
import { ClientError } from '../../../commands/core/errors.ts'
import { type Client, Executor } from '../../../commands/core/executor.ts'
import type { Reply } from '../../../commands/core/reply.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { FakeServer } from './fake-server.ts'
import { FakeSession } from './fake-session.ts'
import { scriptingOn } from './scripting.ts'

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

  goOn(): void {
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
      this.isHeld = this.executor.execute(this, words, null, 0, 0) !== 'done'
    }
  }
}

export interface BlockingHarness {
  readonly server: FakeServer
  readonly keyspace: Keyspace
  readonly executor: Executor
  readonly blocked: BlockedClients
  /** Calls and failures by command. */
  readonly counters: ReadonlyMap<Bytes, { calls: number; rejected: number; failed: number }>
  client(): TestClient
  /** Runs a command for a client that does not block. */
  run(...words: Bytes[]): Reply | ClientError
  /** The commands logged since the last call, SELECTs included. */
  logged(): Bytes[][]
  /** Advances the clock and times out blocked clients. */
  advance(milliseconds: number): void
}

const DATABASES = 4

export function blockingHarness(families: readonly (readonly Command[])[]): BlockingHarness {
  const server = new FakeServer(families)
  const group = new OpenGroup()
  const keyspace = new Keyspace(new MemoryRecords(), DATABASES, group)
  keyspace.readClock(server.clock)
  const counters = new Map<Bytes, { calls: number; micros: number; rejected: number; failed: number }>()
  const executor: Executor = new Executor({
    keyspace,
    group,
    server,
    monotonicMs: () => server.clock.monotonicMs(),
    groupStart: () => 7,
    hooks: {
      counters({ name }) {
        const made = { calls: 0, micros: 0, rejected: 0, failed: 0 }
        counters.set(name, made)
        return made
      },
      ran() {},
      met() {},
      failed() {},
      monitor() {},
      resumed: (client) => (client as TestClient).goOn(),
      renewClock: () => keyspace.readClock(server.clock),
      broken(error) {
        throw error
      },
    },
  })
  server.scripting = scriptingOn(keyspace, () => executor)
  let clients = 0
  const client = () => new TestClient(++clients, executor)
  const runner = client()
  return {
    server,
    keyspace,
    executor,
    blocked: executor.blockedClients,
    counters,
    client,
    run(...words) {
      runner.send(...words)
      const reply = runner.replies.pop()
      if (reply === undefined) throw new Error(`${words[0]} has not answered`)
      return reply
    },
    logged() {
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
    },
    advance(milliseconds) {
      server.clock.advance(milliseconds)
      keyspace.readClock(server.clock)
      executor.blockedClients.expire()
    },
  }
}
