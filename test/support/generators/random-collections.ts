/**
 * Commands on collections whose effect depends on the data, on time or on chance. Some build large
 * collections, others take them apart.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Words } from './random-commands.ts'
import type { Seeded } from './seed.ts'

/** The server that runs the commands; commands unknown to older servers are left out. */
export type Dialect = 'haypile' | 'redis 7.0'

const KEYS = 8

/** Mostly a few; sometimes enough that a collection is stored in pages. */
function countOf({ integer, random }: Seeded): number {
  return random() < 0.05 ? 100 + integer(400) : 1 + integer(4)
}

function repeated(chance: Seeded, words: () => Words): Words {
  return Array.from({ length: countOf(chance) }, words).flat()
}

export function randomCollectionCommand(chance: Seeded, dialect: Dialect): Words {
  // Sometimes a command meets a value of another type.
  const name = (kind: Bytes) => `${chance.random() < 0.02 ? 'key' : kind}${chance.integer(KEYS)}`
  const families = [hashCommand, listCommand, setCommand, sortedSetCommand, streamCommand, sketchCommand, geoCommand]
  if (dialect === 'haypile') families.push(fieldDeadlineCommand)
  return chance.pick(families)(chance, name)
}

type Named = (kind: Bytes) => Bytes

const textOf = ({ integer, random }: Seeded) => 'v'.repeat(integer(random() < 0.02 ? 3000 : 20)) + integer(1000)

function hashCommand(chance: Seeded, name: Named): Words {
  const { integer, pick } = chance
  const key = name('hash')
  const field = () => `f${integer(600)}`
  return pick<Words>([
    ['HSET', key, ...repeated(chance, () => [field(), textOf(chance)])],
    ['HSET', key, ...repeated(chance, () => [field(), textOf(chance)])],
    ['HSETNX', key, field(), textOf(chance)],
    ['HDEL', key, ...repeated(chance, () => [field()])],
    ['HINCRBY', key, `n${integer(5)}`, integer(1000) - 500],
    ['HINCRBYFLOAT', key, `n${integer(5)}`, String(integer(1000) / 8)],
    ['HMSET', key, field(), textOf(chance)],
  ])
}

function fieldDeadlineCommand({ integer, pick }: Seeded, name: Named): Words {
  const key = name('hash')
  const fields: Words = ['FIELDS', 2, `f${integer(600)}`, `f${integer(20)}`]
  return pick<Words>([
    ['HEXPIRE', key, 1000 + integer(1000), ...fields],
    ['HPEXPIREAT', key, 4_000_000_000_000 + integer(1000), pick(['NX', 'XX', 'GT', 'LT']), ...fields],
    ['HPEXPIRE', key, 1 + integer(30), ...fields],
    ['HPERSIST', key, ...fields],
  ])
}

function listCommand(chance: Seeded, name: Named): Words {
  const { integer, pick } = chance
  const key = name('list')
  return pick<Words>([
    ['RPUSH', key, ...repeated(chance, () => [textOf(chance)])],
    ['LPUSH', key, ...repeated(chance, () => [textOf(chance)])],
    ['RPUSHX', key, textOf(chance)],
    ['LPOP', key, 1 + integer(5)],
    ['RPOP', key],
    ['LSET', key, integer(50) - 25, textOf(chance)],
    ['LINSERT', key, pick(['BEFORE', 'AFTER']), `v${integer(10)}`, textOf(chance)],
    ['LREM', key, integer(5) - 2, integer(1000)],
    ['LTRIM', key, integer(5), -1 - integer(5)],
    ['LMOVE', key, name('list'), pick(['LEFT', 'RIGHT']), pick(['LEFT', 'RIGHT'])],
    ['LMPOP', 2, key, name('list'), 'LEFT', 'COUNT', 1 + integer(4)],
    ['SORT', key, 'ALPHA', 'DESC', 'LIMIT', 0, 100, 'STORE', name('list')],
  ])
}

