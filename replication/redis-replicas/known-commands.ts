/**
 * The commands that may occur in the binlog, as far as Redis 7.0 knows them. A command that is not
 * named here is never sent to a Redis replica, which would ignore it and then hold other data.
 */

/** In lower case. Redis 7.0 has each of them with all options that the log can have. */
const KNOWN: ReadonlySet<string> = new Set(
  [
    'append bitfield bitop blmove blmpop blpop brpop brpoplpush bzmpop bzpopmax bzpopmin copy decr decrby del exec expire',
    'expireat flushall flushdb function geoadd georadius georadiusbymember geosearchstore getdel getex getset hdel hincrby',
    'hincrbyfloat hmset hset hsetnx incr incrby incrbyfloat linsert lmove lmpop lpop lpush lpushx lrem lset ltrim move mset',
    'msetnx multi persist pexpire pexpireat pfadd pfcount pfdebug pfmerge ping psetex publish rename renamenx restore rpop',
    'rpoplpush rpush rpushx sadd sdiffstore select set setbit setex setnx setrange sinterstore smove sort spop spublish srem',
    'sunionstore swapdb unlink xack xadd xautoclaim xclaim xdel xgroup xreadgroup xsetid xtrim zadd zdiffstore zincrby',
    'zinterstore zmpop zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank zremrangebyscore zunionstore',
  ].flatMap((line) => line.split(' ')),
)

/** Words before the fields of the commands that set or remove deadlines of fields. */
const WORDS_BEFORE_FIELDS: ReadonlyMap<string, number> = new Map([
  ['hpexpireat', 5],
  ['hpersist', 4],
])

export function isKnownToRedis(name: string): boolean {
  return KNOWN.has(name)
}

/**
 * Returns the number of fields whose deadline a command changes, or null for any other command.
 */
export function deadlinesChangedBy(name: string, words: number): number | null {
  const before = WORDS_BEFORE_FIELDS.get(name)
  return before === undefined ? null : Math.max(0, words - before)
}
