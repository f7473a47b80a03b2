/**
 * Who this node is, in a file of its own beside the data: written with fsync and rename before anything that announces it.
 *
 * `replicationId` names the history that the binlog continues; `previousId` with `switchOffset` names the one before and where it was left,
 * so that replicas that are not ahead of that can go on. `cleanEnd` is the binlog's end at a clean shutdown; it is taken away at the start,
 * so a crash leaves none.
 */
import { join } from 'node:path'
import { bufferOf, bytesOf } from './bytes.ts'
import type { Random } from './clock.ts'
import { type Files, replaceFileSync } from './files.ts'
import { DamageError } from './records.ts'

export interface Identity {
  readonly replicationId: string
  readonly previousId: string
  /** Offset up to which the previous id's history is this one's, or -1. */
  readonly switchOffset: number
  readonly cleanEnd: number | null
}

/** The id that stands for none, as in Redis. */
const NO_REPLICATION_ID = '0'.repeat(40)

export function randomHex(random: Random, digits: number): string {
  let hex = ''
  while (hex.length < digits) hex += Math.floor(random() * 16).toString(16)
  return hex
}

export function newIdentity(random: Random): Identity {
  return { replicationId: randomHex(random, 40), previousId: NO_REPLICATION_ID, switchOffset: -1, cleanEnd: 0 }
}

/** The identity with which a master goes on after a start that found `end` as the end of its binlog. */
export function startedIdentity(identity: Identity, end: number, random: Random): Identity {
  if (identity.cleanEnd === end) return { ...identity, cleanEnd: null }
  return { replicationId: randomHex(random, 40), previousId: identity.replicationId, switchOffset: end, cleanEnd: null }
}

const FILE_NAME = 'identity.json'

export function loadIdentity(files: Files, directory: string): Identity | undefined {
  const path = join(directory, FILE_NAME)
  if (!files.existsSync(path)) return undefined
  const file = files.openSync(path, 'read')
  const text = bytesOf(file.readSync(0, file.sizeSync()))
  file.closeSync()
  let identity: Identity
  try {
    identity = JSON.parse(text) as Identity
  } catch {
    throw new DamageError(`${path} is not JSON`)
  }
  const isId = (id: unknown) => typeof id === 'string' && /^[0-9a-f]{40}$/.test(id)
  if (!isId(identity.replicationId) || !isId(identity.previousId) || !Number.isSafeInteger(identity.switchOffset)) {
    throw new DamageError(`${path} does not hold an identity`)
  }
  return identity
}

export function saveIdentity(files: Files, directory: string, identity: Identity): void {
  replaceFileSync(files, join(directory, FILE_NAME), bufferOf(`${JSON.stringify(identity, null, 2)}\n`))
}
