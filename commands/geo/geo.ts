/**
 * Positions on the earth: members of a sorted set whose scores are their cells in a grid
 * (geohash.ts).
 */
import { must } from '../../base/assert.ts'
import { EVENT_SORTED_SET } from '../../storage/keyspace/key-events.ts'
import { SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey } from '../contract/command.ts'
import { syntaxError } from '../contract/errors.ts'
import { NULL_ARRAY, type Reply } from '../contract/reply.ts'
import { isToken } from '../parsing/args.ts'
import { findAs, readAs, writableAs } from '../parsing/typed-access.ts'
import { requireMemberLength } from '../sorted-sets/words.ts'
import { distanceOf, positionOf, scoreOf, standardGeohash } from './geohash.ts'
import { distanceReply, positionReply, requirePosition, requireUnit } from './words.ts'

interface GeoaddOptions {
  condition: 'nx' | 'xx' | null
  counts: 'added' | 'changed'
  /** The index of the first longitude in the request. */
  first: number
}

function geoaddOptionsOf(args: Args): GeoaddOptions {
  const options: GeoaddOptions = { condition: null, counts: 'added', first: 2 }
  for (; options.first < args.length; options.first++) {
    const word = args[options.first]
    const condition = isToken(word, 'nx') ? 'nx' : isToken(word, 'xx') ? 'xx' : null
    if (condition === null && !isToken(word, 'ch')) break
    if (condition === null) options.counts = 'changed'
    else if (options.condition !== null && options.condition !== condition) throw syntaxError()
    else options.condition = condition
  }
  const words = args.length - options.first
  if (words === 0 || words % 3 !== 0) throw syntaxError()
  return options
}

const geoadd = command({
  name: 'geoadd',
  group: 'geo',
  since: '3.2.0',
  summary: "Adds one or more members to a geospatial index. The key is created if it doesn't exist.",
  complexity: 'O(log(N)) for each item added, where N is the number of elements in the sorted set.',
  syntax: 'GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]',
  arity: -5,
  flags: ['write', 'denyoom'],
  keys: firstKey('RW', 'update'),
  history: [['6.2.0', 'Added the `CH`, `NX` and `XX` options.']],
  isVerbatim: true,
  run(context, args) {
    const { db, server } = context
    const { condition, counts, first } = geoaddOptionsOf(args)
    const scores: number[] = []
    for (let i = first; i < args.length; i += 3) {
      scores.push(scoreOf(requirePosition(must(args[i]), must(args[i + 1]))))
      requireMemberLength(must(args[i + 2]))
    }
    let set = findAs(db, args[1], SortedSet)
    if (set === undefined && condition === 'xx') return 0
    set ??= writableAs(db, args[1], SortedSet)
    let added = 0
    let moved = 0
    for (let i = 0; i < scores.length; i++) {
      const member = must(args[first + i * 3 + 2])
      const score = must(scores[i])
      const before = set.score(member)
      if (before === undefined) {
        if (condition === 'xx') continue
        set.insertFound(member, score, server.config)
        added++
      } else if (condition !== 'nx' && before !== score) {
        set.rescoreFound(member, before, score)
        moved++
      }
    }
    if (added + moved > 0) context.notify(EVENT_SORTED_SET, 'zadd', args[1])
    context.countChanges(added + moved)
    return counts === 'added' ? added : added + moved
  },
})

/** Returns a reply for each member from position 2 on, `missing` for absent members. */
function ofMembers(set: SortedSet | undefined, args: Args, missing: Reply, answer: (score: number) => Reply): Reply {
  const replies: Reply[] = []
  for (let i = 2; i < args.length; i++) {
    const score = set?.score(must(args[i]))
    replies.push(score === undefined ? missing : answer(score))
  }
  return replies
}

const geopos = command({
  name: 'geopos',
  group: 'geo',
  since: '3.2.0',
  summary: 'Returns the longitude and latitude of members from a geospatial index.',
  complexity: 'O(1) for each member requested.',
  syntax: 'GEOPOS key [member [member ...]]',
  arity: -2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run: ({ db }, args) => ofMembers(readAs(db, args[1], SortedSet), args, NULL_ARRAY, (score) => positionReply(positionOf(score))),
})

const geohash = command({
  name: 'geohash',
  group: 'geo',
  since: '3.2.0',
  summary: 'Returns members from a geospatial index as geohash strings.',
  complexity: 'O(1) for each member requested.',
  syntax: 'GEOHASH key [member [member ...]]',
  arity: -2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run: ({ db }, args) => ofMembers(readAs(db, args[1], SortedSet), args, null, (score) => standardGeohash(positionOf(score))),
})

const geodist = command({
  name: 'geodist',
  group: 'geo',
  since: '3.2.0',
  summary: 'Returns the distance between two members of a geospatial index.',
  complexity: 'O(1)',
  syntax: 'GEODIST key member1 member2 [M | KM | FT | MI]',
  arity: -4,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  run({ db }, args) {
    const unit = args.length === 5 ? requireUnit(args[4]) : 1
    if (args.length > 5) throw syntaxError()
    const set = readAs(db, args[1], SortedSet)
    const from = set?.score(args[2])
    const to = set?.score(args[3])
    if (from === undefined || to === undefined) return null
    return distanceReply(distanceOf(positionOf(from), positionOf(to)) / unit)
  },
})

export const geo: readonly Command[] = [geoadd, geopos, geohash, geodist]
