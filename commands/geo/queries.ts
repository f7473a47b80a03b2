/** The search commands: GEOSEARCH and its predecessors. */
import { must } from '../../base/assert.ts'
import { SortedSet } from '../../storage/values/sorted-set.ts'
import { type Args, type Command, command, firstKey, type KeySpec, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { findRadiusKeys } from '../contract/key-finder.ts'
import type { Reply } from '../contract/reply.ts'
import { readAs } from '../parsing/typed-access.ts'
import { answerSearch } from './search.ts'
import { emptySearch, requireMemberPosition, requireRadius, type Storing, takeRadiusOptions, takeSearchOptions } from './search-options.ts'
import { requirePosition } from './words.ts'

const UPPERCASE = ['7.0.0', 'Added support for uppercase unit names.'] as const
const ANY = ['6.2.0', 'Added the `ANY` option for `COUNT`.'] as const

const ORIGIN = '<FROMMEMBER member | FROMLONLAT longitude latitude>'
const UNIT = '<M | KM | FT | MI>'
const BY = `<BYRADIUS radius ${UNIT} | BYBOX width height ${UNIT}>`
const ORDER = '[ASC | DESC]'
const COUNT = '[COUNT count [ANY]]'
const WITH = '[WITHCOORD] [WITHDIST] [WITHHASH]'

const geosearch = command({
  name: 'geosearch',
  group: 'geo',
  since: '6.2.0',
  summary: 'Queries a geospatial index for members inside an area of a box or a circle.',
  complexity:
    'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
  syntax: `GEOSEARCH key ${ORIGIN} ${BY} ${ORDER} ${COUNT} ${WITH}`,
  arity: -7,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  history: [UPPERCASE],
  run(context, args) {
    const source = readAs(context.db, args[1], SortedSet)
    const search = emptySearch(null)
    takeSearchOptions(args, 2, search, source)
    return answerSearch(context, source, search)
  },
})

const geosearchstore = command({
  name: 'geosearchstore',
  group: 'geo',
  since: '6.2.0',
  summary: 'Queries a geospatial index for members inside an area of a box or a circle, optionally stores the result.',
  complexity:
    'O(N+log(M)) where N is the number of elements in the grid-aligned bounding box area around the shape provided as the filter and M is the number of items inside the shape',
  syntax: `GEOSEARCHSTORE destination source ${ORIGIN} ${BY} ${ORDER} ${COUNT} [STOREDIST]`,
  arity: -8,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, 1, 1, 'OW', 'update'), keyRange(2, 2, 1, 'RO', 'access')],
  history: [UPPERCASE],
  run(context, args) {
    const source = readAs(context.db, args[2], SortedSet)
    const search = emptySearch(args[1])
    takeSearchOptions(args, 3, search, source)
    return answerSearch(context, source, search)
  },
})

function byPosition(storing: Storing): (context: Context, args: Args) => Reply {
  return (context, args) => {
    const source = readAs(context.db, args[1], SortedSet)
    const search = emptySearch(null)
    const center = requirePosition(args[2], args[3])
    const radius = requireRadius(search, args[4], must(args[5]))
    search.shape = { kind: 'circle', center, radius }
    takeRadiusOptions(args, 6, search, storing)
    return answerSearch(context, source, search)
  }
}

function byMember(storing: Storing): (context: Context, args: Args) => Reply {
  return (context, args) => {
    const source = readAs(context.db, args[1], SortedSet)
    const search = emptySearch(null)
    if (source !== undefined) {
      const center = requireMemberPosition(source, args[2])
      search.shape = { kind: 'circle', center, radius: requireRadius(search, args[3], args[4]) }
    }
    takeRadiusOptions(args, 5, search, storing)
    return answerSearch(context, source, search)
  }
}

/** The source at position 1, and the key after STORE or STOREDIST. */
function storingKeys(firstOption: number): readonly KeySpec[] {
  const stored = (keyword: string): KeySpec => ({
    access: ['OW', 'update'],
    begin: { keyword, startFrom: firstOption },
    find: { last: 0, step: 1, limit: 0 },
  })
  return [...firstKey('RO', 'access'), stored('STORE'), stored('STOREDIST')]
}

const radius = {
  group: 'geo',
  complexity:
    'O(N+log(M)) where N is the number of elements inside the bounding box of the circular area delimited by center and radius and M is the number of items inside the index.',
  docFlags: ['deprecated'],
  deprecatedSince: '6.2.0',
} as const

const STORE = '[STORE key | STOREDIST key]'

const georadius = command({
  ...radius,
  name: 'georadius',
  since: '3.2.0',
  summary: 'Queries a geospatial index for members within a distance from a coordinate, optionally stores the result.',
  syntax: `GEORADIUS key longitude latitude radius ${UNIT} ${WITH} ${COUNT} ${ORDER} ${STORE}`,
  arity: -6,
  flags: ['write', 'denyoom', 'movablekeys'],
  keys: storingKeys(6),
  findKeys: findRadiusKeys(6),
  replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument',
  history: [ANY, UPPERCASE],
  run: byPosition('may-store'),
})

const georadiusRo = command({
  ...radius,
  name: 'georadius_ro',
  since: '3.2.10',
  summary: 'Returns members from a geospatial index that are within a distance from a coordinate.',
  syntax: `GEORADIUS_RO key longitude latitude radius ${UNIT} ${WITH} ${COUNT} ${ORDER}`,
  arity: -6,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  replacedBy: '`GEOSEARCH` with the `BYRADIUS` argument',
  history: [ANY, UPPERCASE],
  run: byPosition('may-not-store'),
})

const georadiusbymember = command({
  ...radius,
  name: 'georadiusbymember',
  since: '3.2.0',
  summary: 'Queries a geospatial index for members within a distance from a member, optionally stores the result.',
  syntax: `GEORADIUSBYMEMBER key member radius ${UNIT} ${WITH} ${COUNT} ${ORDER} ${STORE}`,
  arity: -5,
  flags: ['write', 'denyoom', 'movablekeys'],
  keys: storingKeys(5),
  findKeys: findRadiusKeys(5),
  replacedBy: '`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments',
  history: [ANY, UPPERCASE],
  run: byMember('may-store'),
})

const georadiusbymemberRo = command({
  ...radius,
  name: 'georadiusbymember_ro',
  since: '3.2.10',
  summary: 'Returns members from a geospatial index that are within a distance from a member.',
  syntax: `GEORADIUSBYMEMBER_RO key member radius ${UNIT} ${WITH} ${COUNT} ${ORDER}`,
  arity: -5,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  replacedBy: '`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments',
  history: [ANY, UPPERCASE],
  run: byMember('may-not-store'),
})

export const geoQueries: readonly Command[] = [geosearch, geosearchstore, georadius, georadiusRo, georadiusbymember, georadiusbymemberRo]
