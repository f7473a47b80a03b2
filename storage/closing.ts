/** Closing a storage engine: the last checkpoint, and the clean end of the binlog. */
import { rethrowAssertion } from '../base/assert.ts'
import type { Log } from '../base/log.ts'
import type { DataSetInstaller } from './directory/installer.ts'
import type { NodeRole } from './directory/node-role.ts'
import type { RecordBatch } from './records/record-store.ts'
import { CURSORS_KEY } from './records/records.ts'
import { type EngineParts, stopBackground } from './recovery/engine-parts.ts'
import type { ScanCursors } from './scan/scan-cursors.ts'

export interface Closing {
  readonly how: 'save' | 'nosave'
  readonly log: Log
  readonly installer: DataSetInstaller
  readonly nodeRole: NodeRole
  readonly scanCursors: ScanCursors
  /** Returns the reason why the held group could not be written; null if none is held. */
  readonly stalled: () => string | null
  /** Removes the segments that the last checkpoint has made unnecessary. */
  readonly purge: () => void
}

/**
 * Ends the background work, writes the last checkpoint, and closes the binlog. The clean end is
 * recorded unless a group could not be written. REQUIRES: the turn's group is committed.
 */
export async function closeParts(parts: EngineParts, closing: Closing): Promise<void> {
  const { binlog, checkpointer } = parts
  const { log, installer, nodeRole } = closing
  await installer.close()
  await checkpointer.idle()
  checkpointer.rejectWaiters(new Error('the server is shutting down'))
  await stopBackground(parts)
  const stalled = closing.stalled()
  if (stalled !== null) {
    log.error({ error: stalled }, 'closing with a group that could not be written; its writes were never acknowledged')
    await binlog.close()
    return
  }
  if (closing.how === 'save' && nodeRole.distrusted === null) await saveLast(parts, closing)
  await binlog.close()
  nodeRole.noteCleanEnd(binlog.end.offset)
}

/** Writes the last checkpoint, with the cursors of SCAN. */
async function saveLast({ checkpointer }: EngineParts, { log, scanCursors, purge }: Closing): Promise<void> {
  try {
    await checkpointer.runWhole((batch: RecordBatch) => batch.put(CURSORS_KEY, scanCursors.encode()))
    purge()
  } catch (error) {
    rethrowAssertion(error)
    log.error({ error: String(error) }, 'the last checkpoint failed; the next start replays the binlog instead')
  }
}
