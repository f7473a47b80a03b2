/** `haypile check` on trees: missing, extra and wrong pages. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { pageKey, rootKey } from '../../../storage/records/records.ts'
import { FieldValue, type TreeNode } from '../../../storage/tree/node.ts'
import type { Tree } from '../../../storage/tree/tree.ts'
import { type Collection, collectionRoot, newCollection } from '../../../storage/values/collection.ts'
import { Hash } from '../../../storage/values/hash.ts'
import { List } from '../../../storage/values/list.ts'
import { SetValue } from '../../../storage/values/set.ts'
import { SortedSet } from '../../../storage/values/sorted-set.ts'
import { idOf } from '../../../storage/values/streams/id.ts'
import type { Stream } from '../../../storage/values/streams/stream.ts'
import { landCheckpoint } from '../../support/harness/check-world.ts'
import {
  DB_ID,
  deadlineFieldKey,
  FAR,
  filledWithCollections,
  name,
  OpenedCollection,
  scratch,
  streamOf,
} from '../../support/harness/opened-collection.ts'

/** Damages one collection and expects these findings. */
async function expectDamage(key: Bytes, change: (opened: OpenedCollection) => Promise<void>, ...patterns: RegExp[]): Promise<void> {
  const world = await filledWithCollections()
  const opened = await OpenedCollection.of(world, key)
  await change(opened)
  const found = await world.findings()
  for (const pattern of patterns) assert.match(found, pattern, `expected ${pattern}, found:\n${found}`)
}

test('collections of every kind, in pages and inline, have no findings', async () => {
  const world = await filledWithCollections()
  assert.is(await world.findings(), '')
  const opened = await OpenedCollection.of(world, 'zset')
  assert.ok(opened.root().level >= 3, 'the trees are deep')
  assert.ok((await world.check()).records.pages > 300)
})

test('a missing page and an unreferenced page are reported', async () => {
  await expectDamage(
    'zset',
    async (opened) => opened.remove(opened.numberOf(opened.leaf(opened.root()))),
    /^damage page \d+ of object \d+: is missing; page \d+ refers to it$/,
  )
  await expectDamage(
    'set',
    async (opened) => opened.remove(opened.numberOf(opened.root())),
    /page \d+ of object \d+: is missing; the root record refers to it/,
    /page \d+ of object \d+: no page refers to it/,
  )
  await expectDamage(
    'list',
    async (opened) => {
      const pages = opened.value.object.pages as { nextNumber: number }
      const stray = pages.nextNumber
      pages.nextNumber += 2
      await opened.saveRoot()
      await opened.put(stray, opened.leaf(opened.root()))
    },
    /^damage page \d+ of object \d+: no page refers to it$/,
  )
})

test('an object without any pages is reported once', async () => {
  const world = await filledWithCollections()
  const opened = await OpenedCollection.of(world, 'set')
  for (const number of opened.pages.keys()) await opened.remove(number)
  assert.match(await world.findings(), /^damage page \d+ of object \d+: is missing; the root record refers to it$/)
})

test('a page with two parents is reported', async () => {
  await expectDamage(
    'set',
    async (opened) => {
      const root = opened.root()
      root.children[1] = root.children[0] as number
      await opened.save(root)
    },
    /page \d+ of object \d+: page \d+ refers to it, and so does another parent/,
    /no page refers to it/,
  )
})

test('keys and separators out of order in a page are reported', async () => {
  await expectDamage(
    'set',
    async (opened) => {
      const leaf = opened.leaf(opened.root())
      leaf.keys.reverse()
      await opened.save(leaf)
    },
    /page \d+ of object \d+: key 1 is not after the one before it/,
  )
  await expectDamage(
    'set',
    async (opened) => {
      const inner = [...opened.pages.values()].find((page) => page.level === 1 && page.length > 2) as TreeNode
      const second = inner.keys[1] as Bytes
      inner.keys[1] = inner.keys[2] as Bytes
      inner.keys[2] = second
      await opened.save(inner)
    },
    /page \d+ of object \d+: separator 2 is not after the one before it/,
  )
})

