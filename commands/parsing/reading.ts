/** The error that scanning commands give while the disk cannot be read. */
import type { Steps } from '../../storage/scan/steps.ts'
import { isStoreNotOpen } from '../../storage/scan/walk.ts'
import { clientError } from '../contract/errors.ts'

/**
 * LevelDB closes for a moment while the server recovers from a full disk. Clients know to retry
 * after a LOADING error.
 */
export function* reading<T>(work: Steps<T>): Steps<T> {
  try {
    return yield* work
  } catch (error) {
    throw isStoreNotOpen(error) ? clientError('LOADING The database is being reopened after a disk error') : error
  }
}
