/**
 * The findings of a check of a data directory. Their list is limited: findings past it are only
 * counted.
 */
import type { Bytes } from '../../base/bytes.ts'
import { DamageError } from '../records/records.ts'

/** `damage`: an invariant does not hold. `note`: unusual, and the next start deals with it. */
export type Severity = 'damage' | 'note'

/** One finding of a check. */
export interface Finding {
  readonly severity: Severity
  /** A record, a file, or a binlog offset. */
  readonly place: string
  readonly text: string
}

const MAX_FINDINGS = 1000

/** The findings of one check. */
export class Findings {
  readonly list: Finding[] = []
  /** The number of findings, those past the limit included. */
  readonly counts: Record<Severity, number> = { damage: 0, note: 0 }

  damage(place: string, text: string): void {
    this.add({ severity: 'damage', place, text })
  }

  note(place: string, text: string): void {
    this.add({ severity: 'note', place, text })
  }

  private add(finding: Finding): void {
    this.counts[finding.severity]++
    if (this.list.length < MAX_FINDINGS) this.list.push(finding)
  }
}

/** The progress of a phase of the check. `total` is an estimate, or 0 if unknown. */
export interface CheckProgress {
  readonly phase: 'records' | 'binlog'
  readonly done: number
  readonly total: number
}

const MAX_SHOWN_KEY_BYTES = 80

/** Returns a key for people: quoted, unprintable bytes as \xNN, long keys cut. */
function shownKey(key: Bytes): string {
  const cut = key.length > MAX_SHOWN_KEY_BYTES ? `... (${key.length} bytes)` : ''
  const text = key
    .slice(0, MAX_SHOWN_KEY_BYTES)
    .replace(/[^ !#-[\]-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${text}"${cut}`
}

export const shownRoot = (dbId: number, key: Bytes) => `key ${shownKey(key)} of database id ${dbId}`

/** Returns the text of the damage of an unreadable record. Rethrows other errors. */
export function damageText(error: unknown): string {
  if (error instanceof DamageError || error instanceof RangeError) return error.message
  throw error
}
