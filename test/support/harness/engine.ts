/**
 * A storage engine on a simulated disk with real commands on top, driven turn by turn like the
 * server does, but without one:
 *
 *   const engine = await Engine.open(disk())
 *   engine.turn(() => engine.run('SET', 'a', '1'))     // 'written'
 *   const again = await Engine.open(engine.disk.crash(random))
 */

import type { Bytes } from '../../../base/bytes.ts'
import type { Clock, Random } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { NO_CLUSTER } from '../../../commands/contract/cluster.ts'
import { type Command, command } from '../../../commands/contract/command.ts'
import type { ServerPort } from '../../../commands/contract/ports.ts'
import type { Reply } from '../../../commands/contract/reply.ts'
import { Request } from '../../../commands/contract/request.ts'
import { CommandTable } from '../../../commands/contract/table.ts'
import { Executor } from '../../../commands/execution/executor.ts'
import { ReplayClient, replayer } from '../../../server/wiring/replay-client.ts'
import type { OpenMode } from '../../../storage/records/record-store.ts'
import { DamageError } from '../../../storage/records/records.ts'
import { Storage, type StorageEvents, type StorageSettings } from '../../../storage/storage.ts'
import type { PageLimits } from '../../../storage/tree/tree.ts'
import { MemoryFiles } from '../disks/memory-files.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { dataFamilies } from '../generators/data-families.ts'
import { plain } from './harness.ts'
import { ManualClock } from './manual-clock.ts'
import { quietHooks, ReplaceableGates } from './quiet-hooks.ts'
import { idleEvents } from './storage-events.ts'

const select = command({
  name: 'select',
  group: 'connection',
  since: '1.0.0',
  summary: 'Changes the selected database.',
  syntax: 'SELECT index',
  arity: 2,
  flags: ['fast'],
  run({ session }, args) {
    session.database = Number(args[1])
    return null
  },
})

const FAMILIES: readonly (readonly Command[])[] = [[select], ...dataFamilies]

export const DIRECTORY = '/data'
export const BINLOG_DIRECTORY = '/data/generation-000001/binlog'
const FIRST_DB = '/data/generation-000001/db'

/**
 * Everything that outlives a process: files, and the records of each generation. The records of a
 * later generation exist as long as its directory has a file that stands for them.
 */
export class Disk {
  readonly files: MemoryFiles
  /** The records of the first generation. */
  readonly records: MemoryRecords
  private readonly stores: Map<string, MemoryRecords>
  private readonly opened = new Set<MemoryRecords>()

  constructor(files = new MemoryFiles(), records = new MemoryRecords(), later: ReadonlyMap<string, MemoryRecords> = new Map()) {
    this.files = files
    this.records = records
    this.stores = new Map([...later, [FIRST_DB, records]])
  }

  /** The records of a generation, by the path of its directory. */
  recordsAt(path: string): MemoryRecords {
    const store = this.stores.get(path)
    if (store === undefined) throw new Error(`no records at ${path}`)
    return store
  }

  async openRecords(path: string, mode: OpenMode = 'create'): Promise<MemoryRecords> {
    const marker = `${path}/RECORDS`
    if (path !== FIRST_DB && !this.files.existsSync(marker)) {
      if (mode === 'existing') throw new DamageError(`${marker} is missing`)
      this.stores.set(path, this.records.createEmpty())
      this.files.openSync(marker, 'create').closeSync()
      this.files.syncDirectorySync(path)
    }
    const store = this.recordsAt(path)
    if (this.opened.has(store)) await store.reopen()
    this.opened.add(store)
    return store
  }

  /** The disk that may be found after a power loss now. */
  crash(random: Random): Disk {
    return this.found(this.files.crash(random), (store) => store.crash(random))
  }

  /** The disk that is found after the process is killed now. */
  kill(random: Random): Disk {
    return this.found(this.files.crashProcess(), (store) => store.crashProcess(random))
  }

  private found(files: MemoryFiles, crashed: (store: MemoryRecords) => MemoryRecords): Disk {
    const records = crashed(this.records)
    const later = [...this.stores].filter(([path]) => path !== FIRST_DB)
    return new Disk(files, records, new Map(later.map(([path, store]) => [path, crashed(store)])))
  }
}

export interface EngineOptions {
  readonly clock?: Clock
  readonly random?: Random
  readonly binlog?: Partial<StorageSettings['binlog']>
  readonly checkpoint?: Partial<StorageSettings['checkpoint']>
  readonly cacheBytes?: number
  readonly reserveBytes?: number
  readonly databases?: number
  readonly slots?: 'counted'
  readonly families?: readonly (readonly Command[])[]
  readonly pageLimits?: PageLimits
  /** Values of CONFIG; a key that is not named has a large number. */
  readonly config?: Readonly<Record<string, number>>
}

const MEBIBYTE = 2 ** 20

/** Generous limits: checkpoints happen only on request. */
function settingsOf(options: EngineOptions): StorageSettings {
  return {
    binlog: { fileSizeBytes: 64 * MEBIBYTE, retentionBytes: 0, retentionMs: 0, ...options.binlog },
    checkpoint: { binlogBytes: 2 ** 40, intervalMs: 2 ** 40, dirtyLimitBytes: 2 ** 40, ...options.checkpoint },
    cacheBytes: options.cacheBytes ?? 2 ** 40,
    databases: options.databases ?? 4,
    reserveBytes: options.reserveBytes ?? 0,
    slots: options.slots ?? 'ignored',
  }
}

