/**
 * MIGRATE: sends the payloads of keys to another server, and deletes the keys that it acknowledges.
 *
 * The client is blocked meanwhile, and other clients' commands run. All payloads are of the moment
 * in which the command ran. A key that is changed before it is acknowledged stays here, and the
 * client gets an error. When the transfer has ended, the command runs again and deletes the keys.
 *
 *   request -> [BLOCKED until others' payloads take less memory, run again] -> payloads
 *           -> BLOCKED ... transfer ends -> the key of the wait changes -> run again
 *
 * Differences from Redis: inside a transaction or a script the command is refused, as it cannot
 * wait there. If the client disconnects or is unblocked, all keys stay.
 */
import { at, must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { KeyObserver } from '../../storage/keyspace/key-events.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { type Args, type Command, command, type KeyAccess, type KeyUse, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { MigrationOutcome, PayloadTurn, TransferredKey } from '../contract/ports.ts'
import { ErrorReply, OK, type Reply, SimpleString } from '../contract/reply.ts'
import type { Session } from '../contract/session.ts'
import { isToken, Options, requireInteger } from '../parsing/args.ts'
import { deleteKey } from '../parsing/typed-access.ts'
import { payloadOf } from './dump.ts'

const DEFAULT_TIMEOUT_MS = 1000
const MAX_TIMEOUT_MS = 2 ** 31 - 1
const NO_KEY = new SimpleString('NOKEY')
const UNBLOCKED = new ErrorReply('IOERR the transfer went on without its client, so all keys stay')
const CHANGED = 'ERR Keys were changed while they were transferred and stay here. MIGRATE with REPLACE transfers them again'

interface MigrateOptions {
  readonly isCopy: boolean
  readonly mayReplace: boolean
  /** The words of AUTH; null without them. */
  readonly credentials: readonly Bytes[] | null
  readonly keys: readonly Bytes[]
}

function optionsOf(args: Args): MigrateOptions {
  let isCopy = false
  let mayReplace = false
  let credentials: readonly Bytes[] | null = null
  const options = new Options(args, 6)
  while (options.more) {
    if (options.take('copy')) isCopy = true
    else if (options.take('replace')) mayReplace = true
    else if (options.take('auth')) credentials = [options.value()]
    else if (options.take('auth2')) credentials = [options.value(), options.value()]
    else if (options.take('keys')) {
      if (args[3] !== '') throw clientError('ERR When using MIGRATE KEYS option, the key argument must be set to the empty string')
      return { isCopy, mayReplace, credentials, keys: args.slice(options.at) }
    } else throw syntaxError()
  }
  return { isCopy, mayReplace, credentials, keys: [args[3]] }
}

/** Keys that are being transferred, and those of them that were changed meanwhile. */
class MigratedKeys implements KeyObserver {
  readonly isCopy: boolean
  readonly keys: readonly Bytes[]
  outcome: MigrationOutcome | null = null
  /** Aborted when the client no longer waits. */
  readonly abandonment = new AbortController()
  /** The index of the keys' database, also after SWAPDB. */
  readonly database: number
  private readonly keyspace: Keyspace
  private readonly sent: ReadonlySet<Bytes>
  private readonly changed = new Set<Bytes>()
  private isAllChanged = false

  constructor(isCopy: boolean, keys: readonly Bytes[], { db, keyspace }: Context) {
    this.isCopy = isCopy
    this.keys = keys
    this.database = db.index
    this.keyspace = keyspace
    this.sent = new Set(keys)
    keyspace.observe(this)
  }

  hasChanged(key: Bytes): boolean {
    return this.isAllChanged || this.changed.has(key)
  }

  onChange(database: number, key: Bytes): void {
    // An expired key is gone, and has the same deadline there.
    if (database === this.database && this.sent.has(key) && !this.keyspace.isExpiring) this.changed.add(key)
  }

  onReplace(database: number, by: number | null): void {
    if (database === this.database || by === this.database) this.isAllChanged = true
  }

  onReplaceAll(): void {
    this.isAllChanged = true
  }

  end(): void {
    this.keyspace.unobserve(this)
  }
}

/** A request whose client waits: for its turn to write payloads, then for the transfer. */
interface WaitingRequest {
  readonly args: Args
  turn: PayloadTurn | null
  transfer: MigratedKeys | null
}

/** The requests that wait, by session. */
const waiting = new WeakMap<object, WaitingRequest>()

function migrate(context: Context, args: Args): Reply {
  const { session } = context
  const known = waiting.get(session)
  const request: WaitingRequest = known?.args === args ? known : { args, turn: null, transfer: null }
  const { turn, transfer } = request
  if (transfer === null) return turn?.isReady === false ? wait(context, request) : begin(context, request)
  if (transfer.outcome === null) return wait(context, request)
  transfer.end()
  return finish(context, transfer, transfer.outcome)
}

/** Begins the transfer, or waits where the payloads of others take too much memory. */
function begin(context: Context, request: WaitingRequest): Reply {
  const { db, keyspace, server, session, nowMs } = context
  const { args } = request
  const { isCopy, mayReplace, credentials, keys } = optionsOf(args)
  const timeout = requireInteger(must(args[5]))
  const database = requireInteger(args[4])
  const found = keys.filter((key) => db.read(key) !== undefined)
  if (found.length === 0) return NO_KEY
  if (!context.mayBlock) throw clientError('ERR MIGRATE cannot wait inside a transaction or a script')
  const { index } = db
  const wake = () => keyspace.keyWaiters?.onKeyChanged(index, waitKeyOf(session))
  if (request.turn === null && !server.migrations.hasRoom) {
    request.turn = server.migrations.waitForRoom(wake)
    return wait(context, request)
  }
  const values = found.map((key): TransferredKey => {
    const { value, expireAtMs } = must(db.peek(key))
    const ttlMs = expireAtMs === 0 ? 0 : Math.max(1, expireAtMs - nowMs)
    return { key, ttlMs, payload: payloadOf(must(value), server, 'any') }
  })
  const timeoutMs = timeout <= 0 ? DEFAULT_TIMEOUT_MS : Math.min(Number(timeout), MAX_TIMEOUT_MS)
  const transfer = new MigratedKeys(isCopy, found, context)
  request.transfer = transfer
  const target = { host: args[1], port: args[2], database: String(database), credentials }
  void server.migrations.transfer(target, values, { mayReplace, timeoutMs }, transfer.abandonment.signal).then((outcome) => {
    transfer.outcome = outcome
    wake()
  })
  request.turn?.giveUp()
  return wait(context, request)
}

/** The key that the client is blocked on: it changes when the wait has ended. */
const waitKeyOf = ({ id }: Session): Bytes => `\x00migrate ${id}`

function wait(context: Context, request: WaitingRequest): Reply {
  const { session } = context
  waiting.set(session, request)
  return context.block({
    keys: [waitKeyOf(session)],
    kind: 0,
    timeoutMs: 0,
    onTimeout: UNBLOCKED,
    wakesOnDelete: true,
    ended() {
      request.turn?.giveUp()
      request.transfer?.end()
      request.transfer?.abandonment.abort()
      if (waiting.get(session) === request) waiting.delete(session)
    },
  })
}

/** Deletes the keys that the other server has and that are as they were sent. */
function finish(context: Context, transfer: MigratedKeys, { isStored, refusal, failure }: MigrationOutcome): Reply {
  const { server } = context
  const deleted: Bytes[] = []
  let hasChanged = false
  for (const [index, key] of transfer.keys.entries()) {
    if (transfer.isCopy || !at(isStored, index)) continue
    if (transfer.hasChanged(key)) hasChanged = true
    else if (deleteKey(context, key)) deleted.push(key)
  }
  if (deleted.length > 0) context.effectList(['DEL', ...deleted])
  context.countChanges(deleted.length)
  const text = refusal ?? failure ?? (hasChanged ? CHANGED : null)
  if (text === null) return OK
  server.statistics.error(text)
  return new ErrorReply(text)
}

const KEY_ACCESS: readonly KeyAccess[] = ['RW', 'access', 'delete']

/** The words that are keys: one in its place, or those after KEYS. */
function keysOf(args: readonly Bytes[]): readonly KeyUse[] {
  const use = (position: number): KeyUse => ({ position, access: KEY_ACCESS })
  for (let i = 6; i < args.length && args[3] === ''; i++) {
    if (isToken(args[i], 'keys')) return args.slice(i + 1).map((_, index) => use(i + 1 + index))
    if (isToken(args[i], 'auth')) i++
    else if (isToken(args[i], 'auth2')) i += 2
  }
  return [use(3)]
}

export const migrates: readonly Command[] = [
  command({
    name: 'migrate',
    group: 'generic',
    since: '2.6.0',
    summary: 'Atomically transfers a key from one Redis instance to another.',
    complexity:
      'This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is performed.',
    syntax:
      'MIGRATE host port <key | ""> destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password] [KEYS key [key ...]]',
    arity: -6,
    flags: ['write', 'movablekeys'],
    categories: ['keyspace', 'dangerous'],
    keys: [
      keyRange(3, 3, 1, 'RW', 'access', 'delete'),
      {
        access: ['RW', 'access', 'delete', 'incomplete'],
        begin: { keyword: 'KEYS', startFrom: -2 },
        find: { last: -1, step: 1, limit: 0 },
      },
    ],
    findKeys: keysOf,
    history: [
      ['3.0.0', 'Added the `COPY` and `REPLACE` options.'],
      ['3.0.6', 'Added the `KEYS` option.'],
      ['4.0.7', 'Added the `AUTH` option.'],
      ['6.0.0', 'Added the `AUTH2` option.'],
    ],
    tips: ['nondeterministic_output'],
    run: migrate,
  }),
]