function setCommand(chance: Seeded, name: Named): Words {
  const { integer, pick } = chance
  const key = name('set')
  const member = () => pick([integer(1000), `m${integer(1000)}`])
  return pick<Words>([
    ['SADD', key, ...repeated(chance, () => [member()])],
    ['SADD', key, ...repeated(chance, () => [member()])],
    ['SREM', key, ...repeated(chance, () => [member()])],
    ['SPOP', key],
    ['SPOP', key, 1 + integer(10)],
    ['SMOVE', key, name('set'), member()],
    [pick(['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE']), name('set'), key, name('set')],
  ])
}

function sortedSetCommand(chance: Seeded, name: Named): Words {
  const { integer, pick } = chance
  const key = name('zset')
  const score = () => pick<number | string>([integer(1000), integer(1000) / 8, -integer(100), 'inf', '-inf', '1e300'])
  const member = () => `m${integer(800)}`
  const [low, high] = [integer(500), 500 + integer(500)]
  return pick<Words>([
    ['ZADD', key, ...repeated(chance, () => [score(), member()])],
    ['ZADD', key, ...repeated(chance, () => [score(), member()])],
    ['ZADD', key, pick(['NX', 'XX', 'GT', 'LT']), 'CH', score(), member()],
    ['ZINCRBY', key, integer(100) / 8, member()],
    ['ZREM', key, ...repeated(chance, () => [member()])],
    [pick(['ZPOPMIN', 'ZPOPMAX']), key, 1 + integer(3)],
    ['ZREMRANGEBYSCORE', key, low, `(${low + integer(50)}`],
    ['ZREMRANGEBYRANK', key, integer(10), integer(20)],
    [pick(['ZUNIONSTORE', 'ZINTERSTORE']), name('zset'), 3, key, name('zset'), name('set'), 'AGGREGATE', pick(['SUM', 'MIN', 'MAX'])],
    ['ZDIFFSTORE', name('zset'), 2, key, name('zset')],
    ['ZRANGESTORE', name('zset'), key, low, high, 'BYSCORE', 'LIMIT', 0, 200],
    ['ZMPOP', 2, key, name('zset'), 'MAX', 'COUNT', 1 + integer(4)],
  ])
}

function streamCommand(chance: Seeded, name: Named): Words {
  const { integer, pick } = chance
  const key = name('stream')
  const group = `g${integer(2)}`
  const consumer = `c${integer(3)}`
  return pick<Words>([
    ['XADD', key, '*', ...repeated(chance, () => [`f${integer(5)}`, textOf(chance)])],
    ['XADD', key, '*', 'f', textOf(chance)],
    ['XADD', key, 'MAXLEN', pick(['~', '=']), 20 + integer(30), '*', 'f', textOf(chance)],
    ['XTRIM', key, 'MAXLEN', integer(40)],
    ['XGROUP', 'CREATE', key, group, pick(['$', '0']), 'MKSTREAM'],
    ['XGROUP', pick(['DESTROY', 'CREATECONSUMER', 'DELCONSUMER']), key, group, ...pick([[], [consumer]])],
    ['XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1 + integer(5), ...pick([[], ['NOACK']]), 'STREAMS', key, '>'],
    ['XAUTOCLAIM', key, group, consumer, integer(5), '0', 'COUNT', 2],
    ['XSETID', key, `${4_000_000_000_000 + integer(10)}-0`],
  ])
}

function sketchCommand(chance: Seeded, name: Named): Words {
  const key = name('sketch')
  return chance.pick<Words>([
    ['PFADD', key, ...repeated(chance, () => [`e${chance.integer(5000)}`])],
    ['PFADD', key, ...repeated(chance, () => [`e${chance.integer(5000)}`])],
    ['PFCOUNT', key],
    ['PFMERGE', key, name('sketch')],
  ])
}

function geoCommand(chance: Seeded, name: Named): Words {
  const { random, integer, pick } = chance
  const place = () => [13 + random(), 38 + random(), `m${integer(800)}`]
  const store = pick<Words>([[], ['STOREDIST']])
  return pick<Words>([
    ['GEOADD', name('geo'), ...repeated(chance, place)],
    ['GEOSEARCHSTORE', name('geo'), name('geo'), 'FROMLONLAT', 13.5, 38.5, 'BYBOX', 40, 40, 'km', 'COUNT', 50, ...store],
    ['GEORADIUS', name('geo'), 13.5, 38.5, 20, 'km', 'STORE', name('geo')],
  ])
}
