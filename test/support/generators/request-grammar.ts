/**
 * Random requests of every command on data, made from forms. In a form
 *
 *   a|b          is one of its words
 *   $name        is a word of that sort: a key, mostly of the named type, or an argument
 *   [ ... ]      is optional
 *   { ... }      occurs once or a few times
 *
 *   makeRequest('ZADD $zset [NX|XX] { $score $member }', chance)
 */
import type { Bytes } from '../../../base/bytes.ts'
import { FIXTURES } from '../rdb/fixtures.ts'
import type { Seeded } from './seed.ts'

export const KEY_KINDS = ['str', 'int', 'float', 'bits', 'hll', 'hash', 'list', 'set', 'zset', 'geo', 'stream'] as const
const KEYS_OF_KIND = 3

export const WRITES: readonly Bytes[] = [
  'SET $str $value [NX|XX] [GET] [EX $seconds]',
  'SET $str $value KEEPTTL|NX|XX|GET',
  'SET $str $value PX|PXAT|EXAT $any_time',
  'SETNX $str $value',
  'SETEX $str $seconds $value',
  'PSETEX $str $milliseconds $value',
  'GETSET $str $value',
  'GETDEL $str',
  'GETEX $str [EX $seconds]',
  'GETEX $str PERSIST',
  'MSET { $str $value }',
  'MSETNX { $str $value }',
  'INCR $int',
  'DECR $int',
  'INCRBY $int $integer',
  'DECRBY $int $integer',
  'INCRBYFLOAT $float $decimal',
  'APPEND $str $value',
  'SETRANGE $str $small $value',
  'SETBIT $bits $small 0|1',
  'BITOP AND|OR|XOR $bits { $bits }',
  'BITOP NOT $bits $bits',
  'BITFIELD $bits { SET|INCRBY u5|i16 $small $integer }',
  'BITFIELD $bits OVERFLOW FAIL|SAT|WRAP INCRBY u3 $small $integer GET u8 0',
  'LPUSH|RPUSH $list { $value }',
  'LPUSH|RPUSH $list { $value }',
  'LPUSHX|RPUSHX $list { $value }',
  'LPOP|RPOP $list [$small]',
  'LSET $list $index $value',
  'LTRIM $list $index $index',
  'LREM $list $index $value',
  'LINSERT $list BEFORE|AFTER $value $value',
  'LMOVE $list $list LEFT|RIGHT LEFT|RIGHT',
  'RPOPLPUSH $list $list',
  'LMPOP 2 $list $list LEFT|RIGHT [COUNT $count]',
  'BLPOP|BRPOP $list $list 0.001',
  'BLMOVE $list $list LEFT|RIGHT LEFT|RIGHT 0.001',
  'BRPOPLPUSH $list $list 0.001',
  'BLMPOP 0.001 2 $list $list LEFT|RIGHT [COUNT $count]',
  'PFADD $hll { $value }',
  'PFMERGE $hll { $hll }',
  'GEOADD $geo [NX|XX] [CH] { $longitude $latitude $member }',
  'GEOSEARCHSTORE $geo $geo FROMLONLAT $longitude $latitude BYRADIUS 200 km [COUNT $count ANY] [STOREDIST]',
  'GEOSEARCHSTORE $geo $geo FROMMEMBER $member BYBOX 300 400 km [COUNT $count] [ASC|DESC]',
  'GEORADIUS $geo $longitude $latitude 300 km STORE|STOREDIST $geo',
  'GEORADIUSBYMEMBER $geo $member 300 km [COUNT $count] STORE|STOREDIST $geo',
  'HSET $hash { $field $value }',
  'HSET $hash { $field $value }',
  'HMSET $hash { $field $value }',
  'HSETNX $hash $field $value',
  'HDEL $hash { $field }',
  'HINCRBY $hash $field $integer',
  'HINCRBYFLOAT $hash $field $decimal',
  'SADD $set { $member }',
  'SADD $set { $member }',
  'SREM $set { $member }',
  'SMOVE $set $set $member',
  'SPOP $set [$small]',
  'SINTERSTORE|SUNIONSTORE|SDIFFSTORE $set { $set }',
  'ZADD $zset { $score $member }',
  'ZADD $zset [NX|XX|GT|LT] [CH] { $score $member }',
  'ZADD $zset [NX|XX|GT|LT] INCR $score $member',
  'ZINCRBY $zset $score $member',
  'ZREM $zset { $member }',
  'ZRANGESTORE $zset $zset $index $index [REV]',
  'ZRANGESTORE $zset $zset $bound $bound BYSCORE [LIMIT $small $count]',
  'ZRANGESTORE $zset $zset - + BYLEX [LIMIT $small $count]',
  'ZREMRANGEBYRANK $zset $index $index',
  'ZREMRANGEBYSCORE $zset $bound $bound',
  'ZREMRANGEBYLEX $zset $lex $lex',
  'ZPOPMIN|ZPOPMAX $zset [$small]',
  'ZMPOP 2 $zset $zset MIN|MAX [COUNT $count]',
  'BZMPOP 0.001 2 $zset $zset MIN|MAX [COUNT $count]',
  'BZPOPMIN|BZPOPMAX $zset $zset 0.001',
  'ZUNIONSTORE|ZINTERSTORE $zset 2 $zset $set|$zset|$geo [WEIGHTS $decimal $score] [AGGREGATE SUM|MIN|MAX]',
  'ZDIFFSTORE $zset 2 $zset $zset',
  'SORT $list|$set|$zset ALPHA [DESC] [LIMIT $small $count] [BY $member*] [GET # GET hash*->a] STORE $list',
  'XADD stream2 * { $field $value }',
  'XADD $stream $id { $field $value }',
  'XADD $stream $id $field $value',
  'XADD $stream NOMKSTREAM $id|* $field $value',
  'XADD $stream MAXLEN|MINID = $small|$id $id $field $value',
  'XADD $stream MAXLEN|MINID ~ $small [LIMIT $count] $id|9-* $field $value',
  'XADD $stream 3-*|7-*|20-* $field $value',
  'XDEL $stream { $id }',
  'XTRIM $stream MAXLEN|MINID [=] $small',
  'XTRIM $stream MAXLEN|MINID ~ $small [LIMIT $count]',
  'XSETID $stream $id [ENTRIESADDED 100] [MAXDELETEDID $id]',
  'XGROUP CREATE $stream $group $|0|$id [MKSTREAM] [ENTRIESREAD $small]',
  'XGROUP CREATE $stream $group 0 MKSTREAM',
  'XGROUP CREATECONSUMER|DELCONSUMER $stream $group $consumer',
  'XGROUP DESTROY $stream $group',
  'XGROUP SETID $stream $group $|0|$id [ENTRIESREAD $small]',
  'XREADGROUP GROUP $group $consumer [COUNT $count] [NOACK] STREAMS $stream >|0',
  'XREADGROUP GROUP $group $consumer [COUNT $count] STREAMS $stream $stream >|0|$id >',
  'XREADGROUP GROUP $group $consumer BLOCK 1 STREAMS $stream >',
  'XACK $stream $group { $id }',
  'XCLAIM $stream $group $consumer $small { $id } [IDLE $small] [RETRYCOUNT $small] [FORCE] [JUSTID]',
  'XCLAIM $stream $group $consumer 0 $id [TIME $any_time] [LASTID $id] [FORCE]',
  'XAUTOCLAIM $stream $group $consumer $small 0|- [COUNT $count] [JUSTID]',
  'DEL|UNLINK { $key }',
  'RENAME|RENAMENX $key $key',
  'COPY $key $key [DB $database] [REPLACE]',
  'MOVE $key $database',
  'RESTORE $key 0|$milliseconds $payload [REPLACE]',
  'RESTORE $key $any_time $payload ABSTTL [REPLACE]',
  'EXPIRE $key $seconds [NX|XX|GT|LT]',
  'PEXPIRE $key $milliseconds [NX|XX|GT|LT]',
  'EXPIREAT|PEXPIREAT $key $any_time',
  'PERSIST $key',
  'SWAPDB $database $database',
  'FLUSHDB [ASYNC|SYNC]',
]

