/** What a check of a data directory has found. Bounded: past a number of findings they are only counted. */
import type { Bytes } from '../../base/bytes.ts'
import { DamageError } from '../records/records.ts'

/** `damage`: an invariant does not hold. `note`: unusual, and the next start deals with it. */
export type Severity = 'damage' | 'note'

export interface Finding {
  readonly severity: Severity
  /** Where: a record, a file, a binlog offset. */
  readonly place: string
  readonly text: string
}

const MAX_FINDINGS = 1000

export class Findings {
  readonly list: Finding[] = []
  /** How many there were, those past the limit included. */
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

/** How far a phase of the check is. `total` is an estimate, or 0 where nothing is known. */
export interface CheckProgress {
  readonly phase: 'records' | 'binlog'
  readonly done: number
  readonly total: number
}

const SHOWN_KEY_BYTES = 80

/** A key for people: quoted, what is not printable as \xNN, long ones cut. */
function shownKey(key: Bytes): string {
  const cut = key.length > SHOWN_KEY_BYTES ? `... (${key.length} bytes)` : ''
  const text = key.slice(0, SHOWN_KEY_BYTES).replace(/[^ !#-[\]-~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
  return `"${text}"${cut}`
}

export const shownRoot = (dbId: number, key: Bytes) => `key ${shownKey(key)} of database id ${dbId}`

/** What is wrong with a record that could not be read. Throws on what is no damage. */
export function damageText(error: unknown): string {
  if (error instanceof DamageError || error instanceof RangeError) return error.message
  throw error
}
