/** Opens the data directory, within the configuration and the limit on open files. */
import { rethrowAssertion } from '../../base/assert.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { realFiles } from '../../base/files.ts'
import type { Log } from '../../base/log.ts'
import type { KeyEvents } from '../../storage/keyspace/key-events.ts'
import { LevelRecords } from '../../storage/records/level-records.ts'
import { Storage, type StorageEvents } from '../../storage/storage.ts'
import type { Config } from '../config/config.ts'
import { storageSettings } from '../config/settings.ts'
import type { FileBudget } from '../process/open-files.ts'

export interface OpenStorageOptions {
  readonly config: Config
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly budget: FileBudget
  readonly events: StorageEvents
  readonly keyEvents: KeyEvents
  /** Ends the process. */
  readonly exit: (status: number) => void
}

/** Locks the directory. Rejects with a message for the operator. */
export async function openStorage({ config, log, clock, random, budget, events, keyEvents, exit }: OpenStorageOptions): Promise<Storage> {
  const directory = config.path('dir')
  const level = {
    writeBufferBytes: config.number('level-write-buffer'),
    blockCacheBytes: config.number('level-block-cache'),
    maxOpenFiles: budget.levelFilesBeside(config.number('maxclients')),
  }
  try {
    return await Storage.open({
      directory,
      files: realFiles,
      openRecords: (path, mode) => LevelRecords.open(path, level, mode),
      clock,
      random,
      log,
      settings: storageSettings(config),
      events,
      keyEvents,
      fatal: (error) => {
        log.error({ error: String(error) }, 'cannot write to the disk; exiting now, the next start recovers from the data on disk')
        exit(1)
      },
    })
  } catch (error) {
    rethrowAssertion(error)
    throw new Error(openFailure(error, directory))
  }
}

/** Describes in one line why a data directory could not be opened. */
function openFailure(error: unknown, directory: string): string {
  const { message, cause } = error as { message: string; cause?: { code?: string; message?: string } }
  if (cause?.code === 'LEVEL_LOCKED') return `the data directory ${directory} is in use by another process`
  return `the data directory ${directory} cannot be opened: ${cause?.message ?? message}`
}