/** Keeps its last reply, or the text of the error. */
class EngineClient extends ReplayClient {
  last: unknown = null

  override reply(reply?: Reply): void {
    this.last = plain(reply as Reply)
  }

  override replyError(text?: Bytes): void {
    this.last = new Error(text)
  }
}

/** One process: storage on a disk, with an executor and one client. */
export class Engine {
  readonly disk: Disk
  readonly storage: Storage
  /** The functions that storage calls; a test may replace each. */
  readonly events: StorageEvents
  readonly executor: Executor
  readonly gates = new ReplaceableGates()
  readonly logged: { readonly level: string; readonly text: string }[]
  /** Errors that storage reported as fatal: the process would have ended. */
  readonly fatal: unknown[]
  /** Units that broke. */
  readonly broken: { readonly error: unknown; readonly changed: boolean }[] = []
  readonly client = new EngineClient()
  readonly table: CommandTable

  private constructor(
    disk: Disk,
    storage: Storage,
    events: StorageEvents,
    logged: Engine['logged'],
    fatal: unknown[],
    options: EngineOptions,
  ) {
    this.disk = disk
    this.storage = storage
    this.events = events
    this.logged = logged
    this.fatal = fatal
    this.table = new CommandTable(options.families ?? FAMILIES)
    const { config = {}, random = () => 0.5, pageLimits } = options
    if (pageLimits !== undefined) storage.keyspace.pageLimits = pageLimits
    const number = (name: string) => config[name] ?? 512 * MEBIBYTE
    const server = { table: this.table, config: { number }, cluster: NO_CLUSTER, random } as unknown as ServerPort
    const hooks = quietHooks({ onBug: (error, changed) => this.broken.push({ error, changed }) })
    this.executor = new Executor({
      keyspace: storage.keyspace,
      group: storage.group,
      server,
      hooks,
      gates: this.gates,
      monotonicMs: () => 0,
      groupStart: () => 0,
    })
  }

  /** Opens and recovers. Rejects as Storage does. */
  static async open(disk: Disk, options: EngineOptions = {}): Promise<Engine> {
    const engine = await Engine.openOnly(disk, options)
    try {
      await engine.storage.recover(replayer(engine.executor, engine.storage.keyspace))
    } catch (error) {
      await engine.storage.close('nosave')
      throw error
    }
    return engine
  }

  static async openOnly(disk: Disk, options: EngineOptions = {}): Promise<Engine> {
    const logged: { level: string; text: string }[] = []
    const note = (level: string) => (_fields: object, text?: string) => void logged.push({ level, text: text ?? '' })
    const log = { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') } as unknown as Log
    const fatal: unknown[] = []
    const events = idleEvents()
    const storage = await Storage.open({
      directory: DIRECTORY,
      files: disk.files,
      openRecords: (path, mode) => disk.openRecords(path, mode),
      clock: options.clock ?? new ManualClock(),
      random: options.random ?? (() => 0.5),
      log,
      settings: settingsOf(options),
      events,
      fatal: (error) => fatal.push(error),
    })
    return new Engine(disk, storage, events, logged, fatal, options)
  }

  /**
   * Runs one command in the current turn, in the client's database. Returns its reply as a plain
   * value, an Error, or 'held' if a gate holds it.
   */
  run(...words: Bytes[]): unknown {
    this.client.last = null
    const outcome = this.executor.execute(new Request(this.client, words))
    return outcome === 'held' ? outcome : this.client.last
  }

  /** Runs one command in another database. */
  runIn(database: number, ...words: Bytes[]): unknown {
    this.client.database = database
    const reply = this.run(...words)
    this.client.database = 0
    return reply
  }

  /** Runs one whole turn without background work. */
  turn(units: () => void = () => {}): 'written' | 'stalled' {
    this.storage.beginTurn()
    units()
    this.storage.expireDue()
    return this.storage.commit()
  }

  /** Runs a turn of one command, which must be written. */
  write(...words: Bytes[]): unknown {
    let reply: unknown
    if (this.turn(() => (reply = this.run(...words))) !== 'written') throw new Error('the binlog has stalled')
    if (reply instanceof Error) throw reply
    return reply
  }

  /** Runs a whole checkpoint until it has landed. Rejects if it fails. */
  async checkpoint(): Promise<void> {
    await landRequested(this.storage)
  }

  /** Waits until no asynchronous work is left. */
  async settle(): Promise<void> {
    await this.storage.checkpointer.idle()
    await this.storage.sweeper.idle()
    for (let turns = 0; turns < 20; turns++) await nextTurn()
  }
}

/** Requests a checkpoint and does background work until it has landed. Rejects if it fails. */
export async function landRequested(storage: Storage): Promise<void> {
  let isDone = false
  const ended = () => {
    isDone = true
  }
  const requested = storage.checkpointer.request()
  requested.then(ended, ended)
  // A checkpoint may wait for reads of keys that were set without one.
  while (!isDone) {
    storage.background()
    await nextTurn()
  }
  await requested
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const UNTIL_MS = 180_000
/**
 * Turns that take only computing. A condition that is still false after them waits for the disk.
 */
const QUICK_TURNS = 1000

/** Runs turns until a condition holds. The time limit is long even for a busy machine. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + UNTIL_MS
  for (let turns = 0; !condition(); turns++) {
    if (turns < QUICK_TURNS) await nextTurn()
    else if (performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 1))
    else throw new Error(`no success within ${UNTIL_MS} ms: ${what}`)
  }
}
