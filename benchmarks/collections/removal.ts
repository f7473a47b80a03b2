/**
 * Measures DEL and UNLINK of huge collections: their time, the latency of other clients while pages
 * are cleared, and the time until the disk space is free.
 */
import { type Connection, encode } from '../support/connection.ts'
import { startProbe } from '../support/load.ts'
import { ask, infoField, levelBytes, type Program } from '../support/programs.ts'
import type { Kind } from './operations.ts'

/**
 * Dropped pages are cleared after the next checkpoint. With the default setting that may take five
 * minutes.
 */
const CHECKPOINT_SECONDS = 10
const POLL_INTERVAL_MS = 250
/** LevelDB's files have reached their final size if they have not shrunk for this long. */
const STABLE_MS = 5000
const WATCH_TIMEOUT_MS = 300_000

export interface Removal {
  readonly command: string
  readonly requestUs: number
  /** The longest PING while the pages were cleared. */
  readonly longestPingMs: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /**
   * Times from the command until its pages were cleared, and until LevelDB's files had shrunk. Null
   * if that did not happen within the time-out.
   */
  readonly clearedMs: number | null
  readonly reclaimedMs: number | null
}

interface Watched {
  readonly program: Program
  readonly sweptBefore: number
  readonly watchMs: number
}

/** Measures DEL and UNLINK in turn. */
export async function removals(
  program: Program,
  connection: Connection,
  { kinds, watchMs }: { readonly kinds: readonly Kind[]; readonly watchMs: number },
): Promise<Removal[]> {
  // SAVE is refused while another checkpoint is under way.
  while (!(await ask(program.port, 'SAVE')).startsWith('+OK')) await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
  await connection.ask('CONFIG', 'SET', 'checkpoint-seconds', CHECKPOINT_SECONDS)
  const found: Removal[] = []
  for (const [index, kind] of kinds.entries())
    found.push(await remove(program, connection, index % 2 === 0 ? 'DEL' : 'UNLINK', kind, watchMs))
  return found
}

async function remove(program: Program, connection: Connection, command: string, kind: Kind, watchMs: number): Promise<Removal> {
  const sweptBefore = await infoField(program, 'storage', 'garbage_swept')
  const bytesBefore = levelBytes(program)
  const probe = await startProbe(program.port)
  const request = encode([command, kind.key])
  const startedAtMs = performance.now()
  await connection.request(request)
  const requestUs = (performance.now() - startedAtMs) * 1000
  const { clearedMs, reclaimedMs } = await watch({ program, sweptBefore, watchMs })
  const longestPingMs = await probe.stop()
  return {
    command: `${command} of the ${kind.name}`,
    requestUs,
    longestPingMs,
    bytesBefore,
    bytesAfter: levelBytes(program),
    clearedMs,
    reclaimedMs,
  }
}

/** Watches for at least `watchMs`, and until the space is free. */
async function watch({ program, sweptBefore, watchMs }: Watched): Promise<{ clearedMs: number | null; reclaimedMs: number | null }> {
  const startedAtMs = performance.now()
  let clearedMs: number | null = null
  let [smallest, smallestMs] = [levelBytes(program), 0]
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS))
    const elapsedMs = performance.now() - startedAtMs
    if (clearedMs === null && (await infoField(program, 'storage', 'garbage_swept')) > sweptBefore) clearedMs = elapsedMs
    const bytes = levelBytes(program)
    if (bytes < smallest) [smallest, smallestMs] = [bytes, elapsedMs]
    const isStable = clearedMs !== null && elapsedMs > Math.max(clearedMs, smallestMs) + STABLE_MS
    if (isStable && elapsedMs > watchMs) return { clearedMs, reclaimedMs: smallestMs > 0 ? smallestMs : null }
    if (elapsedMs > WATCH_TIMEOUT_MS) return { clearedMs, reclaimedMs: null }
  }
}