/** Commands of Redis 7.4. */
export const FIELD_WRITES: readonly Bytes[] = [
  'HEXPIRE $hash $seconds [NX|XX|GT|LT] FIELDS 2 $field $field',
  'HPEXPIRE $hash $milliseconds [NX|XX|GT|LT] FIELDS 2 $field $field',
  'HEXPIREAT|HPEXPIREAT $hash $any_time FIELDS 1 $field',
  'HPERSIST $hash FIELDS 2 $field $field',
  'RESTORE $hash 0 $late_payload [REPLACE]',
]

export const READS: readonly Bytes[] = [
  'GET|STRLEN|TYPE|TTL|PTTL|EXPIRETIME|PEXPIRETIME|EXISTS|TOUCH $key',
  'GETRANGE|SUBSTR $str $index $index',
  'MGET { $str }',
  'LCS $str $str [LEN|IDX] [WITHMATCHLEN] [MINMATCHLEN $small]',
  'GETBIT $bits $small',
  'BITCOUNT $bits [$index $index] [BYTE|BIT]',
  'BITPOS $bits 0|1 [$index] [$index] [BYTE|BIT]',
  'BITFIELD_RO $bits { GET u8|i16 $small }',
  'LLEN $list',
  'LINDEX $list $index',
  'LRANGE $list $index $index',
  'LPOS $list $value [RANK $index] [COUNT $small] [MAXLEN $small]',
  'PFCOUNT { $hll }',
  'GEOPOS|GEOHASH $geo { $member }',
  'GEODIST $geo $member $member [m|km|ft|mi]',
  'GEOSEARCH $geo FROMMEMBER $member BYRADIUS 300 km ASC [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT $count]',
  'GEOSEARCH $geo FROMLONLAT $longitude $latitude BYBOX 300 500 km DESC [WITHCOORD] [WITHDIST]',
  'GEORADIUS|GEORADIUS_RO $geo $longitude $latitude 300 km [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT $count] ASC',
  'GEORADIUSBYMEMBER|GEORADIUSBYMEMBER_RO $geo $member 300 km [WITHCOORD] [WITHDIST] ASC',
  'HGET|HEXISTS|HSTRLEN $hash $field',
  'HMGET $hash { $field }',
  'HLEN|HKEYS|HVALS|HGETALL $hash',
  'HRANDFIELD $hash [$index] [WITHVALUES]',
  'HSCAN $hash 0 [MATCH a*] [COUNT $count]',
  'SCARD|SMEMBERS $set',
  'SISMEMBER $set $member',
  'SMISMEMBER $set { $member }',
  'SINTER|SUNION|SDIFF { $set }',
  'SINTERCARD 2 $set $set [LIMIT $small]',
  'SRANDMEMBER $set [$index]',
  'SSCAN|ZSCAN $set|$zset 0 [MATCH a*] [COUNT $count]',
  'ZCARD $zset',
  'ZSCORE|ZRANK|ZREVRANK $zset $member',
  'ZMSCORE $zset { $member }',
  'ZCOUNT $zset $bound $bound',
  'ZLEXCOUNT $zset $lex $lex',
  'ZRANGE|ZREVRANGE $zset $index $index [WITHSCORES]',
  'ZRANGE $zset $bound $bound BYSCORE [REV] [LIMIT $small $index] [WITHSCORES]',
  'ZRANGE $zset $lex $lex BYLEX [REV] [LIMIT $small $index]',
  'ZRANGEBYSCORE|ZREVRANGEBYSCORE $zset $bound $bound [WITHSCORES] [LIMIT $small $index]',
  'ZRANGEBYLEX|ZREVRANGEBYLEX $zset $lex $lex [LIMIT $small $index]',
  'ZRANDMEMBER $zset [$index] [WITHSCORES]',
  'ZUNION|ZINTER 2 $zset $set|$zset [WEIGHTS $decimal $score] [AGGREGATE SUM|MIN|MAX] [WITHSCORES]',
  'ZDIFF 2 $zset $zset [WITHSCORES]',
  'ZINTERCARD 2 $zset $zset [LIMIT $small]',
  'SORT|SORT_RO $list|$set|$zset ALPHA [DESC] [LIMIT $small $count] [GET #] [GET hash*->a]',
  'XLEN $stream',
  'XRANGE $stream -|$id|($id +|$id|($id [COUNT $count]',
  'XREVRANGE $stream +|$id|($id -|$id|($id [COUNT $count]',
  'XREAD [COUNT $count] STREAMS $stream $stream 0|$|$id $id',
  'XPENDING $stream $group',
  'XPENDING $stream $group [IDLE $small] -|$id + $count [$consumer]',
  'XINFO STREAM $stream [FULL] [COUNT $count]',
  'XINFO GROUPS $stream',
  'OBJECT ENCODING|REFCOUNT $key',
  'OBJECT FREQ $key',
  'DUMP $key',
  'KEYS $key',
  'DBSIZE',
]

