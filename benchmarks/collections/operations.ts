/**
 * Large collections and the operations on them. Elements have numbers: a collection of n has the
 * elements 0 to n - 1, and their names sort in that order. In a list, element i is at index i.
 */
import type { ParsedReply } from 'redis-parser'
import { encode } from '../support/connection.ts'

type KindName = 'hash' | 'list' | 'set' | 'sorted set'

/**
 * One operation. `request` returns the k-th request to a collection of `size` elements. `undo`
 * returns the request that undoes the k-th one, given its reply.
 */
export interface Operation {
  readonly name: string
  readonly request: (k: number, size: number) => string
  readonly undo?: (k: number, size: number, reply: ParsedReply) => string
}

export interface Kind {
  readonly name: KindName
  readonly key: string
  readonly operations: readonly Operation[]
  /** The command that returns the number of elements. */
  readonly count: string
  /** The command that adds elements, and its arguments for each element. */
  readonly load: readonly string[]
  readonly words: (number: number) => readonly (string | number)[]
}

const ELEMENTS_PER_COMMAND = 100

/** The order in which elements are added; lists have only one. */
export type Order = 'ascending' | 'random'

/**
 * A prime. Its multiples modulo a number that it does not divide are all numbers below that one, in
 * an order that looks random.
 */
const STRIDE = 7_368_787

