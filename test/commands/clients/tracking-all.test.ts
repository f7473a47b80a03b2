/**
 * No change escapes client tracking. Random commands of every kind run, and after each one every
 * key is compared with its former value. Commands that only read invalidate nothing. Expiry and the
 * log, as a replica replays it, are compared, too.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { connection } from '../../../commands/clients/connection.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { valueDigest } from '../../../commands/server/debug-digest.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { FIELD_WRITES, KEY_KINDS, makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { seeded } from '../../support/generators/seed.ts'
import { FakeSession } from '../../support/harness/fake-session.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const COMMANDS = 2000
const DATABASES = 3
const KEYS = KEY_KINDS.flatMap((kind) => [0, 1, 2, 3].map((number) => `${kind}${number}`))

/** Returns a client that tracks every key. */
function listenerOf({ executor }: Harness) {
  const session = new FakeSession(99)
  session.resp = 3
  executor.tracking.enable(session, { redirect: 0, isBroadcast: true, choice: 'all', mustSkipOwn: false }, [])
  return {
    /** Returns the keys invalidated since the last call; null for all keys. */
    told(): ReadonlySet<Bytes> | null {
      executor.tracking.endTurn()
      const messages = session.pushed.splice(0).map(({ items }) => items[1] as readonly Bytes[] | null)
      return messages.includes(null) ? null : new Set(messages.flatMap((keys) => keys ?? []))
    },
  }
}

/** The prefix of a hash's digest. */
const HASH_MARK = 'hash '

/** Returns value and deadline of each key. */
function contentOf({ keyspace }: Harness): Map<Bytes, Bytes> {
  const content = new Map<Bytes, Bytes>()
  const { isUseCounted } = keyspace
  keyspace.isUseCounted = false
  for (const db of keyspace.databases.slice(0, DATABASES)) {
    for (const key of KEYS) {
      const digest = valueDigest(db, key)
      const entry = db.lookup(key)
      content.set(`${db.index} ${key}`, `${entry?.value instanceof Hash ? HASH_MARK : ''}${digest} ${entry?.expireAtMs ?? 0}`)
    }
  }
  keyspace.isUseCounted = isUseCounted
  return content
}

function changedKeys(before: Map<Bytes, Bytes>, after: Map<Bytes, Bytes>): Bytes[] {
  return [...after].filter(([name, what]) => before.get(name) !== what).map(([name]) => name.slice(2))
}

/**
 * Returns true for the name of a hash in one of the databases: RENAME and COPY give hashes the
 * names of other types.
 */
function isHash(content: Map<Bytes, Bytes>, key: Bytes): boolean {
  return [...content].some(([name, what]) => name.slice(2) === key && what.startsWith(HASH_MARK))
}

test('every change of a key is sent to its readers, and reads send nothing', async () => {
  const chance = seeded('changes that are told')
  const master = harness([...dataFamilies, connection])
  const replica = harness([...dataFamilies, connection])
  replica.keyspace.expiryMode = 'hide'
  master.executor.context.mayBlock = false
  const [onMaster, onReplica] = [listenerOf(master), listenerOf(replica)]
  let [before, replicaBefore] = [contentOf(master), contentOf(replica)]
  let changes = 0
  const forms = [...WRITES, ...WRITES, ...FIELD_WRITES, ...READS]
  /** Reads every key, so that expired ones are found, and returns the keys invalidated by that. */
  const pass = () => {
    contentOf(master)
    return onMaster.told()
  }
  for (let i = 0; i < COMMANDS; i++) {
    const form = forms[chance.integer(forms.length)] as Bytes
    if (/^(FLUSHDB|SWAPDB)/.test(form) && chance.integer(20) > 0) continue
    const request = chance.integer(30) === 0 ? ['SELECT', String(chance.integer(DATABASES))] : makeRequest(form, chance)
    if (chance.integer(10) === 0) {
      const time = chance.integer(3000)
      master.advance(time)
      replica.advance(time)
      const told = pass()
      // Expired fields are hidden from readers, and invalidated when they are deleted.
      const ended = changedKeys(before, contentOf(master)).filter((key) => !isHash(before, key))
      for (const key of ended) assert.ok(told?.has(key), `${key} has ended`)
      before = contentOf(master)
      replicaBefore = contentOf(replica)
    }
    try {
      await master.runAsync(...request)
    } catch (error) {
      assert.instance(error, ClientError)
    }
    const after = contentOf(master)
    const told = onMaster.told()
    const changed = changedKeys(before, after)
    for (const key of changed)
      assert.ok(told === null || told.has(key), `${request.join(' ')} changed ${key}, told are ${[...(told ?? [])]}`)
    changes += changed.length
    if (READS.includes(form) && request[0] !== 'PFCOUNT' && changed.length === 0) {
      // A hash may have lost fields that had expired before.
      assert.equal(
        [...(told ?? ['all'])].filter((key) => !isHash(before, key)),
        [],
        request.join(' '),
      )
    }
    before = after

    replica.replay(master.logged())
    const replicaAfter = contentOf(replica)
    const replicaTold = onReplica.told()
    for (const key of changedKeys(replicaBefore, replicaAfter)) {
      assert.ok(replicaTold === null || replicaTold.has(key), `the log of ${request.join(' ')} changed ${key}`)
    }
    replicaBefore = replicaAfter
  }
  assert.ok(changes > COMMANDS / 10, `${changes} changes`)
})

test.run()
