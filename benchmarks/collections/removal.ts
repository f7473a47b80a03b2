/**
 * Measures DEL and UNLINK of huge collections: their time, the latency of others while pages are
 * cleared, and when the disk space is free.
 */
import { type Connection, encode } from '../support/connection.ts'
import { startProbe } from '../support/load.ts'
import { ask, infoField, levelBytes, type Program } from '../support/programs.ts'
import type { Kind } from './operations.ts'

/**
 * Dropped pages are cleared after the next checkpoint, which would otherwise be up to five minutes
 * away.
 */
const CHECKPOINT_SECONDS = 10
const LOOK_EVERY_MS = 250
/** The disk space counts as free once it has not shrunk for this long. */
const SETTLED_MS = 5000
const PATIENCE_MS = 300_000

export interface Removal {
  readonly command: string
  readonly microseconds: number
  /** The longest PING while the pages were cleared. */
  readonly longestPingMs: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /**
   * Times from the command until its pages were cleared, and until LevelDB's files had shrunk. Null
   * if that was not seen.
   */
  readonly clearedMs: number | null
  readonly backMs: number | null
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
  while (!(await ask(program.port, 'SAVE')).startsWith('+OK')) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
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
  const startedAt = performance.now()
  await connection.request(request)
  const microseconds = (performance.now() - startedAt) * 1000
  const { clearedMs, backMs } = await watch({ program, sweptBefore, watchMs })
  const longestPingMs = await probe.stop()
  return {
    command: `${command} of the ${kind.name}`,
    microseconds,
    longestPingMs,
    bytesBefore,
    bytesAfter: levelBytes(program),
    clearedMs,
    backMs,
  }
}

/** Watches for at least `watchMs`, and until the space is free. */
async function watch({ program, sweptBefore, watchMs }: Watched): Promise<{ clearedMs: number | null; backMs: number | null }> {
  const startedAt = performance.now()
  let clearedMs: number | null = null
  let [smallest, smallestMs] = [levelBytes(program), 0]
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    const passedMs = performance.now() - startedAt
    if (clearedMs === null && (await infoField(program, 'storage', 'garbage_swept')) > sweptBefore) clearedMs = passedMs
    const bytes = levelBytes(program)
    if (bytes < smallest) [smallest, smallestMs] = [bytes, passedMs]
    const isSettled = clearedMs !== null && passedMs > Math.max(clearedMs, smallestMs) + SETTLED_MS
    if (isSettled && passedMs > watchMs) return { clearedMs, backMs: smallestMs > 0 ? smallestMs : null }
    if (passedMs > PATIENCE_MS) return { clearedMs, backMs: null }
  }
}
