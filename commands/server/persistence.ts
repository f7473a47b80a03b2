/**
 * SAVE BGSAVE BGREWRITEAOF LASTSAVE SHUTDOWN. The first three run a checkpoint: LevelDB is brought
 * up to date, and recovery no longer needs the binlog before it.
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { type Command, command } from '../contract/command.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import type { ShutdownOptions, StoragePort } from '../contract/ports.ts'
import { OK, SimpleString } from '../contract/reply.ts'
import { isToken } from '../parsing/args.ts'
import { waitAlone } from '../parsing/wait-alone.ts'

const alreadySaving = () => clientError('ERR Background save already in progress')

/**
 * Starts a checkpoint without waiting. Its result is logged and shown by INFO, and the storage
 * retries a failure.
 */
function checkpointInBackground(storage: StoragePort): void {
  storage.checkpoint().catch(rethrowAssertion)
}

/** Rejects with a ClientError. */
export async function checkpointOrRefuse(storage: StoragePort): Promise<void> {
  try {
    await storage.checkpoint()
  } catch (error) {
    rethrowAssertion(error)
    throw clientError(`ERR ${error instanceof Error ? error.message : 'the checkpoint failed'}`)
  }
}

/** SAVE blocks only the calling client; Redis blocks all clients. */
const save = command({
  name: 'save',
  group: 'server',
  since: '1.0.0',
  summary: 'Synchronously saves the database(s) to disk.',
  complexity: 'O(N) where N is the total number of keys in all databases',
  syntax: 'SAVE',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading', 'no_multi'],
  *steps({ server: { storage } }) {
    if (storage.isCheckpointRunning) throw alreadySaving()
    yield* waitAlone(() => checkpointOrRefuse(storage))
    return OK
  },
})

const bgsave = command({
  name: 'bgsave',
  group: 'server',
  since: '1.0.0',
  summary: 'Asynchronously saves the database(s) to disk.',
  complexity: 'O(1)',
  syntax: 'BGSAVE [SCHEDULE]',
  history: [['3.2.2', 'Added the `SCHEDULE` option.']],
  arity: -1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  run({ server: { storage } }, args) {
    const isScheduled = args.length > 1
    if (isScheduled && (args.length > 2 || !isToken(args[1], 'schedule'))) throw syntaxError()
    const running = storage.isCheckpointRunning
    if (running && !isScheduled) throw alreadySaving()
    checkpointInBackground(storage)
    return new SimpleString(running ? 'Background saving scheduled' : 'Background saving started')
  },
})

/**
 * BGREWRITEAOF during a checkpoint starts another one after it, as Redis schedules it after a save.
 */
const bgrewriteaof = command({
  name: 'bgrewriteaof',
  group: 'server',
  since: '1.0.0',
  summary: 'Asynchronously rewrites the append-only file to disk.',
  complexity: 'O(1)',
  syntax: 'BGREWRITEAOF',
  arity: 1,
  flags: ['admin', 'noscript', 'no_async_loading'],
  run({ server: { storage } }) {
    const running = storage.isCheckpointRunning
    checkpointInBackground(storage)
    return new SimpleString(`Background append only file rewriting ${running ? 'scheduled' : 'started'}`)
  },
})

const lastsave = command({
  name: 'lastsave',
  group: 'server',
  since: '1.0.0',
  summary: 'Returns the Unix timestamp of the last successful save to disk.',
  complexity: 'O(1)',
  syntax: 'LASTSAVE',
  tips: ['nondeterministic_output'],
  categories: ['admin', 'dangerous'],
  arity: 1,
  flags: ['loading', 'stale', 'fast'],
  run: ({ server }) => server.storage.lastCheckpointSeconds,
})

const SHUTDOWN_WORDS = ['nosave', 'save', 'now', 'force', 'abort'] as const

type ShutdownWord = (typeof SHUTDOWN_WORDS)[number]

function readShutdownWords(args: readonly string[]): ReadonlySet<ShutdownWord> {
  const words = new Set<ShutdownWord>()
  for (const arg of args.slice(1)) {
    const word = SHUTDOWN_WORDS.find((token) => isToken(arg, token))
    if (word === undefined) throw syntaxError()
    words.add(word)
  }
  if ((words.has('abort') && words.size > 1) || (words.has('save') && words.has('nosave'))) throw syntaxError()
  return words
}

function shutdownOptions(words: ReadonlySet<ShutdownWord>): ShutdownOptions {
  const save = words.has('save') ? 'save' : words.has('nosave') ? 'nosave' : 'default'
  return { save, isImmediate: words.has('now'), isForced: words.has('force') }
}

/**
 * NOSAVE skips the last checkpoint: the next start replays the binlog, and nothing is lost.
 * SHUTDOWN answers only if the server continues.
 */
const shutdown = command({
  name: 'shutdown',
  group: 'server',
  since: '1.0.0',
  summary: 'Synchronously saves the database(s) to disk and shuts down the Redis server.',
  complexity: 'O(N) when saving, where N is the total number of keys in all databases when saving data, otherwise O(1)',
  syntax: 'SHUTDOWN [NOSAVE | SAVE] [NOW] [FORCE] [ABORT]',
  history: [['7.0.0', 'Added the `NOW`, `FORCE` and `ABORT` modifiers.']],
  arity: -1,
  flags: ['admin', 'noscript', 'loading', 'stale', 'no_multi', 'allow_busy'],
  *steps({ server }, args) {
    const words = readShutdownWords(args)
    if (!words.has('abort')) return yield* waitAlone(() => server.shutdown(shutdownOptions(words)))
    if (!server.abortShutdown()) throw clientError('ERR No shutdown in progress.')
    return OK
  },
})

export const persistence: readonly Command[] = [save, bgsave, bgrewriteaof, lastsave, shutdown]