test('keys beyond the separators above them are reported', async () => {
  await expectDamage(
    'set',
    async (opened) => {
      const leaf = opened.leaf(opened.root(), -1)
      leaf.keys[0] = '\0'
      await opened.save(leaf)
    },
    /^damage page \d+ of object \d+: its first key is before the separator above it$/,
  )
  await expectDamage(
    'set',
    async (opened) => {
      const leaf = opened.leaf(opened.root())
      leaf.keys[leaf.length - 1] = '\xff'
      await opened.save(leaf)
    },
    /^damage page \d+ of object \d+: its last key is not before the next separator above it$/,
  )
  await expectDamage(
    'set',
    async (opened) => {
      const inner = opened.child(opened.root(), 0)
      inner.keys[inner.length - 1] = '\xff'
      await opened.save(inner)
    },
    /its last separator is not before the next one above it/,
  )
  await expectDamage(
    'set',
    async (opened) => {
      const inner = opened.page(opened.root().children.at(-1) as number)
      inner.keys[1] = '\0'
      await opened.save(inner)
    },
    /its first separator is before the one above it/,
  )
})

test('wrong counts in a page and in the root record are reported', async () => {
  await expectDamage(
    'list',
    async (opened) => {
      const inner = opened.child(opened.root(), 0)
      const count = inner.counts[0] as number
      inner.counts[0] = count + 1
      await opened.save(inner)
    },
    /page \d+ of object \d+: holds \d+ elements; page \d+ counts \d+/,
  )
  await expectDamage(
    'list',
    async (opened) => {
      const [tree] = opened.value.object.trees
      ;(tree as Tree).count++
      await opened.saveRoot()
    },
    /^damage page \d+ of object \d+: holds 300 elements; the root record counts 301$/,
  )
})

test('empty pages and a root with one child are reported', async () => {
  await expectDamage(
    'list',
    async (opened) => {
      const leaf = opened.leaf(opened.root())
      leaf.values.length = 0
      await opened.save(leaf)
    },
    /page \d+ of object \d+: is empty/,
  )
  await expectDamage(
    'list',
    async (opened) => {
      const root = opened.root()
      root.children.length = 1
      root.counts.length = 1
      await opened.save(root)
    },
    /page \d+ of object \d+: is an inner root with only one child/,
  )
})

test('pages of another level, another tree or no tree, and past the last number, are reported', async () => {
  await expectDamage(
    'set',
    async (opened) => {
      const root = opened.root()
      root.children[0] = opened.numberOf(opened.leaf(root))
      await opened.save(root)
    },
    /page \d+ of object \d+: has level 0; page \d+ states level \d/,
  )
  await expectDamage(
    'zset',
    async (opened) => opened.put(opened.numberOf(opened.leaf(opened.root(0))), opened.leaf(opened.root(1))),
    /page \d+ of object \d+: belongs to the other tree of its object/,
  )
  const list = await OpenedCollection.of(await filledWithCollections(), 'list')
  await expectDamage(
    'set',
    async (opened) => opened.put(opened.numberOf(opened.leaf(opened.root())), list.leaf(list.root())),
    /^damage page \d+ of object \d+: is of a kind of tree that its object does not have$/,
  )
  await expectDamage(
    'set',
    async (opened) => {
      // The encoder asserts that this one is below the next.
      const rootNumber = opened.numberOf(opened.root())
      ;(opened.value.object.pages as { nextNumber: number }).nextNumber = rootNumber + 1
      await opened.saveRoot()
    },
    /page (\d+) of object \d+: its number is not below the next one, \1$/m,
  )
})

test('an unreadable page is not reported as missing too', async () => {
  const world = await filledWithCollections()
  const opened = await OpenedCollection.of(world, 'set')
  const number = opened.numberOf(opened.leaf(opened.root()))
  await world.tamper((batch) => batch.put(Buffer.from(pageKey(opened.objectId, number)), Buffer.from([1, 0, 0, 0, 0, 0])))
  assert.match(await world.findings(), /^damage page \d+ of object \d+: .*CRC$/)
})

