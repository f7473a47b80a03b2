/** What commands that walk tell their clients when the disk cannot be read for a moment. */
import type { Steps } from '../../storage/scan/steps.ts'
import { isStoreNotOpen } from '../../storage/scan/walk.ts'
import { clientError } from '../core/errors.ts'

/** LevelDB is closed for a moment while the server recovers from a full disk: clients know to come back after this. */
export function* reading<T>(work: Steps<T>): Steps<T> {
  try {
    return yield* work
  } catch (error) {
    throw isStoreNotOpen(error) ? clientError('LOADING The database is being reopened after a disk error') : error
  }
}
