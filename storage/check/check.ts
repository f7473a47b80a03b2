/**
 * Verifies every invariant of a data directory that no server has open:
 *
 *   CURRENT, identity.json   can be read and agree with the witness; a clean end is the log's end
 *   records     decode; counts per database agree with the meta record; the deadline index agrees
 *               with the roots both ways; every page belongs to one live value and lies within
 *               it, or to garbage; ids are below the next ones
 *   binlog      from the first segment on: form, offset, chain, CRC and commands of every group;
 *               no gap; the checkpoint ends a group
 *
 * The data is not changed (LevelDB itself rewrites its own log when it is opened) unless a cut or a
 * new identity is requested.
 */
import type { Files } from '../../base/files.ts'
import { currentDataSet, type DataSet } from '../directory/directory.ts'
import { blankIdentity, type Identity, identityPath, previousOf, roleOf, saveIdentity } from '../directory/identity.ts'
import { storedIdentity } from '../directory/identity-store.ts'
import { readWitness, replaceWitness } from '../directory/witness.ts'
import type { RecordStore } from '../records/record-store.ts'
import { DamageError } from '../records/records.ts'
import { type BinlogSummary, checkBinlog } from './binlog.ts'
import { cutDamage } from './cut.ts'
import { checkRecords, type RecordCounts } from './records.ts'
import { type CheckProgress, type Finding, Findings } from './report.ts'

export interface CheckOptions {
  readonly files: Files
  readonly directory: string
  /**
   * Opens the records. A DamageError that it throws is a finding; the caller gets other errors,
   * such as a lock.
   */
  readonly openRecords: (path: string) => Promise<RecordStore>
  readonly progress?: (progress: CheckProgress) => void
  readonly repair?: Repair
}

/**
 * The repair of damage: nothing, setting aside the part of the binlog that cannot be followed, or
 * replacing an unknown identity.
 */
export type Repair = 'nothing' | 'cut-binlog' | 'new-identity'

export interface CheckReport {
  /** The first MAX_FINDINGS. */
  readonly findings: readonly Finding[]
  readonly damages: number
  readonly notes: number
  readonly records: RecordCounts
  readonly binlog: Omit<BinlogSummary, 'segments'> & { readonly segments: number }
  /** The repairs that were made, as sentences. */
  readonly repairs: readonly string[]
}

/** Resolves to the report. Rejects if the directory cannot be read at all or is in use. */
export async function checkDirectory(options: CheckOptions): Promise<CheckReport> {
  const { files, directory } = options
  const progress = options.progress ?? (() => {})
  const findings = new Findings()
  let records: RecordCounts = { roots: 0, volatile: 0, pages: 0, garbage: 0 }
  let binlog: BinlogSummary = { segments: [], groups: 0, commands: 0, end: 0, damagedOffset: null }
  const repairs: string[] = []
  await guarded(findings, directory, async () => {
    const dataSet = currentDataSet(files, directory)
    const checked = await checkStore(options, dataSet, findings, progress)
    records = checked.counts
    const identity = readIdentity(files, directory, dataSet, findings)
    const witness = readWitness(files, directory)
    const durable = witness?.generation === dataSet.name ? witness.offset : 0
    const start = { from: checked.checkpoint, ownFrom: typeof identity === 'string' ? 0 : identity.ownFrom, durable }
    binlog = checkBinlog(files, dataSet.binlog, start, findings, progress)
    if (identity !== 'unreadable') checkIdentity(identity, directory, binlog, findings)
    if (options.repair === 'cut-binlog') {
      const { offset } = checked.checkpoint
      repairs.push(...cutDamage(files, dataSet.binlog, binlog, offset))
      acceptCut(options, dataSet, Math.max(offset, Math.min(binlog.end, binlog.damagedOffset ?? binlog.end)))
    }
    if (options.repair === 'new-identity') repairs.push(replaceIdentity(options, dataSet, identity))
  })
  const { damage: damages, note: notes } = findings.counts
  return { findings: findings.list, damages, notes, records, binlog: { ...binlog, segments: binlog.segments.length }, repairs }
}

/** Turns a DamageError into a finding. */
async function guarded(findings: Findings, place: string, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    findings.damage(place, error.message)
  }
}

async function checkStore(options: CheckOptions, dataSet: DataSet, findings: Findings, progress: (progress: CheckProgress) => void) {
  const store = await options.openRecords(dataSet.db)
  try {
    const { meta, counts } = await checkRecords(store, findings, progress)
    return { counts, checkpoint: { offset: meta?.binlogOffset ?? 0, crc: meta?.binlogCrc ?? 0 } }
  } finally {
    await store.close()
  }
}

function readIdentity(files: Files, directory: string, dataSet: DataSet, findings: Findings): Identity | 'missing' | 'unreadable' {
  try {
    return storedIdentity(files, directory, dataSet.name)?.identity ?? 'missing'
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    findings.damage(directory, error.message)
    return 'unreadable'
  }
}

function checkIdentity(identity: Identity | 'missing', directory: string, binlog: BinlogSummary, findings: Findings): void {
  if (identity === 'missing') {
    if (binlog.segments.length > 0) findings.damage(directory, 'a log exists, but identity.json is missing')
    return
  }
  const { cleanEnd } = identity
  const { offset: switchOffset } = previousOf(identity)
  if (binlog.damagedOffset !== null) return
  if (roleOf(identity) === 'master' && switchOffset > binlog.end)
    findings.damage('identity.json', `its switch offset ${switchOffset} is past the end of the log, ${binlog.end}`)
  if (cleanEnd !== null && cleanEnd !== binlog.end)
    findings.damage('identity.json', `the log ended at ${cleanEnd} when the server was shut down, and ends at ${binlog.end} now`)
}

/** Adjusts the witness and the clean end after a cut, so that they do not demand the lost part. */
function acceptCut({ files, directory }: CheckOptions, dataSet: DataSet, end: number): void {
  const witness = readWitness(files, directory)
  const stored = storedIdentity(files, directory, dataSet.name, witness)
  if (stored !== undefined && (stored.identity.cleanEnd ?? 0) > end)
    saveIdentity(files, directory, { ...stored.identity, cleanEnd: null }, stored.revision + 1)
  if (witness !== null && witness.offset > end) replaceWitness(files, directory, { ...witness, offset: end })
}

/** Replaces an unknown identity by one without a past. */
function replaceIdentity(options: CheckOptions, { name }: DataSet, found: Identity | 'missing' | 'unreadable'): string {
  const { files, directory } = options
  const path = identityPath(directory)
  if (typeof found !== 'string') return `${path} is valid and was left unchanged`
  const revision = (readWitness(files, directory)?.revision ?? 0) + 1
  saveIdentity(files, directory, blankIdentity(name), revision)
  return `${path} was replaced: the next start is as a master unless replicaof is configured`
}