test('a sorted set whose two trees disagree is reported', async () => {
  await expectDamage(
    'zset',
    async (opened) => {
      const leaf = opened.leaf(opened.root())
      leaf.values[0] = 3.5
      await opened.save(leaf)
    },
    /^damage object \d+: its members and its members in the order of their scores disagree$/,
  )
  const world = await filledWithCollections()
  const storage = await world.open()
  const value = newCollection(storage.keyspace.database(0), SortedSet)
  value.object.tree(0).append('a', 1)
  storage.beginTurn()
  storage.keyspace.database(0).set('half', value)
  storage.group.command(0, ['FILL'])
  storage.commit()
  await landCheckpoint(storage)
  await storage.close('nosave')
  assert.match(await world.findings(), /^damage key "half" .*: has 1 members, and 0 members in the order of their scores$/)
})

test('a hash whose field deadlines disagree with its fields is reported', async () => {
  const fields = (twin: (index: number) => Bytes) => {
    const value = newCollection(scratch(), Hash)
    value.nextDeadlineMs = FAR + 1
    for (let i = 0; i < 3; i++) value.object.tree(0).append(name(i), i === 0 ? 'stays' : new FieldValue('ends', FAR + i))
    for (let i = 1; i < 3; i++) value.object.tree(1).append(twin(i))
    return value
  }
  const findingsFor = async (value: Collection) => {
    const world = await filledWithCollections()
    await world.tamper((batch) => batch.put(rootKey(DB_ID, 'hash'), Buffer.from(collectionRoot(value, 0))))
    return (await world.findings()).split('\n').filter((line) => /fields|next field ends/.test(line))
  }
  assert.equal(await findingsFor(fields((i) => deadlineFieldKey(FAR + i, name(i)))), [])
  const [found = ''] = await findingsFor(fields((i) => deadlineFieldKey(FAR + i, name(i + 5))))
  assert.match(found, /key "hash" .*: its fields with a deadline and its deadlines of fields disagree/)
})

test('a header that disagrees with its collection is reported', async () => {
  await expectDamage(
    'hash',
    async (opened) => {
      ;(opened.value as Hash).nextDeadlineMs = FAR + 5
      await opened.saveRoot()
    },
    /^damage object \d+: its header gives 2000000000005 as the first deadline of its fields; the fields give 2000000000000$/m,
  )
})

test('a stream whose header or groups disagree with its entries is reported', async () => {
  await expectDamage(
    'stream',
    async (opened) => {
      const stream = opened.value as Stream
      stream.lastId = idOf(299, 5)
      stream.maxDeletedId = idOf(400, 0)
      stream.entriesAdded = 7
      await opened.saveRoot()
    },
    /^damage object \d+: holds the entry 300-0, which is past its last id, 299-5$/m,
    /^damage object \d+: its greatest deleted id, 400-0, is past its last id, 299-5$/m,
    /^damage object \d+: holds 300 entries, although only 7 were ever added$/m,
  )
  const world = await filledWithCollections()
  const value = streamOf(scratch(), 2)
  const groups = value.object.tree(1)
  groups.delete(groups.keyAt(groups.count - 1))
  const other = streamOf(scratch(), 2)
  const names = other.object.tree(1)
  names.find(names.keyAt(names.lowerBound('c')))
  names.replace('carol')
  await world.tamper((batch) => {
    batch.put(rootKey(DB_ID, 'stream:small'), Buffer.from(collectionRoot(value, 0)))
    batch.put(rootKey(DB_ID, 'set:small'), Buffer.from(collectionRoot(other, 0)))
  })
  const found = await world.findings()
  assert.match(
    found,
    /key "stream:small" .*: has 3 consumers and pending entries by name and id, and 2 consumers and pending entries by consumer$/m,
  )
  assert.match(found, /key "set:small" .*: its consumers and pending entries by name and id and its/)
})

test('inline collections that are out of order, empty or cut short are reported', async () => {
  const world = await filledWithCollections()
  const disordered = newCollection(scratch(), SetValue)
  disordered.object.tree(0).append('b')
  disordered.object.tree(0).append('a')
  await world.tamper((batch) => {
    batch.put(rootKey(DB_ID, 'set:small'), Buffer.from(collectionRoot(disordered, 0)))
    batch.put(rootKey(DB_ID, 'list:small'), Buffer.from(collectionRoot(newCollection(scratch(), List), 0)))
  })
  const found = await world.findings()
  assert.match(found, /key "set:small" .*: key 1 of its tree 0 is not after the one before it/)
  assert.match(found, /key "list:small" .*: a collection without elements/)
})

test.run()
