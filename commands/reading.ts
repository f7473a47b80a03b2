/** What asynchronous commands that read the disk tell their clients when it cannot be read for a moment. */
import { isStoreNotOpen } from '../storage/walk.ts'
import { clientError } from './errors.ts'

/** LevelDB is closed for a moment while the server recovers from a full disk: clients know to come back after this. */
export async function reading<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw isStoreNotOpen(error) ? clientError('LOADING The database is being reopened after a disk error') : error
  }
}
