/** The map of a cluster: its text, with well-formed and hostile input. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SLOTS } from '../../../base/hash-slots.ts'
import { NodesMap, parseRange, rangesWhere, rangeText } from '../../../commands/cluster/cluster-map.ts'
import { ClientError } from '../../../commands/contract/errors.ts'
import { seeded } from '../../support/generators/seed.ts'

const id = (letter: string) => letter.repeat(40)
const [A, B, C] = [id('a'), id('b'), id('c')]

function refusal(text: string): string {
  try {
    NodesMap.parse(text, 1)
  } catch (error) {
    if (error instanceof ClientError) return error.message
    throw error
  }
  return 'accepted'
}

test('a map names masters with slots and replicas, in any case and spacing', () => {
  const map = NodesMap.parse(`${A} 127.0.0.1 7000 master - 0-100 5000\n\n  ${B}  ::1  7001  SLAVE  ${A}\r\n${C} host 7002 master -`, 3)
  assert.equal([map.version, map.assignedSlots, map.nodes.length], [3, 102, 3])
  assert.equal(
    [0, 100, 101, 5000].map((slot) => map.ownerOf(slot)?.id),
    [A, A, undefined, A],
  )
  assert.equal(map.find(B), { id: B, host: '::1', port: 7001, masterId: A, ranges: [] })
  assert.equal(map.find(C)?.ranges, [])
  assert.is(map.toText(), `${A} 127.0.0.1 7000 master - 0-100 5000\n${B} ::1 7001 slave ${A}\n${C} host 7002 master -`)
})

test('a map that is not whole or contradicts itself is refused', () => {
  const refused: readonly (readonly [text: string, error: string])[] = [
    ['', 'ERR Invalid cluster nodes info'],
    ['\n \n', 'ERR Invalid cluster nodes info'],
    [`${A} h 1 master`, 'ERR Invalid cluster nodes info'],
    [`${A} h 1 slave ${A} 0-1`, 'ERR Invalid cluster nodes info'],
    [`${A} h 1 master - 0\n${A} h 2 master - 1`, 'ERR Invalid cluster nodes info'],
    [`${A} h\u0001 1 master -`, 'ERR Invalid cluster nodes info'],
    [`${A}x h 1 master -`, 'ERR Invalid node id'],
    [`${A.slice(1)}/ h 1 master -`, 'ERR Invalid node id'],
    [`${A} h 1 master ${B}`, 'ERR Invalid node id'],
    [`${A} h 1 slave -`, 'ERR Invalid node id'],
    [`${A} h 1 slave ${B}`, 'ERR Invalid node id'],
    [`${A} h 1 slave ${A}`, 'ERR Invalid node id'],
    [`${A} h 1 master -\n${B} h 2 slave ${A}\n${C} h 3 slave ${B}`, 'ERR Invalid node id'],
    [`${A} h 0 master -`, 'ERR Invalid cluster node port'],
    [`${A} h 65536 master -`, 'ERR Invalid cluster node port'],
    [`${A} h -1 master -`, 'ERR Invalid cluster node port'],
    [`${A} h 1e3 master -`, 'ERR Invalid cluster node port'],
    [`${A} h 1 leader -`, 'ERR Invalid cluster node role'],
    [`${A} h 1 master - 0-3 3-5`, 'ERR Slot distribution is overlapped'],
    [`${A} h 1 master - 0-3\n${B} h 2 master - 2`, 'ERR Slot distribution is overlapped'],
    ...['16384', '0-16384', '5-4', '-1', '1-', '1-2-3', '0x1', '99999999', '1.5', 'a', '1,2'].map(
      (slots) => [`${A} h 1 master - ${slots}`, 'ERR Slot is out of range'] as const,
    ),
  ]
  for (const [text, error] of refused) assert.is(refusal(text), error, JSON.stringify(text))
  assert.is(refusal(`${A} h 1 master -\n`.repeat(6000)), 'ERR Invalid cluster nodes info')
})

test('random text never does more than be refused', () => {
  const { pick, integer } = seeded('maps')
  const words = [A, B, '127.0.0.1', '7000', 'master', 'slave', '-', '0-5', '16383', '\n', ' ', '\u0000', '{}', '-1', '1-0']
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: integer(14) }, () => pick(words)).join(pick([' ', '', '  ']))
    if (refusal(text) === 'accepted') assert.is(refusal(NodesMap.parse(text, 1).toText()), 'accepted', text)
  }
})

test('ranges are printed and parsed, whatever slots they have', () => {
  const { random } = seeded('ranges')
  for (let round = 0; round < 20; round++) {
    const share = random()
    const chosen = new Set(Array.from({ length: SLOTS }, (_, slot) => slot).filter(() => random() < share))
    const ranges = rangesWhere((slot) => chosen.has(slot))
      .map(rangeText)
      .map(parseRange)
    const slots = ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))
    assert.equal(slots, [...chosen])
  }
})

test('slots change their owner in another map; the first one stays as it is', () => {
  const map = NodesMap.parse(`${A} h 1 master - 0-100\n${B} h 2 master - 101-200\n${C} h 3 slave ${B}`, 1)
  const moved = map.withSlots([{ first: 50, last: 101 }], B, 2)
  assert.is(moved.toText(), `${A} h 1 master - 0-49\n${B} h 2 master - 50-200\n${C} h 3 slave ${B}`)
  assert.equal([moved.version, map.ownerOf(50)?.id, moved.ownerOf(50)?.id], [2, A, B])
})

test.run()
