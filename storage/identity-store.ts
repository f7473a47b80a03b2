/** The identity in force, and the way to another one: on the medium first, then here. */
import type { Random } from './clock.ts'
import type { Files } from './files.ts'
import { readHistory } from './generations.ts'
import { type Identity, loadIdentity, newIdentity, replacedIdentity, saveIdentity } from './identity.ts'

/** What is stored, as of the generation in use: an end may have come after a full sync had put that in place and before it was noted. */
export function storedIdentity(files: Files, directory: string, generation: string): Identity | undefined {
  const found = loadIdentity(files, directory)
  if (found === undefined || found.generation === generation) return found
  const history = readHistory(files, directory, generation)
  return history === null ? { ...found, generation } : replacedIdentity(found, generation, history.replicationId, history.past)
}

export class IdentityStore {
  /** Asked when it could not be stored: whether it is worth trying once more at once. */
  makeRoom: (error: unknown) => boolean = () => false
  private readonly files: Files
  private readonly directory: string
  private readonly fatal: (error: unknown) => void
  private identity: Identity

  private constructor(files: Files, directory: string, fatal: (error: unknown) => void, identity: Identity) {
    this.files = files
    this.directory = directory
    this.fatal = fatal
    this.identity = identity
  }

  /** The one that is stored, or a new one, which is stored with the first change. */
  static open(files: Files, directory: string, generation: string, random: Random, fatal: (error: unknown) => void): IdentityStore {
    const identity = storedIdentity(files, directory, generation) ?? newIdentity(random, generation)
    return new IdentityStore(files, directory, fatal, identity)
  }

  get current(): Identity {
    return this.identity
  }

  /** Throws the file system's error with the old one in force. Where it cannot be known which one is stored, the process must end. */
  save(identity: Identity): void {
    try {
      this.store(identity)
    } catch (error) {
      if (!this.makeRoom(error)) throw error
      this.store(identity)
    }
    this.identity = identity
  }

  private store(identity: Identity): void {
    try {
      saveIdentity(this.files, this.directory, identity)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === 'fsync') this.fatal(error)
      throw error
    }
  }
}
