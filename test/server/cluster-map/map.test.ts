/** The map of a cluster as text: what is written is read, and hostile texts are refused. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type ClusterMap, MapError, mapOf, placeOf, setNodesText, textOfMap } from '../../../server/cluster-map/map.ts'
import { reportOf } from '../../../server/cluster-map/node-report.ts'
import { seeded } from '../../support/generators/seed.ts'

const { seed } = seeded('cluster-map')

const id = (digit: string) => digit.repeat(40)
const [A, B, C] = ['a', 'b', 'c'].map((digit, i) => ({ id: id(digit), host: `10.0.0.${i + 1}`, port: 6379 })) as [Node, Node, Node]
type Node = ClusterMap['shards'][number]['master']

const map: ClusterMap = {
  version: 7,
  shards: [
    {
      master: A,
      replicas: [B],
      slots: [
        [0, 0],
        [2, 8191],
      ],
      handover: id('b'),
    },
    { master: C, replicas: [], slots: [[8192, 16_383]], handover: null },
  ],
}

/** Returns the text of the map with a change. */
function changed(change: (plain: { version: unknown; shards: Record<string, unknown>[] }) => void): string {
  const plain = JSON.parse(textOfMap(map)) as { version: unknown; shards: Record<string, unknown>[] }
  change(plain)
  return JSON.stringify(plain)
}

test('a map is read as it was written', () => {
  assert.equal(mapOf(textOfMap(map)), map)
  assert.equal(mapOf('{"format":1,"version":1,"shards":[]}'), { version: 1, shards: [] })
})

test('a map becomes the lines of SETNODES', () => {
  assert.is(
    setNodesText(map),
    `${id('a')} 10.0.0.1 6379 master - 0 2-8191\n${id('b')} 10.0.0.2 6379 slave ${id('a')}\n${id('c')} 10.0.0.3 6379 master - 8192-16383`,
  )
})

test('a node is found with its role', () => {
  assert.equal(
    [id('a'), id('b'), id('d')].map((one) => placeOf(map, one)?.role ?? null),
    ['master', 'replica', null],
  )
})

test('texts that are no maps are refused, each with a reason', () => {
  const shard = (change: Record<string, unknown>) => changed(({ shards }) => Object.assign(shards[0] as object, change))
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /no JSON/],
    ['[]', /no object/],
    ['null', /no object/],
    [textOfMap(map).replace('"format":1', '"format":2'), /format 2/],
    [changed((plain) => Object.assign(plain, { version: 0 })), /version/],
    [changed((plain) => Object.assign(plain, { version: 1.5 })), /version/],
    [changed((plain) => Object.assign(plain, { shards: {} })), /no list/],
    [shard({ master: { ...A, id: 'x' } }), /40 hexadecimal/],
    [shard({ master: { ...A, host: 'a b' } }), /host/],
    [shard({ master: { ...A, host: 'a\n' } }), /host/],
    [shard({ master: { ...A, port: 0 } }), /port/],
    [shard({ master: { ...A, port: '1' } }), /port/],
    [shard({ master: C }), /occurs twice/],
    [shard({ replicas: [{ ...B, host: A.host }] }), /address .* occurs twice/],
    [shard({ slots: [[5, 4]] }), /slot/],
    [shard({ slots: [[0, 16_384]] }), /slot/],
    [shard({ slots: [[0]] }), /two ends/],
    [shard({ slots: [[8000, 9000]] }), /slot 8192 has two owners/],
    [shard({ handover: id('c') }), /handover/],
    [shard({ handover: 5 }), /handover/],
    [`{"format":1,"version":1,"shards":[],"x":"${'y'.repeat(1024 * 1024)}"}`, /too long/],
  ]
  for (const [text, reason] of cases)
    assert.throws(
      () => mapOf(text),
      (error: Error) => error instanceof MapError && reason.test(error.message),
    )
})

test('no text makes reading a map or a report fail in another way', () => {
  const reads = (read: (text: string) => unknown, text: string) => {
    try {
      read(text)
    } catch (error) {
      assert.instance(error, MapError, String(error))
    }
  }
  const mutated = fc
    .tuple(fc.nat(textOfMap(map).length), fc.constantFrom('0', '-', '"', '[', '{}', 'null', '1e9', 'ff'))
    .map(([place, text]) => `${textOfMap(map).slice(0, place)}${text}${textOfMap(map).slice(place + text.length)}`)
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), mutated), (text) => {
      reads(mapOf, text)
      reads(reportOf, text)
    }),
    { seed },
  )
})

test('the report of a node is checked', () => {
  const report = { runId: id('1'), leaseMs: 5000, role: 'master', history: id('2'), previousHistory: '', offset: 12 }
  assert.equal(reportOf(JSON.stringify(report)), report)
  for (const change of [{ runId: 5 }, { leaseMs: 0 }, { leaseMs: 1e12 }, { role: 'x' }, { history: 'x' }, { offset: -1 }, { offset: 0.5 }])
    assert.throws(() => reportOf(JSON.stringify({ ...report, ...change })), /report of a node/)
})

test.run()
