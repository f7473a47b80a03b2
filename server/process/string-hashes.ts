/**
 * Detects versions of Node whose maps a client can attack by choosing strings.
 *
 * V8 hashed strings of digits to their number, without a secret, until CVE-2026-21717 was fixed: in
 * Node 20.20.2, 22.22.2, 24.14.1 and 25.8.2. Node 24.0 to 24.4.0 hashed every string predictably
 * (CVE-2025-27209). On such a Node, a client that watches 30,000 colliding names stops the server
 * for seconds. The map of keys has a hash of its own (`storage/keyspace/key-hash.ts`). Names of
 * channels, watched keys and awaited keys, and V8's own table of strings, depend on Node. So the
 * server asks for a safe Node, and warns on others.
 */
import type { Log } from '../../base/log.ts'

type Version = readonly [major: number, minor: number, patch: number]

/** The first release of each line whose hashes depend on a secret. */
const FIRST_SAFE: readonly Version[] = [
  [20, 20, 2],
  [22, 22, 2],
  [24, 14, 1],
  [25, 8, 2],
]
const LAST_AFFECTED_MAJOR = 25

/** `version` is Node's, such as 20.15.0. */
export function hasPredictableHashes(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  if (major > LAST_AFFECTED_MAJOR) return false
  const safe = FIRST_SAFE.find((first) => first[0] === major)
  if (safe === undefined) return true // the line ended before the fix
  return minor < safe[1] || (minor === safe[1] && patch < safe[2])
}

/** Logs a warning if clients can slow the server down by colliding names. */
export function warnOfPredictableHashes(log: Log, version: string): void {
  if (!hasPredictableHashes(version)) return
  const first = FIRST_SAFE.map((safe) => safe.join('.')).join(', ')
  log.warn(
    { node: version },
    `this Node hashes strings of digits predictably (CVE-2026-21717): clients can slow the server down; use Node ${first} or later, or admit only trusted clients`,
  )
}
