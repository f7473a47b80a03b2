/** Random members of a sorted set, drawn by their rank in O(log n), so each is equally likely. */
import type { Random } from '../../base/clock.ts'
import { type ScoredMember, SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import { belowLongRange, syntaxError, valueOutOfRange } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { isToken, MAX_INT64, requireInteger } from '../parsing/args.ts'
import { readAs } from '../parsing/typed-access.ts'
import { scoredReply } from './words.ts'

/** From this share of a set on, one walk through the set is cheaper than drawing ranks. */
const MIN_WALKED_SHARE = 1 / 3
/**
 * The maximum number of members drawn with replacement, because the reply must fit in memory. Redis
 * has no limit.
 */
const MAX_DRAWN = 10_000_000

const zrandmember = command({
  name: 'zrandmember',
  group: 'sorted-set',
  since: '6.2.0',
  summary: 'Returns one or more random members from a sorted set.',
  complexity: 'O(N) where N is the number of members returned',
  syntax: 'ZRANDMEMBER key [count [WITHSCORES]]',
  arity: -2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  run({ db, server: { random }, session }, args) {
    if (args.length === 2) {
      const set = readAs(db, args[1], SortedSet)
      return set === undefined ? null : drawOne(set, random).member
    }
    const count = requireCount(args)
    const set = readAs(db, args[1], SortedSet)
    if (set === undefined || count === 0) return []
    if (-count > MAX_DRAWN) throw valueOutOfRange()
    const drawn = count < 0 ? drawWithReplacement(set, -count, random) : drawWithoutReplacement(set, count, random)
    return args.length > 3 ? scoredReply(drawn, session.resp) : drawn.map(memberOf)
  },
})

/**
 * The number of members asked for; negative if a member may be drawn more than once. Throws Redis's
 * errors for it and the words after it.
 */
function requireCount(args: Args): number {
  const count = requireInteger(args[2])
  if (count < -MAX_INT64) throw belowLongRange()
  if (args.length > 4 || (args.length === 4 && !isToken(args[3], 'withscores'))) throw syntaxError()
  if (args.length === 4 && (count < -MAX_INT64 / 2n || count > MAX_INT64 / 2n)) throw valueOutOfRange()
  return Number(count)
}

function memberOf({ member }: ScoredMember): Reply {
  return member
}

function drawOne(set: SortedSet, random: Random): ScoredMember {
  return set.memberByBytes(Math.floor(random() * set.size))
}

function drawWithReplacement(set: SortedSet, count: number, random: Random): ScoredMember[] {
  const drawn: ScoredMember[] = []
  while (drawn.length < count) drawn.push(drawOne(set, random))
  return drawn
}

function drawWithoutReplacement(set: SortedSet, count: number, random: Random): ScoredMember[] {
  return count < set.size * MIN_WALKED_SHARE ? drawRanks(set, count, random) : pickByWalk(set, count, random)
}

/** Draws different ranks, each set of them equally likely ("A Sample of Brilliance", 1987). */
function drawRanks(set: SortedSet, count: number, random: Random): ScoredMember[] {
  const ranks = new Set<number>()
  for (let last = set.size - count; last < set.size; last++) {
    const rank = Math.floor(random() * (last + 1))
    ranks.add(ranks.has(rank) ? last : rank)
  }
  const drawn: ScoredMember[] = []
  for (const rank of ranks) drawn.push(set.memberByBytes(rank))
  return drawn
}

/** Selection sampling (Knuth, volume 2, algorithm S): one walk decides about each member. */
function pickByWalk(set: SortedSet, count: number, random: Random): ScoredMember[] {
  const picked: ScoredMember[] = []
  const cursor = set.cursorByBytes(0)
  for (let left = set.size; picked.length < count && cursor.next(); left--) {
    if (random() * left < count - picked.length) picked.push({ member: cursor.member, score: cursor.score })
  }
  return picked
}

export const sortedSetRandoms: readonly Command[] = [zrandmember]
