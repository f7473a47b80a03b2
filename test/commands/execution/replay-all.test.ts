/**
 * The log has the same effects elsewhere. Commands of every kind run on one keyspace and their log
 * on another one. The other differs in configuration, page sizes, chance, and the share of data in
 * memory. Both hold the same data after each command.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { databasesDigest } from '../../../commands/server/debug-digest.ts'
import { runLater } from '../../../storage/scan/steps.ts'
import { ALL_KEYS, type WalkedKey, walkAll } from '../../../storage/scan/walk.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { FIELD_WRITES, makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { fromSeed, type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const FAMILIES = [...dataFamilies, connection]
const WORLDS = 12
const COMMANDS = 3000
const DATABASES = 3
const TINY_PAGES = { inlineBytes: 60, pageBytes: 100, pageElements: 5 }

/** Forms of requests with their weights. Those that empty everything are rare. */
const FORMS = [...WRITES, ...WRITES, ...FIELD_WRITES, ...FIELD_WRITES, ...READS]
const isDrastic = (form: Bytes) => /^(FLUSHDB|SWAPDB|DEL)/.test(form)

/** Returns the digest of a keyspace and the deadlines of its keys, which the digest leaves out. */
async function contentOf({ keyspace }: Harness): Promise<Bytes> {
  const deadlines: Bytes[] = []
  for (const db of keyspace.databases.slice(0, DATABASES)) {
    const note = (keys: readonly WalkedKey[]) => {
      for (const { key } of keys) deadlines.push(`${db.index} ${key} ${db.lookup(key)?.expireAtMs}`)
    }
    await runLater(walkAll(db, ALL_KEYS, note))
  }
  return `${await runLater(databasesDigest(keyspace))}\n${deadlines.join('\n')}`
}

/** Returns a keyspace that replays a log under its own configuration. */
function follower(chance: Seeded): Harness {
  const made = harness(FAMILIES)
  const small = () => String(1 + chance.integer(5))
  made.server.config.set([
    ['hash-max-listpack-entries', small()],
    ['list-max-listpack-size', small()],
    ['set-max-intset-entries', small()],
    ['set-max-listpack-entries', small()],
    ['zset-max-listpack-entries', small()],
    ['stream-node-max-entries', small()],
    ['hll-sparse-max-bytes', '30'],
    ['proto-max-bulk-len', '1mb'],
  ])
  made.server.random = chance.random
  made.keyspace.pageLimits = TINY_PAGES
  made.keyspace.expiryMode = 'hide'
  return made
}

function makeMaster(chance: Seeded): Harness {
  const made = harness(FAMILIES)
  made.server.config.set([
    ['stream-node-max-entries', '4'],
    ['hll-sparse-max-bytes', '200'],
  ])
  made.server.random = chance.random
  made.executor.context.mayBlock = false
  return made
}

async function world(seed: number): Promise<void> {
  const chance = fromSeed(seed)
  const master = makeMaster(chance)
  const other = follower(fromSeed(seed + 1))
  const recent: Bytes[] = []
  for (let i = 1; i <= COMMANDS; i++) {
    const passed = chance.random() < 0.01 ? chance.integer(3000) : chance.integer(10)
    master.advance(passed)
    other.advance(passed)
    const form = chance.pick(FORMS)
    if (isDrastic(form) && chance.random() < 0.8) continue
    const request = makeRequest(form, chance)
    master.session.database = chance.random() < 0.8 ? 0 : chance.integer(DATABASES)
    try {
      await master.runAsync(...request)
    } catch (error) {
      if (!(error instanceof ClientError) || error.message.includes('internal error')) throw error
    }
    const logged = master.logged()
    recent.push(`${master.session.database}> ${request.join(' ')}`, ...logged.map((words) => `    ${words.join(' ')}`))
    try {
      other.replay(logged)
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message} after\n${recent.slice(-15).join('\n')}`)
    }
    if (chance.random() < 0.02) await chance.pick([master, other]).toDisk()
    if (i % 50 !== 0) continue
    assert.is(await contentOf(other), await contentOf(master), `seed ${seed}: different after\n${recent.slice(-60).join('\n')}`)
  }
}

const { integer } = seeded('replay of all commands')
for (let i = 0; i < WORLDS; i++) {
  const seed = integer(2 ** 32)
  test(`the log of random commands has the same effects elsewhere, ${i + 1}`, () => world(seed))
}

test.run()
