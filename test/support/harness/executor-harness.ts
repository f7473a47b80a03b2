/**
 * Runs commands through the real executor on a keyspace in memory. Gives their replies, immediate
 * or later, and what they would log.
 *
 *   const { run, runAsync, logged } = harness([strings, scans])
 *   run('SET', 'a', '1')      the reply; the error that a client would get is thrown
 *   await runAsync('KEYS', '*')
 *   logged()                  [['SET', 'a', '1']]: since the last call
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Command } from '../../../commands/core/command.ts'
import { ClientError } from '../../../commands/core/errors.ts'
import { type Client, Executor } from '../../../commands/core/executor.ts'
import type { Reply } from '../../../commands/core/reply.ts'
import { encodedLength, readCommand, writeCommand } from '../../../storage/binlog/command-codec.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import { Checkpoint } from '../../../storage/checkpoint/checkpoint.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { FakeServer } from './fake-server.ts'
import { FakeSession } from './fake-session.ts'
import { scriptingOn } from './scripting.ts'

/** A client that passes each reply to the caller that waits for it. */
class HarnessClient extends FakeSession implements Client {
  answered: (reply: Reply | ClientError) => void = () => {}

  reply(reply: Reply): void {
    this.answered(reply)
  }

  replyError(text: Bytes): void {
    this.answered(new ClientError(text))
  }
}

export interface Harness {
  readonly keyspace: Keyspace
  readonly records: MemoryRecords
  readonly server: FakeServer
  readonly session: FakeSession
  readonly executor: Executor
  /** Runs a synchronous command. Throws the ClientError that the client would get. */
  run(...args: Bytes[]): Reply
  /** Runs a synchronous or asynchronous command. */
  runAsync(...args: Bytes[]): Promise<Reply>
  /** The commands logged since the last call, SELECTs included. */
  logged(): Bytes[][]
  /** Runs logged commands on this keyspace as recovery does. */
  replay(commands: readonly Bytes[][]): void
  /** Advances the clock, in ms. */
  advance(milliseconds: number): void
  /** Runs a whole checkpoint. */
  checkpoint(): Promise<void>
  /** Runs a whole checkpoint, then evicts everything of the first database from memory. */
  toDisk(): Promise<void>
}

const DATABASES = 16

export function harness(families: readonly (readonly Command[])[]): Harness {
  const server = new FakeServer(families)
  const records = new MemoryRecords()
  const group = new OpenGroup()
  const keyspace = new Keyspace(records, DATABASES, group)
  keyspace.readClock(server.clock)
  const session = new HarnessClient()
  const executor = new Executor({
    keyspace,
    group,
    server,
    monotonicMs: () => server.clock.monotonicMs(),
    groupStart: () => 0,
    hooks: {
      counters: () => ({ calls: 0, micros: 0, rejected: 0, failed: 0 }),
      ran() {},
      met() {},
      failed() {},
      monitor() {},
      resumed() {},
      renewClock: () => keyspace.readClock(server.clock),
      broken(error) {
        throw error
      },
    },
  })

  server.scripting = scriptingOn(keyspace, () => executor)

  /** Passes a request to the executor as a connection does, with its canonical bytes. */
  function execute(args: Bytes[], answered: (reply: Reply | ClientError) => void): void {
    const raw = Buffer.alloc(encodedLength(args))
    writeCommand(args, raw, 0)
    session.answered = answered
    if (executor.execute(session, args, raw, 0, raw.length) === 'held') throw new Error('the command was held')
  }

  async function checkpoint(): Promise<void> {
    const whole = new Checkpoint(keyspace, { offset: 0, crc: 0 })
    whole.encodeSome(Number.POSITIVE_INFINITY)
    await whole.write()
  }

  return {
    keyspace,
    records,
    server,
    session,
    executor,
    checkpoint,
    run(...args) {
      let answer: Reply | ClientError | undefined
      execute(args, (reply) => {
        answer = reply
      })
      if (answer === undefined) throw new Error(`${args[0]} has not answered`)
      if (answer instanceof ClientError) throw answer
      return answer
    },
    runAsync(...args) {
      return new Promise((resolve, reject) => execute(args, (reply) => (reply instanceof ClientError ? reject(reply) : resolve(reply))))
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
    replay(commands) {
      const { expiry } = keyspace
      const client = new HarnessClient(0)
      keyspace.expiry = 'ignore'
      for (const args of commands) executor.replay(client, args)
      keyspace.expiry = expiry
    },
    advance(milliseconds) {
      server.clock.advance(milliseconds)
      keyspace.readClock(server.clock)
    },
    async toDisk() {
      await checkpoint()
      const { residents } = keyspace.database(0)
      for (let i = 0; i < 3; i++) residents.sweep(2 * residents.length, keyspace.landedGeneration, Number.POSITIVE_INFINITY)
    },
  }
}
