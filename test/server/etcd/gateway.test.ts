/** Requests to etcd's gateway: endpoints that fail, time limits, answers of all kinds. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Etcd } from '../../../server/etcd/etcd.ts'
import { EtcdError } from '../../../server/etcd/etcd-error.ts'
import { type EtcdEndpoint, endpointsOf } from '../../../server/etcd/gateway.ts'
import { FakeGateway } from '../../support/cluster/fake-gateway.ts'

const TIMEOUT_MS = 150
const base64 = (text: string) => Buffer.from(text).toString('base64')
const header = (revision: number) => ({ revision: String(revision) })
const entry = (key: string, value: string, revision: number) => ({
  key: base64(key),
  value: base64(value),
  create_revision: '2',
  mod_revision: String(revision),
  lease: '7587848390000000001',
})

const clientOf = (...endpoints: EtcdEndpoint[]) => new Etcd({ endpoints, timeoutMs: TIMEOUT_MS })

async function failure(running: Promise<unknown>): Promise<EtcdError> {
  try {
    await running
  } catch (error) {
    assert.instance(error, EtcdError)
    return error as EtcdError
  }
  throw new Error('it has succeeded')
}

async function withGateways(count: number, run: (gateways: FakeGateway[], etcd: Etcd) => Promise<void>): Promise<void> {
  const gateways = await Promise.all(Array.from({ length: count }, () => FakeGateway.start()))
  const etcd = clientOf(...gateways.map(({ endpoint }) => endpoint))
  try {
    await run(gateways, etcd)
  } finally {
    etcd.close()
    await Promise.all(gateways.map((gateway) => gateway.stop()))
  }
}

const first = (gateways: readonly FakeGateway[]) => gateways[0] as FakeGateway
const second = (gateways: readonly FakeGateway[]) => gateways[1] as FakeGateway

test('endpoints are read from URLs, and anything else is refused with a line of text', () => {
  assert.equal(endpointsOf('http://127.0.0.1:2379, http://etcd-2/'), [
    { host: '127.0.0.1', port: 2379 },
    { host: 'etcd-2', port: 2379 },
  ])
  assert.equal(endpointsOf('http://[::1]:80'), [{ host: '::1', port: 80 }])
  for (const text of ['', '127.0.0.1:2379', 'https://a:1', 'http://u@a:1', 'http://a:1/v3', 'http://a:1?b', 'http://a:1,'])
    assert.throws(() => endpointsOf(text), /named as http:\/\/host:port/)
  assert.throws(() => endpointsOf('http://a:1,http://a:1'), /named twice/)
})

test('keys, values, revisions and leases are read as etcd writes them', async () => {
  await withGateways(1, async (gateways, etcd) => {
    const gateway = first(gateways)
    gateway.answer = () => ({ header: header(9), kvs: [entry('/a/ü', 'one\ntwo', 5)], count: '1' })
    assert.equal(await etcd.find('/a/ü'), {
      value: { key: '/a/ü', value: 'one\ntwo', createRevision: 2, modRevision: 5, lease: '7587848390000000001' },
      revision: 9,
    })
    assert.equal(gateway.requests[0]?.body, { key: base64('/a/ü') })
    gateway.answer = () => ({ header: header(10) })
    assert.equal(await etcd.findAll('/a/'), { values: [], revision: 10 })
    assert.equal(gateway.requests[1]?.body, { key: base64('/a/'), range_end: base64('/a0') })
  })
})

test('a transaction sends conditions and operations, and returns what it has read', async () => {
  await withGateways(1, async (gateways, etcd) => {
    const gateway = first(gateways)
    gateway.answer = () => ({
      header: header(12),
      succeeded: true,
      responses: [{ response_put: {} }, { response_range: { kvs: [entry('k', 'v', 3)] } }, { response_range: {} }],
    })
    const result = await etcd.transact({
      conditions: [
        { key: 'a', modRevision: 4 },
        { key: 'b', createRevision: 0 },
      ],
      operations: [{ put: 'a', value: 'x', lease: '77' }, { read: 'k' }, { read: 'l' }],
    })
    assert.equal(result.isDone, true)
    assert.equal(
      result.reads.map((read) => read?.value ?? null),
      ['v', null],
    )
    assert.equal(gateway.requests[0]?.body, {
      compare: [
        { key: base64('a'), target: 'MOD', result: 'EQUAL', mod_revision: '4' },
        { key: base64('b'), target: 'CREATE', result: 'EQUAL', create_revision: '0' },
      ],
      success: [
        { request_put: { key: base64('a'), value: base64('x'), lease: '77' } },
        { request_range: { key: base64('k') } },
        { request_range: { key: base64('l') } },
      ],
    })
    gateway.answer = () => ({ header: header(13) })
    assert.is((await etcd.transact({ conditions: [], operations: [] })).isDone, false)
  })
})

test('a silent endpoint is left after the time limit, and later requests begin at the next one', async () => {
  await withGateways(2, async (gateways, etcd) => {
    first(gateways).answer = () => 'silence'
    second(gateways).answer = () => ({ header: header(3) })
    assert.is((await etcd.find('a')).revision, 3)
    assert.is((await etcd.find('a')).revision, 3)
    assert.equal([first(gateways).requests.length, second(gateways).requests.length], [1, 2])
  })
})

test('a member without a leader is left like one that is silent', async () => {
  await withGateways(2, async (gateways, etcd) => {
    first(gateways).answer = () => ({ error: 'etcdserver: no leader', code: 14, message: 'etcdserver: no leader' })
    second(gateways).answer = () => ({ header: header(4) })
    assert.is((await etcd.find('a')).revision, 4)
  })
})

test('a transaction that may have been executed is not sent again, one that was not sent is', async () => {
  await withGateways(2, async (gateways, etcd) => {
    first(gateways).answer = () => 'reset'
    const error = await failure(etcd.transact({ conditions: [], operations: [{ put: 'a', value: 'b' }] }))
    assert.is(error.kind, 'unreachable')
    assert.is(second(gateways).requests.length, 0)
    const gone = await FakeGateway.start()
    const { endpoint } = gone
    await gone.stop()
    const other = clientOf(endpoint, second(gateways).endpoint)
    second(gateways).answer = () => ({ header: header(5), succeeded: true })
    assert.is((await other.transact({ conditions: [], operations: [{ put: 'a', value: 'b' }] })).isDone, true)
    other.close()
  })
})

test('an error of etcd is refused at once and names the endpoint', async () => {
  await withGateways(2, async (gateways, etcd) => {
    first(gateways).answer = () => ({
      error: 'etcdserver: mvcc: database space exceeded',
      code: 8,
      message: 'etcdserver: mvcc: database space exceeded',
    })
    const error = await failure(etcd.find('a'))
    assert.is(error.kind, 'refused')
    assert.match(error.message, /^127\.0\.0\.1:\d+: etcdserver: mvcc: database space exceeded$/)
    assert.is(second(gateways).requests.length, 0)
  })
})

test('answers that are not of etcd are errors, not values', async () => {
  await withGateways(1, async (gateways, etcd) => {
    const answers = [
      '<html>',
      '',
      '[]',
      'null',
      { kvs: 1 },
      { kvs: [null] },
      { kvs: [{ key: 1 }] },
      { kvs: [{ mod_revision: '1e3' }] },
      { header: { revision: '99999999999999999999' } },
      { header: [] },
    ]
    for (const answer of answers) {
      first(gateways).answer = () => answer
      assert.is((await failure(etcd.find('a'))).kind, 'refused', JSON.stringify(answer))
    }
  })
})

test('a lease that has ended is kept alive for 0 ms, and revoking it is no error', async () => {
  await withGateways(1, async (gateways, etcd) => {
    const gateway = first(gateways)
    gateway.answer = () => ({ ID: '7587848390000000001', TTL: '5' })
    assert.equal(await etcd.grant(4200), { id: '7587848390000000001', ttlMs: 5000 })
    assert.equal(gateway.requests[0]?.body, { TTL: 5 })
    gateway.answer = () => ({ result: { ID: '7587848390000000001', TTL: '4' } })
    assert.is(await etcd.keepAlive('7587848390000000001'), 4000)
    gateway.answer = () => ({ result: { ID: '7587848390000000001' } })
    assert.is(await etcd.keepAlive('7587848390000000001'), 0)
    gateway.answer = () => ({ error: 'etcdserver: requested lease not found', code: 5, message: 'etcdserver: requested lease not found' })
    await etcd.revoke('7587848390000000001')
  })
})

test('without any endpoint that answers, the last reason is told', async () => {
  await withGateways(2, async (gateways, etcd) => {
    for (const gateway of gateways) gateway.answer = () => 'silence'
    const error = await failure(etcd.find('a'))
    assert.is(error.kind, 'unreachable')
    assert.match(error.message, /has not answered within 150 ms/)
  })
})

test.run()