/** A bijection of the 32-bit integers: the finalizer of MurmurHash3 (Appleby, smhasher). */
export function scramble(number: number): number {
  let hash = number | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** Returns a name of 20 bytes. In a sorted set the number is the score. */
export const element = (number: number) => `element:${String(number).padStart(12, '0')}`
/** Returns 20 bytes that hardly compress. */
const value = (number: number) => `${word(3 * number)}${word(3 * number + 1)}${word(3 * number + 2).slice(1)}`
/** Returns 7 letters and digits. */
const word = (number: number) =>
  scramble(number ^ 0x5bd1e995)
    .toString(36)
    .padStart(7, '0')

/**
 * Returns a random element's number for the k-th request. Each operation has its own `salt`, so
 * that no operation reads elements that another one has brought into memory.
 */
const randomNumber = (k: number, salt: number, size: number) => scramble(k ^ scramble(salt)) % size
/** Returns the name of an absent element that sorts at a random place among the others. */
const newElement = (k: number, salt: number, size: number) => `${element(randomNumber(k, salt, size))}.${k}`
const middle = (size: number) => size >> 1
const textOf = (reply: ParsedReply) => (reply as Buffer).latin1Slice()

/** Yields the commands that add elements `from` to `to` - 1. */
export function* loadRequests(kind: Kind, from: number, to: number, order: Order): Generator<string> {
  const stride = order === 'ascending' || kind === list ? 1 : STRIDE
  for (let at = from; at < to; at += ELEMENTS_PER_COMMAND) {
    const words: (string | number)[] = [...kind.load]
    for (let index = at; index < Math.min(to, at + ELEMENTS_PER_COMMAND); index++) {
      words.push(...kind.words(from + (((index - from) * stride) % (to - from))))
    }
    yield encode(words)
  }
}

const hash: Kind = {
  name: 'hash',
  key: 'a-hash',
  count: encode(['HLEN', 'a-hash']),
  load: ['HSET', 'a-hash'],
  words: (number) => [element(number), value(number)],
  operations: [
    { name: 'HGET', request: (k, size) => encode(['HGET', 'a-hash', element(randomNumber(k, 1, size))]) },
    { name: 'HSET, existing field', request: (k, size) => encode(['HSET', 'a-hash', element(randomNumber(k, 2, size)), value(k)]) },
    {
      name: 'HSET, new field',
      request: (k, size) => encode(['HSET', 'a-hash', newElement(k, 13, size), value(k)]),
      undo: (k, size) => encode(['HDEL', 'a-hash', newElement(k, 13, size)]),
    },
    {
      name: 'HDEL',
      request: (k, size) => encode(['HDEL', 'a-hash', element(randomNumber(k, 3, size))]),
      undo: (k, size) => encode(['HSET', 'a-hash', element(randomNumber(k, 3, size)), value(k)]),
    },
    { name: 'HRANDFIELD', request: () => encode(['HRANDFIELD', 'a-hash']) },
  ],
}

export const list: Kind = {
  name: 'list',
  key: 'a-list',
  count: encode(['LLEN', 'a-list']),
  load: ['RPUSH', 'a-list'],
  words: (number) => [element(number)],
  operations: [
    { name: 'LINDEX, the middle', request: (_k, size) => encode(['LINDEX', 'a-list', middle(size)]) },
    { name: 'LINDEX, random', request: (k, size) => encode(['LINDEX', 'a-list', randomNumber(k, 4, size)]) },
    { name: 'LPUSH', request: (k) => encode(['LPUSH', 'a-list', value(k)]), undo: () => encode(['LPOP', 'a-list']) },
    { name: 'RPUSH', request: (k) => encode(['RPUSH', 'a-list', value(k)]), undo: () => encode(['RPOP', 'a-list']) },
    {
      name: 'RPOP',
      request: () => encode(['RPOP', 'a-list']),
      undo: (_k, _size, reply) => encode(['RPUSH', 'a-list', textOf(reply)]),
    },
    { name: 'LSET, the middle', request: (k, size) => encode(['LSET', 'a-list', middle(size), value(k)]) },
    { name: 'LSET, random', request: (k, size) => encode(['LSET', 'a-list', randomNumber(k, 5, size), value(k)]) },
    { name: 'LRANGE, 10 in the middle', request: (_k, size) => encode(['LRANGE', 'a-list', middle(size), middle(size) + 9]) },
  ],
}

const set: Kind = {
  name: 'set',
  key: 'a-set',
  count: encode(['SCARD', 'a-set']),
  load: ['SADD', 'a-set'],
  words: (number) => [element(number)],
  operations: [
    { name: 'SISMEMBER', request: (k, size) => encode(['SISMEMBER', 'a-set', element(randomNumber(k, 6, size))]) },
    {
      name: 'SADD, new',
      request: (k, size) => encode(['SADD', 'a-set', newElement(k, 14, size)]),
      undo: (k, size) => encode(['SREM', 'a-set', newElement(k, 14, size)]),
    },
    {
      name: 'SPOP',
      request: () => encode(['SPOP', 'a-set']),
      undo: (_k, _size, reply) => encode(['SADD', 'a-set', textOf(reply)]),
    },
    { name: 'SRANDMEMBER', request: () => encode(['SRANDMEMBER', 'a-set']) },
  ],
}

const sortedSet: Kind = {
  name: 'sorted set',
  key: 'a-sorted-set',
  count: encode(['ZCARD', 'a-sorted-set']),
  load: ['ZADD', 'a-sorted-set'],
  words: (number) => [number, element(number)],
  operations: [
    { name: 'ZSCORE', request: (k, size) => encode(['ZSCORE', 'a-sorted-set', element(randomNumber(k, 7, size))]) },
    {
      name: 'ZADD, new',
      request: (k, size) => encode(['ZADD', 'a-sorted-set', randomNumber(k, 15, size), newElement(k, 16, size)]),
      undo: (k, size) => encode(['ZREM', 'a-sorted-set', newElement(k, 16, size)]),
    },
    { name: 'ZRANK', request: (k, size) => encode(['ZRANK', 'a-sorted-set', element(randomNumber(k, 8, size))]) },
    {
      name: 'ZRANGE, 10 by rank',
      request: (k, size) => encode(['ZRANGE', 'a-sorted-set', randomNumber(k, 9, size), randomNumber(k, 9, size) + 9]),
    },
    {
      name: 'ZRANGEBYSCORE, 10',
      request: (k, size) => encode(['ZRANGEBYSCORE', 'a-sorted-set', randomNumber(k, 10, size), '+inf', 'LIMIT', 0, 10]),
    },
    {
      name: 'ZCOUNT',
      request(k, size) {
        const [one, other] = [randomNumber(k, 11, size), randomNumber(k, 12, size)]
        return encode(['ZCOUNT', 'a-sorted-set', Math.min(one, other), Math.max(one, other)])
      },
    },
    {
      name: 'ZPOPMIN',
      request: () => encode(['ZPOPMIN', 'a-sorted-set']),
      undo(_k, _size, reply) {
        const [member, popped] = reply as [Buffer, Buffer]
        return encode(['ZADD', 'a-sorted-set', textOf(popped), textOf(member)])
      },
    },
  ],
}

export const KINDS: readonly Kind[] = [hash, list, set, sortedSet]