const MAX_PAYLOAD_BYTES = 20_000
const payloads = FIXTURES.filter(({ payload }) => payload.length < MAX_PAYLOAD_BYTES).map(({ payload }) => payload)
const versionOf = (payload: Buffer): number => payload.readUInt16LE(payload.length - 10)

/** Payloads that Redis 7.0 reads, and of later versions. */
const PAYLOADS = payloads.filter((payload) => versionOf(payload) <= 10).map((payload) => payload.latin1Slice())
const LATE_PAYLOADS = payloads.filter((payload) => versionOf(payload) > 10).map((payload) => payload.latin1Slice())

/** A random request of a form. */
export function makeRequest(form: Bytes, chance: Seeded): Bytes[] {
  const words: Bytes[] = []
  expand(form.split(' '), words, chance)
  return words
}

function expand(form: readonly Bytes[], words: Bytes[], chance: Seeded): void {
  for (let at = 0; at < form.length; at++) {
    const word = form[at]!
    if (word === '{') {
      const end = form.indexOf('}', at)
      const times = chance.random() < 0.05 ? 40 : 1 + chance.integer(3)
      for (let i = 0; i < times; i++) expand(form.slice(at + 1, end), words, chance)
      at = end
    } else if (word.startsWith('[')) {
      const end = at + form.slice(at).findIndex((part) => part.endsWith(']'))
      const inner = form
        .slice(at, end + 1)
        .join(' ')
        .slice(1, -1)
      if (chance.random() < 0.5) expand(inner.split(' '), words, chance)
      at = end
    } else words.push(wordOf(chance.pick(word.split('|')), chance))
  }
}

