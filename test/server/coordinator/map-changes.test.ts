/** Changes of a map that an operator asks for. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClusterMap, MapError, rangeText } from '../../../server/cluster-map/map.ts'
import { newMap, withHandover, withoutNode, withReplica, withShard } from '../../../server/coordinator/map-changes.ts'

const node = (i: number) => ({ id: i.toString(16).padStart(40, '0'), host: '10.0.0.1', port: 7000 + i })
const nodes = (count: number) => Array.from({ length: count }, (_, i) => node(i))
const at = (i: number) => ({ host: '10.0.0.1', port: 7000 + i })

const shown = ({ shards }: ClusterMap) =>
  shards.map(({ master, replicas, slots }) => `${[master, ...replicas].map(({ port }) => port - 7000).join(' ')}: ${slots.map(rangeText)}`)

test('a new map gives each shard an equal part of the slots, and spreads the replicas', () => {
  assert.equal(shown(newMap(nodes(6), 1)), ['0 3: 0-5460', '1 4: 5461-10922', '2 5: 10923-16383'])
  assert.equal(shown(newMap(nodes(3), 2)), ['0 1 2: 0-16383'])
  for (const [count, replicas] of [
    [0, 0],
    [5, 1],
    [2, 2],
  ] as const)
    assert.throws(() => newMap(nodes(count), replicas), /cannot be divided/)
})

test('shards and replicas are added and removed, each with a new version', () => {
  let map = newMap(nodes(2), 1)
  map = withReplica(map, at(1), node(2))
  map = withShard(map, node(3), [node(4)])
  assert.equal([shown(map), map.version], [['0 1 2: 0-16383', '3 4: '], 3])
  map = withoutNode(withoutNode(map, at(4)), at(3))
  assert.equal([shown(map), map.version], [['0 1 2: 0-16383'], 5])
})

test('changes that would lose data or contradict the map are refused with the next step', () => {
  const map = newMap(nodes(2), 1)
  assert.throws(() => withoutNode(map, at(0)), /let one take over first/)
  assert.throws(() => withoutNode(withoutNode(map, at(1)), at(0)), /slots, which cannot be moved/)
  assert.throws(() => withoutNode(map, at(9)), /is not in the map/)
  assert.throws(
    () => withReplica(map, at(0), node(1)),
    (error: Error) => error instanceof MapError,
  )
  assert.throws(() => withHandover(map, at(0)), /is the master of its shard already/)
})

test('a handover is wanted without a new version, and ends with the replica that it names', () => {
  const map = withHandover(newMap(nodes(3), 2), at(2))
  assert.equal([map.shards[0]?.handover, map.version], [node(2).id, 1])
  assert.is(withoutNode(map, at(1)).shards[0]?.handover, node(2).id)
  assert.is(withoutNode(map, at(2)).shards[0]?.handover, null)
})

test.run()
