/** The identity in force, and its file. A new identity takes effect only once it is durable. */
import { join } from 'node:path'
import { assert, must } from '../../base/assert.ts'
import type { Random } from '../../base/clock.ts'
import type { Files } from '../../base/files.ts'
import { DamageError, RESTORE_ADVICE } from '../records/records.ts'
import { readHistory } from './data-sets.ts'
import {
  IDENTITY_ADVICE,
  type Identity,
  identityPath,
  identityWithId,
  loadStored,
  newIdentity,
  replacedIdentity,
  type StoredIdentity,
  saveIdentity,
} from './identity.ts'
import { readWitness, type Testimony, type Witness } from './witness.ts'

/**
 * Returns the stored identity, brought up to the data set in use, whose name is `generation`. A
 * full sync that was killed may have changed CURRENT and not identity.json. Returns undefined if no
 * identity is stored. Throws DamageError if a file that it depends on is missing or an older copy.
 */
export function storedIdentity(
  files: Files,
  directory: string,
  generation: string,
  witness: Testimony | null = readWitness(files, directory),
): StoredIdentity | undefined {
  const stored = loadStored(files, directory)
  if (stored === undefined) return undefined
  const { identity, revision } = stored
  const newest = must([identity.generation, witness?.generation ?? ''].sort().at(-1))
  if (newest > generation) {
    const pointer = join(directory, 'CURRENT')
    throw new DamageError(`${pointer} names ${generation} although ${newest} was in use: it is an older copy; ${RESTORE_ADVICE}`)
  }
  if (witness !== null && revision < witness.revision) {
    throw new DamageError(`${identityPath(directory)} is an older copy: revision ${revision} of ${witness.revision}; ${IDENTITY_ADVICE}`)
  }
  if (identity.generation === generation) return stored
  const history = readHistory(files, directory, generation)
  if (history !== null) return { identity: replacedIdentity(identity, generation, history.replicationId, history.past), revision }
  if (identity.generation === '') return { identity: { ...identity, generation }, revision }
  throw new DamageError(`${join(directory, generation, 'history.json')} is missing: the history of this data is unknown; ${RESTORE_ADVICE}`)
}

export interface IdentityStoreOptions {
  readonly files: Files
  readonly directory: string
  /** The name of the data set in use. */
  readonly generation: string
  readonly fatal: (error: unknown) => void
  readonly witness: Witness
  /**
   * Called when an identity could not be stored. Returns true if an immediate retry is worthwhile.
   */
  freeDiskSpace(error: unknown): boolean
}

/**
 * Returns the stored identity. A new directory has none: there it returns an identity with a random
 * replication id, which the first `save` stores. Throws DamageError if the identity is missing
 * although the directory is not new.
 */
export function openIdentity(
  { files, directory, generation, random, witness }: Omit<IdentityStoreOptions, 'fatal' | 'freeDiskSpace'> & { readonly random: Random },
  isNew: boolean,
): StoredIdentity {
  const stored = storedIdentity(files, directory, generation, witness.found)
  if (stored === undefined && !isNew) {
    throw new DamageError(`${identityPath(directory)} is missing: it is unknown whether this was a master or a replica; ${IDENTITY_ADVICE}`)
  }
  const { identity, revision } = stored ?? { identity: newIdentity(random, generation), revision: 0 }
  return { identity: identityWithId(identity, random), revision }
}

/** The identity in force, and its file. */
export class IdentityStore {
  private readonly options: IdentityStoreOptions
  private identity: Identity
  private revision: number

  constructor(options: IdentityStoreOptions, { identity, revision }: StoredIdentity) {
    this.options = options
    this.identity = identity
    this.revision = revision
  }

  get current(): Identity {
    return this.identity
  }

  /**
   * Stores an identity. Throws the file system's error and keeps the old one in force. After a
   * failed fsync the stored version is unknown, so the process must end.
   */
  save(identity: Identity): void {
    try {
      this.store(identity)
    } catch (error) {
      if (!this.options.freeDiskSpace(error)) throw error
      this.store(identity)
    }
    assert(identity.generation >= this.identity.generation, 'the name of the data set in use only grows')
    this.identity = identity
    this.revision++
    this.options.witness.identityStored(identity.generation, this.revision)
  }

  private store(identity: Identity): void {
    const { files, directory, fatal } = this.options
    try {
      saveIdentity(files, directory, identity, this.revision + 1)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === 'fsync') fatal(error)
      throw error
    }
  }
}