const isKind = (sort: Bytes): boolean => (KEY_KINDS as readonly Bytes[]).includes(sort)

/** A word for a sort that may have a prefix or suffix. */
function wordOf(word: Bytes, chance: Seeded): Bytes {
  return word.replace(/\$([a-z_]+)/, (_, sort) => ofSort(sort, chance))
}

function ofSort(sort: Bytes, chance: Seeded): Bytes {
  const { integer, pick, random } = chance
  if (sort === 'key' || isKind(sort)) {
    const kind = sort === 'key' || random() < 0.02 ? pick(KEY_KINDS) : sort
    return `${kind}${integer(KEYS_OF_KIND)}`
  }
  switch (sort) {
    case 'value':
      return random() < 0.03 ? 'long'.repeat(30 + integer(300)) : `v${integer(12)}`
    case 'field':
    case 'member':
      return random() < 0.5 ? pick(['a', 'b', 'c', 'd']) : String(integer(60))
    case 'integer':
      return String(integer(2000) - 1000)
    case 'decimal':
      return pick(['0.1', '3', '-2.5', '1e-3', '7.25', '-0.3'])
    case 'score':
      return pick(['1', '2', '2.5', '-3', 'inf', '-inf', '0.1', '1e17', '-0', '1e-7'])
    case 'bound':
      return pick(['-inf', '+inf', '1', '(1', '2', '(2.5', '-3'])
    case 'lex':
      return pick(['-', '+', '[a', '(b', '[c', '[3'])
    case 'index':
      return String(integer(12) - 6)
    case 'small':
      return String(integer(8))
    case 'count':
      return String(1 + integer(5))
    case 'seconds':
      return pick(['1', '100', '5', '1000'])
    case 'milliseconds':
      return pick(['1', '7', '50', '100000'])
    case 'any_time':
      return pick(['1', '1700000000', '4000000000', '1700000000500', '4000000000000'])
    case 'database':
      return String(integer(3))
    case 'id':
      return `${random() < 0.7 ? 1 + integer(9) : 1 + integer(60)}-${integer(4)}`
    case 'group':
      return pick(['g1', 'g1', 'g2'])
    case 'consumer':
      return pick(['c1', 'c2'])
    case 'payload':
      return pick(PAYLOADS)
    case 'late_payload':
      return pick(LATE_PAYLOADS)
    case 'longitude':
      return String(10 + integer(40) / 10)
    case 'latitude':
      return String(40 + integer(30) / 10)
    default:
      throw new Error(`no sort of word ${sort}`)
  }
}
