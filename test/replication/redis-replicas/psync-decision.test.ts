/** PSYNC: when a Redis replica may continue. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { NodeHistory } from '../../../replication/master/history.ts'
import { decidePsync } from '../../../replication/redis-replicas/psync-decision.ts'
import { id, refusal } from '../../support/replication/master-bench.ts'

const NODE: NodeHistory = {
  replicationId: id(1),
  past: [
    { id: id(2), until: 700 },
    { id: id(3), until: 400 },
  ],
  start: 300,
  end: 1000,
  positionAt: () => null,
  role: 'master',
  isLinked: false,
}

function decide(replicationId: string, offset: number, node: Partial<NodeHistory> = {}): string {
  const decision = decidePsync({ ...NODE, ...node }, { replicationId, offset })
  return decision.type === 'continue' ? `continue at ${decision.offset}` : decision.reason
}

test('a replica continues in the history of this node, from the start of the binlog to its end', () => {
  for (const offset of [300, 555, 1000]) assert.is(decide(id(1), offset), `continue at ${offset}`)
  assert.is(decide(id(1), 299), 'purged')
  assert.is(decide(id(1), 1001), 'ahead')
})

test('a replica continues in a past history up to the offset where it ended', () => {
  for (const [past, until] of [
    [id(2), 700],
    [id(3), 400],
  ] as const) {
    assert.is(decide(past, until), `continue at ${until}`)
    assert.is(decide(past, until + 1), 'diverged')
  }
  assert.is(decide(id(4), 500), 'unknown')
})

test('a replica that names no history, or nothing of one, gets all of the data', () => {
  assert.is(decide('?', -2), 'new')
  assert.is(decide('?', 500), 'new')
  assert.is(decide(id(1), -1), 'new')
})

test('a node that is a replica answers NOMASTERLINK without a link, and to a replica that has more', () => {
  const isLinked = { role: 'replica', isLinked: true } as const
  assert.is(decide(id(1), 1000, isLinked), 'continue at 1000')
  assert.is(
    refusal(() => decide(id(1), 1001, isLinked)),
    'NOMASTERLINK this node is a replica itself and has come to offset 1000 only',
  )
  for (const offset of [-2, 500]) {
    assert.is(
      refusal(() => decide(id(1), offset, { role: 'replica' })),
      "NOMASTERLINK Can't SYNC while not connected with my master",
    )
  }
})

test.run()
