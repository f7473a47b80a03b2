/** The items of a data directory that no server has open. Reading them changes no key. */
import { systemClock } from '../../../base/clock.ts'
import { snapshotItems } from '../../../storage/exchange/snapshot-items.ts'
import { type DataSnapshot, takeSnapshot } from '../../../storage/records/data-snapshot.ts'
import { META_KEY } from '../../../storage/records/records.ts'
import type { Storage } from '../../../storage/storage.ts'
import type { ExportSummary, ItemBatches } from '../items.ts'
import { holdsData, type OfflineOptions, openOffline } from '../offline.ts'
import { type KeySelection, wantedBy } from '../parts.ts'
import { ExchangeRefusal } from '../refusal.ts'

/** An open source of items. */
export interface ItemSource {
  /** The name for the report. */
  readonly name: string
  /** The number of keys, with those that are left out; null where it is not known. */
  readonly keyCount: number | null
  /** Counts expired and unselected keys in the summary. */
  items(selection: KeySelection, summary: ExportSummary): ItemBatches
  close(): Promise<void>
}

/** Opens a directory as a server does, which replays its log. Throws ExchangeRefusal. */
export async function openDirectoryItems(options: OfflineOptions): Promise<ItemSource> {
  const { directory } = options
  if (!holdsData(directory)) throw ExchangeRefusal.ofUsage(`${directory} holds no data: it has no file CURRENT`)
  const node = await openOffline(options)
  const snapshot = await snapshotOf(node.parts.storage)
  return {
    name: directory,
    keyCount: snapshot.keys,
    items: (selection, summary) => wantedItems(snapshot, selection, summary),
    async close() {
      await snapshot.close()
      await node.close('save', 'immediate')
    },
  }
}

/**
 * Returns a snapshot of all data. LevelDB has everything already if no group was replayed and
 * nothing was changed since.
 */
export async function snapshotOf(storage: Storage): Promise<DataSnapshot> {
  const { keyspace, recovery } = storage
  if (recovery?.groups === 0 && keyspace.dirtyBytes === 0 && keyspace.changes === 0 && keyspace.records.getSync(META_KEY) !== undefined)
    return takeSnapshot(keyspace.records)
  let isDone = false
  const snapshot = storage.snapshot().finally(() => {
    isDone = true
  })
  while (!isDone) {
    storage.background()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return snapshot
}

function wantedItems(snapshot: DataSnapshot, selection: KeySelection, summary: ExportSummary): ItemBatches {
  const nowMs = systemClock.wallMs()
  const isSelected = wantedBy(selection)
  return snapshotItems(snapshot, {
    hasKeys: true,
    hasLibraries: true,
    nowMs,
    isWanted: (database, key, expireAtMs) => {
      const isExpired = expireAtMs !== 0 && expireAtMs <= nowMs
      const isFiltered = !isExpired && isSelected?.(database, key) === false
      if (isExpired) summary.expired++
      if (isFiltered) summary.filtered++
      return !isExpired && !isFiltered
    },
  })
}
