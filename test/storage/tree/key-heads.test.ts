/** Searches by the heads of keys, against a sorted array. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import type { TreeNode } from '../../../storage/tree/node.ts'
import type { Tree } from '../../../storage/tree/tree.ts'
import { newCollection } from '../../../storage/values/collection.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { MemoryRecords } from '../../support/disks/memory-records.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { checkTree } from '../../support/harness/tree-check.ts'

/** Pages with many more keys than the least number that has heads. */
const PAGES = { inlineBytes: 60, pageBytes: 1000, pageElements: 40 }

function madeTree(): Tree {
  const keyspace = new Keyspace(new MemoryRecords(), 1, { deleted() {}, fieldsDeleted() {} })
  keyspace.pageLimits = PAGES
  return newCollection(keyspace.database(0), SetValue).members
}

/** Returns the number of nodes in memory that have heads. */
function headedNodes(node: TreeNode | number): number {
  if (typeof node === 'number') return 0
  return node.children.reduce<number>((sum, child) => sum + headedNodes(child), node.heads === null ? 0 : 1)
}

const KINDS: Record<string, (seed: Seeded) => Bytes> = {
  'numbers with zeros in front': ({ integer }) => `user:${String(integer(3000)).padStart(12, '0')}`,
  'numbers of any length': ({ integer }) => `${integer(2) === 0 ? 'user:' : ''}${integer(3000)}`,
  'few different bytes, least and greatest among them': ({ integer }) =>
    String.fromCharCode(...Array.from({ length: integer(12) }, () => [0, 1, 0x7f, 0x80, 0xff][integer(5)] as number)),
  'long runs of one byte': ({ integer }) => 'a'.repeat(integer(40)) + String.fromCharCode(integer(256)) + 'b'.repeat(integer(8)),
}

for (const [kind, keyOf] of Object.entries(KINDS)) {
  test(`keys are found, added and deleted by their heads: ${kind}`, () => {
    const seed = seeded(kind)
    const tree = madeTree()
    const twin = new Set<Bytes>()
    let mostHeaded = 0
    for (let step = 0; step < 6000; step++) {
      const key = keyOf(seed)
      const isPresent = twin.has(key)
      assert.is(tree.has(key), isPresent)
      const isGrowing = step % 3000 < 2000
      if (seed.integer(4) !== 0 && isGrowing) {
        if (!isPresent) tree.insert(key) // the place that `has` has set
        twin.add(key)
      } else {
        assert.is(tree.delete(key), isPresent)
        twin.delete(key)
      }
      if (step % 200 !== 0) continue
      const sorted = [...twin].sort()
      assert.equal(
        checkTree(tree).map(([present]) => present),
        sorted,
      )
      const probe = keyOf(seed)
      assert.is(tree.lowerBound(probe), sorted.filter((present) => present < probe).length)
      mostHeaded = Math.max(mostHeaded, headedNodes(tree.root))
    }
    assert.ok(mostHeaded > 4, 'nodes have heads')
  })
}

test('ranges of ranks are removed from leaves that have heads', () => {
  const seed = seeded('ranges')
  const tree = madeTree()
  let twin: Bytes[] = []
  for (let i = 1000; i < 3000; i++) twin.push(`key:${i}`)
  for (const key of twin) tree.set(key)
  while (twin.length > 100) {
    for (const key of twin) assert.ok(tree.has(key))
    const from = seed.integer(twin.length)
    const to = Math.min(twin.length, from + 1 + seed.integer(200))
    tree.removeRange(from, to)
    twin = twin.filter((_, rank) => rank < from || rank >= to)
    assert.is(checkTree(tree).length, twin.length)
    for (const key of twin) assert.ok(tree.has(key))
  }
})

test.run()
