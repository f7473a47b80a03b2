/** Preloading changes nothing, whatever the requests name and whatever their keys hold. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Bytes, bufferOf } from '../../../base/bytes.ts'
import { defaultDecoderLimits } from '../../../server/protocol/decoder-limits.ts'
import { Preloader } from '../../../server/protocol/preloader.ts'
import { RequestDecoder } from '../../../server/protocol/request-decoder.ts'
import { dataFamilies } from '../../support/generators/data-families.ts'
import { harness } from '../../support/harness/harness.ts'

const encode = (words: readonly Bytes[]) => `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)

test('a pipeline of every type of key is preloaded and runs as it would without', () => {
  const { run, executor, keyspace } = harness(dataFamilies)
  run('MSET', ...numbers(300).flatMap((n) => [`string:${n}`, 'x'.repeat(n)]))
  run('SET', 'rope', 'x'.repeat(100_000))
  run('HSET', 'hash', ...numbers(2000).flatMap((n) => [`field:${n}`, `value:${n}`]))
  run('SADD', 'set', ...numbers(2000).map((n) => `member:${n}`))
  run('ZADD', 'zset', ...numbers(2000).flatMap((n) => [String(n), `member:${n}`]))
  run('HSET', 'small', 'field', 'value')
  run('ZADD', 'few', '1', 'a')
  run('RPUSH', 'list', ...numbers(2000).map(String))
  run('XADD', 'stream', '*', 'field', 'value')
  run('SET', 'deleted', 'x')
  run('DEL', 'deleted')
  const requests: Bytes[][] = [
    ...numbers(20).flatMap((n) => [
      ['GET', `string:${n}`],
      ['GET', `absent:${n}`],
      ['HGET', 'hash', `field:${n * 101}`],
      ['HGET', 'hash', ''],
      ['SISMEMBER', 'set', `member:${n * 99}`],
      ['ZSCORE', 'zset', `absent:${n}`],
      ['ZADD', 'few', String(n), 'a'],
      ['ZPOPMIN', n % 3 === 0 ? 'few' : 'zset'],
      ['ZPOPMIN', n % 3 === 0 ? 'few' : 'zset'],
      ['ZPOPMIN', n % 3 === 0 ? 'hash' : 'absent'],
    ]),
    ['MGET', ...numbers(300).map((n) => `string:${n}`)],
    ['GET', 'rope'],
    ['GET', 'deleted'],
    ['HGET', 'small', 'other'],
    ['HGET', 'small', 'field'],
    ['HGET', 'list', 'field'],
    ['HGET', 'string:1', 'field'],
    ['LLEN', 'list'],
    ['LINDEX', 'list', '77'],
    ['XLEN', 'stream'],
    ['NOSUCH', 'command'],
    ['PING'],
    ['HGET', 'hash'],
    ['CONFIG', 'GET', 'maxmemory'],
    ['EVAL', 'return 1', '0'],
  ]
  const preloader = new Preloader(keyspace, executor.runtimes)
  const decoder = new RequestDecoder(defaultDecoderLimits())
  const bytes = bufferOf(requests.map(encode).join(''))
  decoder.feed(bytes, bytes.length)
  const batch = preloader.newBatch()
  const before = [keyspace.changes, keyspace.hits, keyspace.misses, keyspace.diskReads, keyspace.database(0).keyCount]
  const seen: Bytes[][] = []
  while (batch.fill(decoder)) {
    preloader.preload(0, batch)
    seen.push(...batch.words.slice(0, batch.count))
  }
  batch.end()
  assert.equal(seen, requests)
  assert.equal([keyspace.changes, keyspace.hits, keyspace.misses, keyspace.diskReads, keyspace.database(0).keyCount], before)
  assert.is(run('HGET', 'hash', 'field:1010'), 'value:1010')
  assert.is(run('GET', 'string:7'), 'xxxxxxx')
})

test('a client that runs inside the batch of another has a batch of its own', () => {
  const { executor, keyspace } = harness(dataFamilies)
  const preloader = new Preloader(keyspace, executor.runtimes)
  const outer = preloader.newBatch()
  const inner = preloader.newBatch()
  assert.is.not(inner, outer)
  inner.end()
  outer.end()
  assert.is(preloader.newBatch(), outer)
})

test.run()
