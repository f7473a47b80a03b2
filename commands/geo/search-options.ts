/** The options of a search, read from the words of GEOSEARCH, GEORADIUS and their variants. */
import type { Bytes } from '../../base/bytes.ts'
import type { SortedSet } from '../../storage/values/sorted-set.ts'
import type { Args } from '../contract/command.ts'
import { clientError, notAResultCount, syntaxError } from '../contract/errors.ts'
import { Options, requireFloat, requireInteger } from '../parsing/args.ts'
import type { AreaShape, Size } from './areas.ts'
import { type Position, positionOf } from './geohash.ts'
import { requirePosition, requireUnit } from './words.ts'

export interface GeoSearch {
  /** Null if the search finds nothing in any case. */
  shape: AreaShape | null
  /** The unit of the distances in the request and the reply, in meters. */
  unit: number
  order: 'asc' | 'desc' | null
  /** The largest number of results; 0 for all. */
  count: number
  /** True for ANY: the first results found are enough, not the nearest. */
  mayStopEarly: boolean
  mustShowDistance: boolean
  mustShowHash: boolean
  mustShowPosition: boolean
  /** The key that the result is stored in; null for a reply. */
  store: Bytes | null
  /** True if distances become the stored scores. */
  mustStoreDistance: boolean
  /** The event that storing the result is notified as. */
  readonly storeEvent: Bytes
}

/**
 * Creates a search. `store` is the key that GEOSEARCHSTORE names; the other commands set it later,
 * if at all.
 */
export function emptySearch(store: Bytes | null): GeoSearch {
  return {
    shape: null,
    unit: 1,
    order: null,
    count: 0,
    mayStopEarly: false,
    mustShowDistance: false,
    mustShowHash: false,
    mustShowPosition: false,
    store,
    mustStoreDistance: false,
    storeEvent: store === null ? 'georadiusstore' : 'geosearchstore',
  }
}

/** Reads a length given as two words, number and unit, in meters. Stores the unit in `search`. */
export function requireRadius(search: GeoSearch, number: Bytes, unit: Bytes): number {
  const radius = requireFloat(number, () => clientError('ERR need numeric radius'))
  if (radius < 0) throw clientError('ERR radius cannot be negative')
  search.unit = requireUnit(unit)
  return radius * search.unit
}

/** The position of a member. Throws if the member does not exist. */
export function requireMemberPosition(source: SortedSet, member: Bytes): Position {
  const score = source.score(member)
  if (score === undefined) throw clientError('ERR could not decode requested zset member')
  return positionOf(score)
}

/** Reads an option that all searches share. Returns true if there was one. */
function takeCommon(options: Options, search: GeoSearch): boolean {
  if (options.take('withdist')) search.mustShowDistance = true
  else if (options.take('withhash')) search.mustShowHash = true
  else if (options.take('withcoord')) search.mustShowPosition = true
  else if (options.take('any')) search.mayStopEarly = true
  else if (options.take('asc')) search.order = 'asc'
  else if (options.take('desc')) search.order = 'desc'
  else if (options.left > 1 && options.take('count')) search.count = requireCount(options.value())
  else return false
  return true
}

function requireCount(word: Bytes): number {
  const count = requireInteger(word)
  if (count <= 0) throw notAResultCount()
  return Number(count)
}

/** Says if a command takes STORE and STOREDIST: the read-only variants do not. */
export type Storing = 'may-store' | 'may-not-store'

/** Reads the options of GEORADIUS and GEORADIUSBYMEMBER from a position on. */
export function takeRadiusOptions(args: Args, from: number, search: GeoSearch, storing: Storing): void {
  const options = new Options(args, from)
  while (options.more) {
    if (takeCommon(options, search)) continue
    if (storing === 'may-not-store' || options.left < 2) throw syntaxError()
    const storesDistance = options.take('storedist')
    if (!storesDistance && !options.take('store')) throw syntaxError()
    search.store = options.value()
    search.mustStoreDistance = storesDistance
  }
  requireSense(search, 'STORE option in GEORADIUS')
  requireAnyWithCount(search)
}

/**
 * Reads the options of GEOSEARCH and GEOSEARCHSTORE from a position on. Without a source,
 * FROMMEMBER finds no member.
 */
export function takeSearchOptions(args: Args, from: number, search: GeoSearch, source: SortedSet | undefined): void {
  const options = new Options(args, from)
  let origin: 'member' | 'position' | null = null
  let center: Position | null = null
  let size: Size | null = null
  while (options.more) {
    if (takeCommon(options, search)) continue
    if (options.left > 1 && origin !== 'position' && options.take('frommember')) {
      origin = 'member'
      const member = options.value()
      if (source !== undefined) center = requireMemberPosition(source, member)
    } else if (options.left > 2 && origin !== 'member' && options.take('fromlonlat')) {
      origin = 'position'
      center = requirePosition(options.value(), options.value())
    } else if (options.left > 2 && size?.kind !== 'box' && options.take('byradius')) {
      size = { kind: 'circle', radius: requireRadius(search, options.value(), options.value()) }
    } else if (options.left > 3 && size?.kind !== 'circle' && options.take('bybox')) {
      size = requireBox(search, options)
    } else if (search.store !== null && options.take('storedist')) search.mustStoreDistance = true
    else throw syntaxError()
  }
  requireSense(search, 'GEOSEARCHSTORE')
  if (origin === null) throw clientError(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${args[0]}`)
  if (size === null) throw clientError(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${args[0]}`)
  requireAnyWithCount(search)
  if (center !== null) search.shape = { ...size, center }
}

function requireBox(search: GeoSearch, options: Options): Size {
  const width = requireFloat(options.value(), () => clientError('ERR need numeric width'))
  const height = requireFloat(options.value(), () => clientError('ERR need numeric height'))
  if (width < 0 || height < 0) throw clientError('ERR height or width cannot be negative')
  search.unit = requireUnit(options.value())
  return { kind: 'box', width: width * search.unit, height: height * search.unit }
}

/** Throws if the search both stores its result and asks for details in the reply. */
function requireSense({ store, mustShowDistance, mustShowHash, mustShowPosition }: GeoSearch, what: Bytes): void {
  if (store !== null && (mustShowDistance || mustShowHash || mustShowPosition))
    throw clientError(`ERR ${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`)
}

function requireAnyWithCount({ mayStopEarly, count }: GeoSearch): void {
  if (mayStopEarly && count === 0) throw clientError('ERR the ANY argument requires COUNT argument')
}
