/**
 * The work that a server does while its latencies are measured: nothing else, a checkpoint, a full
 * sync, the expiry of many keys; or it has many keys.
 */
import { batchesOf, Connection, encode } from '../support/connection.ts'
import { loadKeys } from '../support/load.ts'
import { ask, type Build, endProgram, type Program, startBuild } from '../support/programs.ts'

export interface ScenarioSizes {
  /** Keys of the plain scenarios, and of the one with many keys. */
  readonly keys: number
  readonly manyKeys: number
  readonly expiringKeys: number
  readonly seconds: number
}

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly keys: (sizes: ScenarioSizes) => number
  /** Starts what runs beside the requests. The function that it returns ends it. */
  readonly begin?: (program: Program, build: Build, sizes: ScenarioSizes) => Promise<() => Promise<void>>
}

const VALUE_BYTES = 64
const COMMANDS_PER_WRITE = 100
const MAX_UNANSWERED = 1000
/** Time between the last deadline that is set and the first one that is due. */
const MARGIN_MS = 1000
const nothing = async () => {}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'plain', title: 'nothing else', keys: ({ keys }) => keys },
  { name: 'checkpoint', title: 'a checkpoint, or an AOF rewrite', keys: ({ keys }) => keys, begin: checkpoint },
  { name: 'sync', title: 'a full sync', keys: ({ keys }) => keys, begin: fullSync },
  { name: 'expiry', title: 'keys expire', keys: ({ keys }) => keys, begin: expire },
  { name: 'many', title: 'many keys', keys: ({ manyKeys }) => manyKeys },
]

/** Overwrites all keys, so that there is much to write, and starts writing it. */
async function checkpoint(program: Program, _build: Build, { keys }: ScenarioSizes): Promise<() => Promise<void>> {
  await loadKeys(program.port, keys, VALUE_BYTES)
  await ask(program.port, program.name === 'haypile' ? 'BGSAVE' : 'BGREWRITEAOF')
  return nothing
}

async function fullSync(program: Program, build: Build): Promise<() => Promise<void>> {
  if (build.name === 'redis') await ask(program.port, 'CONFIG SET repl-diskless-sync-delay 0')
  const replica = await startBuild(build)
  await ask(replica.port, `REPLICAOF 127.0.0.1 ${program.port}`)
  return () => endProgram(replica)
}

/** Loads keys whose deadlines are spread over the first half of the measurement that follows. */
async function expire(program: Program, _build: Build, { expiringKeys, seconds }: ScenarioSizes): Promise<() => Promise<void>> {
  const connection = await Connection.open(program.port)
  const requests = function* (words: (key: number) => readonly (string | number)[]) {
    for (let key = 0; key < expiringKeys; key++) yield encode(words(key))
  }
  const send = (words: (key: number) => readonly (string | number)[]) =>
    connection.pipeline(batchesOf(requests(words), COMMANDS_PER_WRITE), MAX_UNANSWERED)
  // Setting the deadlines takes about as long as setting the keys did: none is due before its end.
  const loadedFromMs = Date.now()
  await send((key) => ['SET', `volatile:${key}`, 'value'])
  const firstDueMs = Date.now() + 2 * (Date.now() - loadedFromMs) + MARGIN_MS
  await send((key) => ['PEXPIREAT', `volatile:${key}`, firstDueMs + Math.floor((key / expiringKeys) * seconds * 500)])
  connection.close()
  const waitMs = firstDueMs - Date.now()
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
  return nothing
}
