/**
 * Runs commands on a keyspace in memory, without a server:
 *
 *   const { run, logged } = harness([strings])
 *   run('SET', 'a', '1')     // OK, or a ClientError is thrown
 *   logged                   // the content of the binlog: [['SET', 'a', '1']]
 */
import type { Bytes } from '../../../base/bytes.ts'
import { openDefaultUser } from '../../../commands/acl/user.ts'
import { Tracking } from '../../../commands/clients/tracking.ts'
import type { Args, Command } from '../../../commands/core/command.ts'
import { Context } from '../../../commands/core/context.ts'
import { ClientError, unknownSubcommand, wrongArity } from '../../../commands/core/errors.ts'
import type { ServerPort } from '../../../commands/core/ports.ts'
import { BulkChunks, MapReply, type Reply, SimpleString } from '../../../commands/core/reply.ts'
import type { Session } from '../../../commands/core/session.ts'
import { CommandTable } from '../../../commands/core/table.ts'
import type { Units } from '../../../commands/core/units.ts'
import { Watches } from '../../../commands/transactions/watches.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { MemoryRecords } from '../disks/memory-records.ts'

export interface HarnessOptions {
  readonly records?: MemoryRecords
  /** Values of CONFIG, beyond the defaults below. */
  readonly config?: Readonly<Record<string, number>>
  /** The clock at the start, in ms since the epoch. */
  readonly now?: number
  /** Runs logged commands as recovery does. */
  readonly replay?: boolean
  /** Other parts of the server that the commands need. */
  readonly server?: Partial<ServerPort>
  readonly session?: Partial<Session>
}

export interface Harness {
  readonly keyspace: Keyspace
  readonly context: Context
  readonly records: MemoryRecords
  /** The commands in the binlog, in order, without SELECT. */
  readonly logged: Bytes[][]
  /** The reply of a command. Throws its errors. */
  run(...words: Bytes[]): Reply
  /** The reply of a command as plain values: see `plain`. */
  plain(...words: Bytes[]): unknown
  /** The text of the error that a command must return. */
  error(...words: Bytes[]): string
  /** The commands logged since the last call. */
  takeLogged(): Bytes[][]
}

const CONFIG: Readonly<Record<string, number>> = { 'proto-max-bulk-len': 512 * 1024 * 1024 }

export const START_MS = 1_700_000_000_000

export function harness(families: readonly (readonly Command[])[], options: HarnessOptions = {}): Harness {
  const table = new CommandTable(families)
  const records = options.records ?? new MemoryRecords()
  const logged: Bytes[][] = []
  const keyspace = new Keyspace(records, 16, {
    deleted: (_database, key) => logged.push(['DEL', key]),
    fieldsDeleted: (_database, key, fields) => logged.push(['HDEL', key, ...fields]),
  })
  keyspace.setClock(options.now ?? START_MS)
  if (options.replay === true) keyspace.expiry = 'ignore'
  const config = { ...CONFIG, ...options.config }
  const server = { table, config: { number: (name: string) => required(config[name], name) }, ...options.server } as unknown as ServerPort
  const context = new Context(keyspace, server)
  const session = { id: 1, database: 0, resp: 2, user: openDefaultUser(), authenticated: true, name: '', ...options.session } as Session
  context.session = session
  context.db = keyspace.database(session.database)

  const run = (...words: Bytes[]): Reply => {
    const command = commandOf(table, words)
    const before = keyspace.changes
    context.db = keyspace.database(session.database)
    context.effects = null
    try {
      const reply = runOf(command)(context, words as unknown as Args)
      if (keyspace.changes !== before) logged.push(...(context.effects ?? [words]))
      else if (context.effects !== null && (context.effects as Bytes[][]).length > 0)
        throw new Error(`${command.name} logs what changed nothing`)
      return reply
    } catch (error) {
      if (error instanceof ClientError && keyspace.changes !== before)
        throw new Error(`${command.name} failed after a change: ${error.message}`)
      throw error
    }
  }

  return {
    keyspace,
    context,
    records,
    logged,
    run,
    plain: (...words) => plain(run(...words)),
    error(...words) {
      try {
        run(...words)
      } catch (error) {
        if (error instanceof ClientError) return error.message
        throw error
      }
      throw new Error(`${words.join(' ')} answered no error`)
    },
    takeLogged: () => logged.splice(0),
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

/**
 * Runs one command for a session on an empty keyspace, for commands about the server. Throws its
 * errors.
 */
export function runCommand(server: ServerPort, session: Session, words: readonly Bytes[]): Reply {
  const keyspace = new Keyspace(new MemoryRecords(), 16, { deleted() {}, fieldsDeleted() {} })
  keyspace.setClock(START_MS)
  const context = new Context(keyspace, server)
  context.session = session
  context.db = keyspace.database(session.database)
  context.units = { watches: new Watches(keyspace) } as Units
  context.tracking = new Tracking(keyspace, server.random, (id) => server.clients.find(id))
  context.mayBlock = true
  return runOf(commandOf(server.table, words))(context, words as unknown as Args)
}

/** The command that a request names, with its arity checked. Throws the executor's errors. */
function commandOf(table: CommandTable, words: readonly Bytes[]): Command {
  const container = table.find(words[0] ?? '')
  if (container === undefined) throw new Error(`no command ${words[0]}`)
  let command = container
  if (container.subcommands !== undefined && words[1] !== undefined) {
    const subcommand = table.findSubcommand(container, words[1])
    if (subcommand === undefined) throw unknownSubcommand(words[1], container.name)
    command = subcommand
  }
  const { arity } = command
  if (arity > 0 ? words.length !== arity : words.length < -arity) throw wrongArity(command.name)
  return command
}

function runOf(command: Command): NonNullable<Command['run']> {
  if (command.run === undefined) throw new Error(`${command.name} is asynchronous`)
  return command.run
}

function required(value: number | undefined, name: string): number {
  if (value === undefined) throw new Error(`the test gives no value for ${name}`)
  return value
}
