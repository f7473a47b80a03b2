/** Answers LOADING to commands that read the disk while LevelDB is closed. */
import type { Steps } from '../../storage/scan/steps.ts'
import { isStoreNotOpen } from '../../storage/scan/walk.ts'
import { clientError } from '../contract/errors.ts'

/**
 * Runs steps that read LevelDB. Throws a LOADING error if it is closed, as it is for a moment while
 * the server recovers from a full disk. Clients retry after a LOADING error.
 */
export function* loadingIfClosed<T>(work: Steps<T>): Steps<T> {
  try {
    return yield* work
  } catch (error) {
    throw isStoreNotOpen(error) ? clientError('LOADING The database is being reopened after a disk error') : error
  }
}
