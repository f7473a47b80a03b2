/** Restores changed payloads, one after the other, and runs commands on the values. */
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { objects } from '../../../commands/keys/object.ts'
import { TYPE_HASH_METADATA_PRE_GA } from '../../../rdb/format/codes.ts'
import { dataFamilies } from '../generators/data-families.ts'
import { makeRequest, READS, WRITES } from '../generators/request-grammar.ts'
import type { Seeded } from '../generators/seed.ts'
import { checkMemory, checkStored } from '../harness/engine-invariants.ts'
import { type Harness, harness } from '../harness/harness.ts'
import { mutatedPayload } from './mutations.ts'

const COMMANDS_PER_VALUE = 5
/** Values between two checks of all invariants; the stored ones are checked less often. */
const CHECKED_VALUES = 100
const STORED_VALUES = 1000
/** Far more than a payload takes on a busy machine. */
const MAX_RESTORE_MS = 5000

const FORMS = [...WRITES, ...READS].filter((form) => /^[A-Z_|]+ \$(?:key|list|set|zset|hash|stream|str) /.test(`${form} `))

/**
 * Restores `rounds` changed payloads. Asserts that a refused one changes nothing, and that commands
 * and the checker find no fault with the others. Returns how many were taken.
 */
export async function walkPayloads(chance: Seeded, payloads: readonly Buffer[], rounds: number): Promise<number> {
  const made = harness([...dataFamilies, objects])
  made.executor.context.mayBlock = false
  let taken = 0
  for (let round = 0; round < rounds; round++) {
    const payload = mutatedPayload(chance, chance.pick(payloads)).latin1Slice()
    try {
      if (!isTaken(made, payload)) continue
      taken++
      if (made.run('EXISTS', 'k') === 1) await useValue(made, chance, 'k')
      // The changed deadlines of all fields of a hash are past.
      else assert.ok(payload.charCodeAt(0) >= TYPE_HASH_METADATA_PRE_GA)
      await check(made, taken)
    } catch (cause) {
      throw new Error(`round ${round}, ${String(cause)}: ${Buffer.from(payload, 'latin1').toString('hex').slice(0, 4000)}`, { cause })
    }
  }
  return taken
}

function isTaken(made: Harness, payload: Bytes): boolean {
  const { changes } = made.keyspace
  const startMs = performance.now()
  const reply = made.answer('RESTORE', 'k', '0', payload)
  assert.ok(performance.now() - startMs < MAX_RESTORE_MS, 'a payload takes too long')
  if (!(reply instanceof ClientError)) return true
  assert.match(reply.message, /^ERR (Bad data format|DUMP payload version)/)
  assert.is(made.keyspace.changes, changes)
  return false
}

/** Writes a value as a payload, and runs commands on it. Throws what only a bug can cause. */
export async function useValue(made: Harness, chance: Seeded, key: Bytes): Promise<void> {
  assert.is(typeof made.plain('DUMP', key), 'string')
  for (let i = 0; i < COMMANDS_PER_VALUE; i++) {
    const [name, , ...words] = makeRequest(chance.pick(FORMS), chance)
    const answer = await made.runAsync(name!, key, ...words).catch((error: Error) => error)
    if (answer instanceof Error && (!(answer instanceof ClientError) || answer.message.includes('internal'))) throw answer
  }
}

async function check(made: Harness, taken: number): Promise<void> {
  if (taken % CHECKED_VALUES === 0) checkMemory(made.keyspace)
  if (taken % STORED_VALUES === 0) {
    await made.toDisk()
    await checkStored(made.records)
  }
  made.run('DEL', 'k')
  if (taken % CHECKED_VALUES === 0) made.logged()
}
