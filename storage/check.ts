/**
 * Verifies every invariant of a data directory that no server has open:
 *
 *   CURRENT and identity can be read, and the clean end, where there is one, is the log's end
 *   records     decode; counts per database agree with the meta record; the deadline index agrees with the roots both ways; every page
 *               belongs to one live value and lies within it, or to garbage; ids are below the next ones
 *   binlog      from the first segment on: form, place, chain, CRC and commands of every group; no gap; the checkpoint ends a group
 *
 * Nothing of the data is changed (LevelDB itself writes its own log anew when it is opened) unless a cut is asked for.
 */
import { type BinlogSummary, checkBinlog, cutDamage } from './check-binlog.ts'
import { checkRecords, type RecordCounts } from './check-records.ts'
import { type CheckProgress, type Finding, Findings } from './check-report.ts'
import { currentGeneration, type Generation } from './directory.ts'
import type { Files } from './files.ts'
import { type Identity, previousOf, roleOf } from './identity.ts'
import { storedIdentity } from './identity-store.ts'
import type { RecordStore } from './record-store.ts'
import { DamageError } from './records.ts'

export interface CheckOptions {
  readonly files: Files
  readonly directory: string
  /** What it throws that is a DamageError is a finding; anything else, such as a lock, is the caller's. */
  readonly openRecords: (path: string) => Promise<RecordStore>
  readonly progress?: (progress: CheckProgress) => void
  /** What to do about a damaged binlog: nothing, or set the part aside that cannot be followed. */
  readonly repair?: 'nothing' | 'cut binlog'
}

export interface CheckReport {
  /** The first MAX_FINDINGS. */
  readonly findings: readonly Finding[]
  readonly damages: number
  readonly notes: number
  readonly records: RecordCounts
  readonly binlog: Omit<BinlogSummary, 'segments'> & { readonly segments: number }
  /** What was done, in words. */
  readonly repairs: readonly string[]
}

/** Resolves to what was found; rejects where the directory cannot be read at all or is in use. */
export async function checkDirectory(options: CheckOptions): Promise<CheckReport> {
  const { files, directory } = options
  const progress = options.progress ?? (() => {})
  const findings = new Findings()
  let records: RecordCounts = { roots: 0, volatile: 0, pages: 0, garbage: 0 }
  let binlog: BinlogSummary = { segments: [], groups: 0, commands: 0, end: 0, damagedAt: null }
  const repairs: string[] = []
  await guarded(findings, directory, async () => {
    const generation = currentGeneration(files, directory)
    const checked = await checkStore(options, generation, findings, progress)
    records = checked.counts
    const identity = readIdentity(files, directory, generation, findings)
    const start = { from: checked.checkpoint, ownFrom: typeof identity === 'string' ? 0 : identity.ownFrom }
    binlog = checkBinlog(files, generation.binlog, start, findings, progress)
    if (identity !== 'unreadable') checkIdentity(identity, directory, binlog, findings)
    if (options.repair === 'cut binlog') repairs.push(...cutDamage(files, generation.binlog, binlog, checked.checkpoint.offset))
  })
  const { damage: damages, note: notes } = findings.counts
  return { findings: findings.list, damages, notes, records, binlog: { ...binlog, segments: binlog.segments.length }, repairs }
}

/** Makes a finding of a DamageError. */
async function guarded(findings: Findings, place: string, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    findings.damage(place, error.message)
  }
}

async function checkStore(options: CheckOptions, generation: Generation, findings: Findings, progress: (progress: CheckProgress) => void) {
  const store = await options.openRecords(generation.db)
  try {
    const { meta, counts } = await checkRecords(store, findings, progress)
    return { counts, checkpoint: { offset: meta?.binlogOffset ?? 0, crc: meta?.binlogCrc ?? 0 } }
  } finally {
    await store.close()
  }
}

function readIdentity(files: Files, directory: string, generation: Generation, findings: Findings): Identity | 'missing' | 'unreadable' {
  try {
    return storedIdentity(files, directory, generation.name) ?? 'missing'
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    findings.damage(directory, error.message)
    return 'unreadable'
  }
}

function checkIdentity(identity: Identity | 'missing', directory: string, binlog: BinlogSummary, findings: Findings): void {
  if (identity === 'missing') {
    if (binlog.groups > 0) findings.damage(directory, 'there is a log, but no identity.json')
    return
  }
  const { cleanEnd } = identity
  const { offset: switchOffset } = previousOf(identity)
  if (binlog.damagedAt !== null) return
  if (roleOf(identity) === 'master' && switchOffset > binlog.end)
    findings.damage('identity.json', `its switch offset ${switchOffset} lies behind the end of the log, ${binlog.end}`)
  if (cleanEnd !== null && cleanEnd !== binlog.end)
    findings.damage('identity.json', `the log ended at ${cleanEnd} when the server was shut down, and ends at ${binlog.end} now`)
}
