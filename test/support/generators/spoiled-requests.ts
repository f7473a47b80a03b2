/** Requests with errors, made from valid ones, and the data that they run on. */
import type { Bytes } from '../../../base/bytes.ts'
import { KEY_KINDS } from './request-grammar.ts'
import type { Seeded } from './seed.ts'

const WRONG_WORDS: readonly Bytes[] = [
  '',
  'x',
  '-1',
  '0',
  '1',
  '+1',
  '01',
  ' 1',
  '1.5',
  'nan',
  'inf',
  '-0',
  '(1',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '18446744073709551616',
  '1e400',
  '4294967296',
  '5-*',
  '1-1-1',
  '>',
  '$',
  '~',
  'COUNT',
  'LIMIT',
  'NX',
  'GET',
  'STORE',
  'BYSCORE',
  'BYLEX',
  'REV',
  'WITHSCORES',
  'STREAMS',
  'list0',
  'hash0',
  'str0',
  'nokey',
  '\x00\xff',
]

const isKey = (word: Bytes) => KEY_KINDS.some((kind) => word.startsWith(kind) && word.length === kind.length + 1)

/** A copy of a request with one or two words wrong, missing or added. */
export function spoil(request: readonly Bytes[], chance: Seeded): Bytes[] {
  const words = [...request]
  for (let left = chance.random() < 0.8 ? 1 : 2; left > 0; left--) spoilOnce(words, chance)
  return words
}

function spoilOnce(words: Bytes[], { integer, pick, random }: Seeded): void {
  const keys = words.flatMap((word, at) => (at > 0 && isKey(word) ? [at] : []))
  const how = random()
  if (how < 0.25 && keys.length > 0) words[pick(keys)] = `${pick(KEY_KINDS)}0`
  else if (how < 0.7 && words.length > 1) words[1 + integer(words.length - 1)] = pick(WRONG_WORDS)
  else if (how < 0.8 && words.length > 1) words.splice(1 + integer(words.length - 1), 1)
  else words.splice(1 + integer(words.length), 0, random() < 0.5 ? pick(words) : pick(WRONG_WORDS))
}

/** Requests that create two keys of each kind. */
export const SPOIL_DATA: readonly Bytes[] = [
  'SET str0 hello',
  'SET str1 ohmy',
  'SET int0 9223372036854775800',
  'SET int1 5',
  'SET float0 1.5',
  'SET float1 1e4000',
  'SETBIT bits0 7 1',
  'SETBIT bits1 20 1',
  'PFADD hll0 a b c',
  'PFADD hll1 c d',
  'HSET hash0 a 1 b two c 9223372036854775807 1 -5.25',
  'HSET hash1 a x',
  'RPUSH list0 v1 v2 v3 v1 5 4',
  'RPUSH list1 a',
  'SADD set0 a b c 1 2',
  'SADD set1 b 3',
  'ZADD zset0 1 a 2 b 2.5 c inf d -inf 3',
  'ZADD zset1 -3 a 1e17 b',
  'GEOADD geo0 10.5 40.5 a 11 41 b 13.3 42 c',
  'GEOADD geo1 12 42 d',
  'XADD stream0 1-1 a 1',
  'XADD stream0 2-0 b 2 c 3',
  'XADD stream0 5-3 a 4',
  'XADD stream1 1-0 f v',
  'XGROUP CREATE stream0 g1 0',
  'XGROUP CREATE stream0 g2 $',
  'XREADGROUP GROUP g1 c1 COUNT 2 STREAMS stream0 >',
  'XGROUP CREATE stream1 g1 0',
]
