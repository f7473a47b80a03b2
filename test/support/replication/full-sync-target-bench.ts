/** A replica that receives full syncs on a simulated disk, and masters that send them. */
import * as assert from 'uvu/assert'
import { type ChunkRecord, encodeChunk, encodeEndChunk } from '../../../replication/protocol/chunks.ts'
import type { SnapshotHead } from '../../../replication/protocol/messages.ts'
import { FullSyncTarget } from '../../../replication/replica/full-sync-target.ts'
import { DIRECTORY, Disk, Engine, until } from '../harness/engine.ts'
import { ManualClock } from '../harness/manual-clock.ts'

export const MASTER_ID = '4'.repeat(40)
export const PAST = [{ id: '5'.repeat(40), until: 100 }]

export interface Source {
  readonly head: SnapshotHead
  readonly records: readonly ChunkRecord[]
}

/** A master's current data in its format on the wire. */
export async function sourceOf(engine: Engine, id: string): Promise<Source> {
  const coming = engine.storage.snapshot()
  await engine.checkpoint()
  const snapshot = await coming
  const iterator = snapshot.read(null)
  const records: ChunkRecord[] = []
  for (let part = await iterator.next(100); part.length > 0; part = await iterator.next(100)) records.push(...part)
  await iterator.close()
  await snapshot.close()
  const bytes = records.reduce((sum, [key, value]) => sum + key.length + value.length, 0)
  return { head: { id, ...snapshot.position, records: records.length, bytes, replicationId: MASTER_ID, past: PAST }, records }
}

/** The chunks that the master sends after a key. */
export function chunksOf({ records }: Source, perChunk: number, after: string | null): Buffer[] {
  const rest = records.filter(([key]) => after === null || key.toString('hex') > after)
  const chunks: Buffer[] = []
  for (let at = 0; at < rest.length; at += perChunk) chunks.push(encodeChunk(chunks.length, rest.slice(at, at + perChunk)))
  return [...chunks, encodeEndChunk(chunks.length, rest.length)]
}

/** A replica's side of a full sync on a simulated disk. */
export class TargetBench {
  readonly disk = new Disk()
  readonly clock = new ManualClock()
  readonly target: FullSyncTarget
  readonly reports: string[] = []
  readonly engine: Engine

  private constructor(engine: Engine) {
    this.engine = engine
    this.target = new FullSyncTarget({
      storage: engine.storage,
      clock: this.clock,
      onCopied: () => this.reports.push('copied'),
      onInstalled: () => this.reports.push('installed'),
      onFailed: (reason) => this.reports.push(`failed: ${reason}`),
      onRoom: () => this.reports.push('room'),
    })
  }

  static async open(): Promise<TargetBench> {
    const engine = await Engine.open(new Disk())
    engine.write('SET', 'old', 'data')
    engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
    return new TargetBench(engine)
  }

  addAll(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) this.target.add(chunk)
  }

  /** Waits until the target has reported something that begins so. */
  async untilReported(what: string): Promise<void> {
    await until(() => this.reports.some((text) => text.startsWith(what)), what)
  }

  /** Receives the rest and installs it. */
  async finish(source: Source, perChunk = 3): Promise<void> {
    this.reports.length = 0
    this.target.beginTransfer(source.head)
    this.addAll(chunksOf(source, perChunk, this.target.resume?.after ?? null))
    await this.untilReported('copied')
    this.target.install()
    await this.untilReported('installed')
  }

  get generations(): string[] {
    return this.engine.disk.files.listSync(DIRECTORY).filter((name) => name.startsWith('generation-'))
  }

  assertEqualTo(master: Engine): void {
    const { storage } = this.engine
    assert.equal(storage.binlog.end, master.storage.binlog.end)
    assert.is(storage.identity.replicationId, MASTER_ID)
    assert.equal(storage.identity.past, PAST)
    assert.is(this.engine.run('GET', 'old'), null)
    assert.is(storage.keyspace.keyCount, master.storage.keyspace.keyCount)
    for (let i = 0; i < 40; i++) assert.is(this.engine.run('GET', `k${i}`), master.run('GET', `k${i}`))
    assert.is(this.engine.run('STRLEN', 'large'), 100_000)
  }
}

export async function master(): Promise<Engine> {
  const engine = await Engine.open(new Disk())
  for (let i = 0; i < 40; i++) engine.write('SET', `k${i}`, `value ${i}`, 'PXAT', String(1_700_000_100_000 + i))
  engine.write('SET', 'large', 'x'.repeat(100_000))
  return engine
}

/**
 * Holds all writes of the first generation that is filled. The returned function gives its records
 * once they are open.
 */
export function holding(bench: TargetBench): () => ReturnType<Disk['recordsAt']> | null {
  let store: ReturnType<Disk['recordsAt']> | null = null
  const { disk } = bench.engine
  const { openRecords } = disk
  disk.openRecords = async (path) => {
    const records = await openRecords.call(disk, path)
    if (store === null) records.holdWrites()
    store ??= records
    return records
  }
  return () => store
}
