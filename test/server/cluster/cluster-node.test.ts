/** A node of a cluster: its file, the states of its slots, and which slots have left. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bufferOf, bytesOf } from '../../../base/bytes.ts'
import { contentOf } from '../../../base/files.ts'
import {
  SLOT_CLOSED,
  SLOT_ELSEWHERE,
  SLOT_IMPORTING,
  SLOT_MIGRATING,
  SLOT_REPLICATED,
  SLOT_SERVED,
  SLOT_UNASSIGNED,
} from '../../../commands/contract/cluster.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { clusterFilePath } from '../../../server/cluster/cluster-file.ts'
import { ClusterNode } from '../../../server/cluster/cluster-node.ts'
import { DamageError } from '../../../storage/records/records.ts'
import { MemoryFiles } from '../../support/disks/memory-files.ts'

const DIRECTORY = '/data'
const id = (letter: string) => letter.repeat(40)
const [A, B, C] = [id('a'), id('b'), id('c')]
const line = (name: string, slots: string) => `${name} 127.0.0.1 ${7000 + name.charCodeAt(0)} master - ${slots}`
const replica = (name: string, master: string) => `${name} 127.0.0.1 ${7000 + name.charCodeAt(0)} slave ${master}`

function open(files = new MemoryFiles()) {
  if (!files.existsSync(DIRECTORY)) files.makeDirectorySync(DIRECTORY)
  const roles: (string | null)[] = []
  const node: ClusterNode = new ClusterNode({
    files,
    directory: DIRECTORY,
    random: () => 0.5,
    mustCoverAll: () => false,
    mustHideHost: () => false,
    events: { onSlotsChanged() {}, onSlotsLeft() {}, takeRole: (master) => void roles.push(master?.id ?? null) },
  })
  const set = (version: number, ...lines: string[]) => node.setNodes(lines.join('\n'), version, 'newer')
  return { node, files, roles, set }
}

/** A node A that owns slots 0 to 9, beside B with the others to 20. */
function master(files = new MemoryFiles()) {
  const made = open(files)
  made.node.setId(A)
  made.set(1, line(A, '0-9'), line(B, '10-20'))
  return made
}

const leftOf = ({ left }: ClusterNode) => [...left].sort((a, b) => a - b)

