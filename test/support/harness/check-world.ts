import type { Bytes } from '../../../base/bytes.ts'
import { silentLog } from '../../../base/log.ts'
import { checkDirectory } from '../../../storage/check/check.ts'
import { decodeMeta, encodeMeta, type StoreMeta } from '../../../storage/records/meta.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import { Storage } from '../../../storage/storage.ts'
import { MemoryFiles } from '../disks/memory-files.ts'
import { MemoryRecords } from '../disks/memory-records.ts'
import { fromSeed } from '../generators/seed.ts'
import { landRequested } from './engine.ts'
import { ManualClock } from './manual-clock.ts'
import { idleEvents } from './storage-events.ts'

const DIRECTORY = '/data'
export const CHECKED_BINLOG = '/data/generation-000001/binlog'

/** A data directory as a server leaves it, with ways to damage it. */
export class CheckWorld {
  readonly files = new MemoryFiles()
  readonly records = new MemoryRecords()
  readonly clock = new ManualClock()
  private isOpened = false

  async open(): Promise<Storage> {
    const storage = await Storage.open({
      directory: DIRECTORY,
      files: this.files,
      openRecords: () => this.store(),
      clock: this.clock,
      random: fromSeed(1).random,
      log: silentLog,
      settings: {
        binlog: { fileSizeBytes: 2000, retentionBytes: 1e9, retentionMs: 1e9 },
        checkpoint: { binlogBytes: 1e9, intervalMs: 1e9, dirtyLimitBytes: 1e9 },
        cacheBytes: 1e9,
        databases: 4,
        reserveBytes: 0,
      },
      events: idleEvents(),
      fatal: (error) => {
        throw error
      },
    })
    await storage.recover({ beginGroup() {}, command() {}, endGroup() {} })
    return storage
  }

  async store(): Promise<MemoryRecords> {
    if (this.isOpened) await this.records.reopen()
    this.isOpened = true
    return this.records
  }

  check(repair: 'nothing' | 'cut-binlog' = 'nothing') {
    return checkDirectory({ files: this.files, directory: DIRECTORY, openRecords: () => this.store(), repair })
  }

  async findings(): Promise<string> {
    return (await this.check()).findings.map(({ severity, place, text }) => `${severity} ${place}: ${text}`).join('\n')
  }

  /** Changes records directly, past the storage engine. */
  async tamper(change: (batch: ReturnType<MemoryRecords['batch']>) => void): Promise<void> {
    const store = await this.store()
    const batch = store.batch()
    change(batch)
    await batch.write()
    await store.close()
  }

  async meta(change: (meta: StoreMeta) => StoreMeta): Promise<void> {
    const store = await this.store()
    const meta = decodeMeta(store.getSync(META_KEY) as Buffer)
    await store.close()
    await this.tamper((batch) => batch.put(META_KEY, encodeMeta(change(meta))))
  }

  /** Inverts one byte of the log. */
  flip(offset: number): void {
    const segment = this.segments().findLast(({ start }) => start <= offset) as { start: number; path: string }
    const file = this.files.openSync(segment.path, 'update')
    const byte = file.readSync(offset - segment.start, 1)
    file.writeSync([Buffer.from([(byte[0] as number) ^ 1])], offset - segment.start)
    file.closeSync()
  }

  segments(): { start: number; path: string }[] {
    const names = this.files.listSync(CHECKED_BINLOG).filter((name) => name.endsWith('.log'))
    return names.map((name) => ({ start: Number.parseInt(name, 10), path: `${CHECKED_BINLOG}/${name}` }))
  }
}

/** Sets a key as SET does, in a turn of its own. */
export async function setKey(storage: Storage, database: number, key: Bytes, value: Bytes, expireAtMs = 0): Promise<void> {
  storage.beginTurn()
  const db = storage.keyspace.database(database)
  const entry = db.set(key, value)
  if (expireAtMs !== 0) db.setDeadline(entry, expireAtMs)
  storage.group.command(database, expireAtMs === 0 ? ['SET', key, value] : ['SET', key, value, 'PXAT', String(expireAtMs)])
  storage.commit()
  await storage.binlog.syncTo(storage.binlog.end.offset)
}

export async function landCheckpoint(storage: Storage): Promise<void> {
  await landRequested(storage)
  await storage.sweeper.idle()
}
