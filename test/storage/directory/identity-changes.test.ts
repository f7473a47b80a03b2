/** identity.json: round trips, older versions and impossible fields. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  adoptedIdentity,
  clearedIdentity,
  followingIdentity,
  type Identity,
  loadIdentity,
  newIdentity,
  previousOf,
  promotedIdentity,
  replacedIdentity,
  roleOf,
  saveIdentity,
  startedIdentity,
} from '../../../storage/directory/identity.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'
import { fromSeed, seeded } from '../../support/generators/seed.ts'
import { MASTER } from '../../support/replication/received.ts'

const { random } = fromSeed(11)
const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(40)) as [string, string, string]

const identity = (changes: Partial<Identity> = {}): Identity => ({
  replicationId: A,
  past: [
    { id: B, until: 500 },
    { id: C, until: 200 },
  ],
  cleanEnd: null,
  master: null,
  ownFrom: 100,
  generation: 'generation-000001',
  fullSync: null,
  ...changes,
})

function written(fields: object): Identity | undefined {
  const files = new MemoryFiles({ directories: ['/data'] })
  files.openSync('/data/identity.json', 'create').writeSync([Buffer.from(JSON.stringify(fields))], 0)
  return loadIdentity(files, '/data')
}

test('an identity is loaded as saved, with a master, without one, or with the role never set', () => {
  const files = new MemoryFiles({ directories: ['/data'] })
  for (const master of [undefined, null, MASTER, { ...MASTER, failover: true }]) {
    const saved = identity({ master, fullSync: 'it has diverged', ownFrom: null, cleanEnd: 7 })
    saveIdentity(files, '/data', saved)
    assert.equal(loadIdentity(files, '/data'), saved)
  }
})

test('an identity of a version before replication is read', () => {
  const old = { replicationId: A, previousId: B, switchOffset: 70, cleanEnd: 90 }
  const found = written(old)
  assert.equal(found?.past, [{ id: B, until: 70 }])
  assert.is(found?.cleanEnd, 90)
  assert.is(found?.ownFrom, 0, 'a master from the start')
  assert.is(found?.master, undefined)
  assert.equal(written({ ...old, previousId: '0'.repeat(40), switchOffset: -1 })?.past, [])
})

test('a file with one impossible field is no identity', () => {
  const fields: Record<string, unknown> = { ...identity() }
  const bad: readonly (readonly [string, unknown])[] = [
    ['replicationId', 'x'],
    ['past', {}],
    ['past', [{ id: B }]],
    ['past', [{ id: B, until: -1 }]],
    ['past', [null]],
    ['cleanEnd', 'now'],
    ['master', { host: 'a' }],
    ['master', 5],
    ['ownFrom', -1],
    ['generation', 3],
    ['fullSync', true],
  ]
  for (const [name, value] of bad) assert.throws(() => written({ ...fields, [name]: value }), /does not hold an identity/, name)
  assert.throws(() => written([1]), /does not hold/)
})

test('a master that did not end cleanly begins another history, and its old one ends where recovery did', () => {
  const started = startedIdentity(identity({ cleanEnd: 300 }), 400, random)
  assert.is.not(started.replicationId, A)
  assert.equal(started.past, [
    { id: A, until: 400 },
    { id: B, until: 400 },
    { id: C, until: 200 },
  ])
  assert.is(started.ownFrom, 100)
  assert.is(started.cleanEnd, null)
  assert.is(startedIdentity(identity({ ownFrom: 450 }), 400, random).ownFrom, 400)
  assert.is(startedIdentity(identity({ ownFrom: null }), 400, random).ownFrom, 400)
})

test('a start uses up the mark of a clean end and changes nothing else', () => {
  assert.equal(startedIdentity(identity({ cleanEnd: 400 }), 400, random), identity())
})

test('a replica keeps its history after any end', () => {
  for (const cleanEnd of [null, 3, 400]) {
    const replica = identity({ master: MASTER, ownFrom: null, cleanEnd })
    assert.equal(startedIdentity(replica, 400, random), { ...replica, cleanEnd: null })
  }
})

test('following a master and promotion set role, past and ownFrom', () => {
  assert.is(roleOf(identity({ master: undefined })), 'master')
  assert.is(roleOf(identity({ master: null })), 'master')
  const replica = followingIdentity(identity(), MASTER)
  assert.is(roleOf(replica), 'replica')
  assert.is(replica.ownFrom, null)
  assert.is(replica.replicationId, A)
  const promoted = promotedIdentity({ ...replica, fullSync: 'diverged' }, 350, random)
  assert.is(roleOf(promoted), 'master')
  assert.is(promoted.master, null)
  assert.is(promoted.ownFrom, 350)
  assert.is(promoted.fullSync, null)
  assert.equal(promoted.past, [
    { id: A, until: 350 },
    { id: B, until: 350 },
    { id: C, until: 200 },
  ])
})

test("a replica adopts its master's ids, a full sync replaces them, and CLEARREPLICATIONID drops all", () => {
  const replica = identity({ master: MASTER, ownFrom: null, fullSync: 'diverged' })
  const adopted = adoptedIdentity(replica, B, [{ id: C, until: 900 }])
  assert.equal(adopted, { ...replica, replicationId: B, past: [{ id: C, until: 900 }] })
  const replaced = replacedIdentity({ ...replica, ownFrom: 4, cleanEnd: 3 }, 'generation-000007', B, [])
  assert.equal(replaced, { ...replica, replicationId: B, past: [], generation: 'generation-000007', fullSync: null })
  const imported = replacedIdentity(identity({ ownFrom: null }), 'generation-000007', B, [])
  assert.is(imported.ownFrom, 0, 'a master writes the log of imported data itself')
  const cleared = clearedIdentity(identity(), random)
  assert.is.not(cleared.replicationId, A)
  assert.equal(cleared.past, [])
})

test('repeated starts without writes do not push out histories that replicas may have', () => {
  let now = identity({ cleanEnd: null })
  for (let times = 0; times < 20; times++) now = startedIdentity(now, 600, random)
  for (const id of [A, B, C]) assert.ok(now.past.some((past) => past.id === id))
  assert.is(now.past.length, 8)
})

test('INFO shows the previous history, or none', () => {
  assert.equal(previousOf(identity()), { id: B, offset: 500 })
  assert.equal(previousOf(newIdentity(random)), { id: '0'.repeat(40), offset: -1 })
})

test('at most eight histories are kept after any changes of role, none reaching further than a newer one', () => {
  const chance = seeded('identities')
  for (let round = 0; round < 50; round++) {
    let now = newIdentity(chance.random)
    let end = 0
    for (let step = 0; step < 40; step++) {
      if (chance.integer(3) > 0) end += chance.integer(100)
      else end = Math.max(0, end - chance.integer(50))
      const before = now
      const kind = chance.integer(3)
      now =
        kind === 0
          ? startedIdentity(now, end, chance.random)
          : kind === 1
            ? promotedIdentity(now, end, chance.random)
            : followingIdentity(now, MASTER)
      assert.ok(now.past.length <= 8)
      for (const [index, { until }] of now.past.entries()) {
        assert.ok(until <= (now.past[index - 1]?.until ?? Number.POSITIVE_INFINITY))
        if (kind === 1) assert.ok(until <= end)
      }
      if (now.replicationId !== before.replicationId) assert.is(now.past[0]?.id, before.replicationId)
    }
  }
})

test.run()