function refused(change: () => void): string {
  try {
    change()
  } catch (error) {
    if (error instanceof ClientError) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}

test('a new node has an id, no map, and keeps both over a restart', () => {
  const { node, files } = open()
  assert.match(node.id, /^[\da-f]{40}$/)
  assert.equal([node.map.version, node.slots[0], open(files).node.id], [-1, SLOT_UNASSIGNED, node.id])
})

test('a map is in force after a restart, with its slots, moves and what has left', () => {
  const { node, files, set } = master()
  assert.equal(
    [0, 9, 10, 21].map((slot) => node.slots[slot]),
    [SLOT_SERVED, SLOT_SERVED, SLOT_ELSEWHERE, SLOT_UNASSIGNED],
  )
  set(2, line(A, '0-7'), line(B, '8-20'))
  node.openSlot(1, 'migrating', B)
  node.openSlot(11, 'importing', B)
  const again = open(files).node
  assert.equal([again.id, again.map.version, again.map.toText()], [A, 2, node.map.toText()])
  assert.equal([again.slots, leftOf(again), again.moves()], [node.slots, [8, 9], node.moves()])
  assert.equal([again.slots[1], again.slots[11], again.peerOf(11)?.id], [SLOT_MIGRATING, SLOT_IMPORTING, B])
})

test('an older map is refused, the same one changes nothing, and force sets any', () => {
  const { node, set } = master()
  set(5, line(A, '0-5'))
  assert.is(
    refused(() => set(4, line(A, '0-9'))),
    'ERR Invalid cluster version',
  )
  set(5, line(B, '0-9'))
  assert.is(node.map.toText(), line(A, '0-5'))
  node.setNodes(line(A, '0-9'), 2, 'forced')
  assert.equal([node.map.version, node.map.toText()], [2, line(A, '0-9')])
})

test('slots are given to a master only with the next version', () => {
  const { node } = master()
  const give = (who: string, version: number) => () => node.setSlots([{ first: 0, last: 1 }], who, version)
  for (const version of [0, 1, 3]) assert.is(refused(give(B, version)), 'ERR Invalid cluster version')
  assert.is(refused(give(C, 2)), 'ERR No this node in the cluster')
  give(B, 2)()
  assert.equal([node.map.version, node.slots[0], node.slots[2], leftOf(node)], [2, SLOT_ELSEWHERE, SLOT_SERVED, [0, 1]])
})

test('the map gives the node its role', () => {
  const { roles, set } = master()
  set(2, line(B, '0-20'), replica(A, B))
  set(3, line(A, '0-20'), replica(B, A))
  set(4, line(B, '0-20'))
  assert.equal(roles.slice(-2), [B, null])
})

test('a slot that comes back before it is swept stays closed until then', () => {
  const { node, set, files } = master()
  set(2, line(A, '0-4'), line(B, '5-20'))
  set(3, line(A, '0-9'), line(B, '10-20'))
  assert.equal([node.slots[4], node.slots[5], leftOf(node)], [SLOT_SERVED, SLOT_CLOSED, [5, 6, 7, 8, 9]])
  assert.equal(leftOf(open(files).node), [5, 6, 7, 8, 9])
  node.swept([5, 6])
  assert.equal([node.slots[5], node.slots[7], leftOf(open(files).node)], [SLOT_SERVED, SLOT_CLOSED, [7, 8, 9]])
})

test('after a failover nothing has left, except what the shard has given away', () => {
  const { node, set } = master()
  set(2, line(C, '0-8'), line(B, '9-20'), replica(A, C))
  assert.equal([leftOf(node), node.slots[0], node.slots[9]], [[9], SLOT_REPLICATED, SLOT_ELSEWHERE])
  set(3, line(A, '0-9'), line(B, '10-20'), replica(C, A))
  assert.equal([leftOf(node), node.slots[0], node.slots[9]], [[9], SLOT_SERVED, SLOT_CLOSED])
})

test('a replica leaves it to its master when a slot that comes back is open', () => {
  const { node, set } = open()
  node.setId(C)
  set(1, line(A, '0-9'), replica(C, A))
  set(2, line(A, '0-7'), line(B, '8-9'), replica(C, A))
  assert.equal(leftOf(node), [8, 9])
  set(3, line(A, '0-8'), line(B, '9'), replica(C, A))
  assert.equal([leftOf(node), node.slots[8]], [[9], SLOT_REPLICATED])
})

test('a node that the map does not name serves nothing, and sweeps what it owned', () => {
  const { node, set } = master()
  set(2, line(B, '0-20'))
  assert.equal([node.self, node.slots[0], leftOf(node).length], [undefined, SLOT_ELSEWHERE, 10])
})

test('a move ends when the map gives the slot to the other side', () => {
  const { node, set } = master()
  node.openSlot(1, 'migrating', B)
  node.openSlot(11, 'importing', B)
  set(2, line(A, '0 2-9 11'), line(B, '1 10 12-20'))
  assert.equal([node.moves(), node.slots[1], node.slots[11]], [[], SLOT_ELSEWHERE, SLOT_SERVED])
})

test('a file that is damaged or cut is a clear error', () => {
  const { files } = master()
  const path = clusterFilePath(DIRECTORY)
  const text = bytesOf(contentOf(files, path))
  const write = (content: string) => {
    const file = files.openSync(path, 'create')
    file.writeSync([bufferOf(content)], 0)
    file.closeSync()
  }
  for (const damaged of [text.slice(0, -30), '', '{}', text.replace('0-9', '0-8'), text.replace('"format": 1', '"format": 2')]) {
    write(damaged)
    assert.throws(
      () => open(files),
      (error: unknown) => error instanceof DamageError && /cluster\.json is damaged/.test(error.message),
    )
  }
  write(text)
  assert.is(open(files).node.id, A)
})

test('a map that cannot be stored is not in force', () => {
  const { node, files, set } = master()
  files.openSync = () => {
    throw new Error('no space')
  }
  assert.match(
    refused(() => set(2, line(A, '0-5'))),
    /^ERR cannot store the map of the cluster: no space/,
  )
  assert.equal([node.map.version, node.slots[9]], [1, SLOT_SERVED])
})

test.run()
