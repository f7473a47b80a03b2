/** How XADD and XTRIM are told to trim, and what that comes to. */
import type { Bytes } from '../../base/bytes.ts'
import { idText, ZERO_ID } from '../../storage/values/streams/id.ts'
import type { Stream } from '../../storage/values/streams/stream.ts'
import type { Context } from '../core/context.ts'
import { clientError, syntaxError } from '../core/errors.ts'
import { isToken, requireInteger } from '../parsing/args.ts'
import { requireStrictId, requireWantedId, type WantedId } from './ids.ts'

/** How a stream is to be trimmed. */
export interface Trim {
  readonly strategy: 'MAXLEN' | 'MINID'
  /** The word that says how far. */
  readonly threshold: Bytes
  /** Entries to keep, for MAXLEN. */
  readonly length: number
  /** The first id to keep, for MINID. */
  readonly id: Bytes
  /** Whole nodes only: `~`. */
  readonly isRough: boolean
}

/** Redis keeps entries in nodes of so many, and trims whole ones where that is good enough. */
const DEFAULT_NODE_ENTRIES = 100
/** Without a LIMIT rough trimming ends after so many nodes, and never goes beyond so many entries. */
const LIMIT_NODES = 100
const DEFAULT_LIMIT = 10_000
const LARGEST_LIMIT = 1_000_000

/** The options before XADD's id, or those of XTRIM. */
export class TrimOptions {
  trim: Trim | null = null
  /** Most entries to take out; 0 for no limit. */
  limit = 0
  makesNoStream = false
  /** The id that XADD is given; null where the stream chooses it. */
  wanted: WantedId | null = null
  /** The word after the options. */
  at = 2

  static ofAddition(context: Context, args: readonly Bytes[]): TrimOptions {
    const options = new TrimOptions()
    if (args[2] === '*') return options
    let limit: number | null = null
    for (; options.at < args.length; options.at++) {
      const word = args[options.at] as Bytes
      const left = args.length - 1 - options.at
      if (word === '*') break
      if (options.takeTrim(args, left)) continue
      if (isToken(word, 'limit') && left > 0) limit = options.takeLimit(args)
      else if (isToken(word, 'nomkstream')) options.makesNoStream = true
      else {
        options.wanted = requireWantedId(word)
        break
      }
    }
    options.settle(context, limit)
    return options
  }

  static ofTrimming(context: Context, args: readonly Bytes[]): TrimOptions {
    const options = new TrimOptions()
    let limit: number | null = null
    for (; options.at < args.length; options.at++) {
      const left = args.length - 1 - options.at
      if (options.takeTrim(args, left)) continue
      if (!isToken(args[options.at], 'limit') || left === 0) throw syntaxError()
      limit = options.takeLimit(args)
    }
    if (options.trim === null) throw limit ? limitAlone() : clientError('ERR syntax error, XTRIM must be called with a trimming strategy')
    options.settle(context, limit)
    return options
  }

  private takeTrim(args: readonly Bytes[], left: number): boolean {
    const word = args[this.at] as Bytes
    const strategy = left === 0 ? null : isToken(word, 'maxlen') ? 'MAXLEN' : isToken(word, 'minid') ? 'MINID' : null
    if (strategy === null) return false
    if (this.trim !== null) throw clientError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
    const next = args[this.at + 1]
    const isRough = left >= 2 && next === '~'
    if (isRough || (left >= 2 && next === '=')) this.at++
    const threshold = args[++this.at] as Bytes
    if (strategy === 'MINID') {
      this.trim = { strategy, threshold, length: 0, id: requireStrictId(threshold), isRough }
      return true
    }
    const length = requireInteger(threshold)
    if (length < 0) throw clientError('ERR The MAXLEN argument must be >= 0.')
    this.trim = { strategy, threshold, length: Number(length), id: ZERO_ID, isRough }
    return true
  }

  private takeLimit(args: readonly Bytes[]): number {
    const limit = requireInteger(args[++this.at] as Bytes)
    if (limit < 0) throw clientError('ERR The LIMIT argument must be >= 0.')
    return Number(limit)
  }

  private settle({ keyspace, server }: Context, limit: number | null): void {
    const { trim } = this
    if (limit !== null && limit > 0 && trim === null) throw limitAlone()
    if (keyspace.expiry === 'ignore') return // what was logged is exact
    if (limit !== null) {
      if (trim?.isRough !== true) throw clientError('ERR syntax error, LIMIT cannot be used without the special ~ option')
      this.limit = limit
    } else if (trim?.isRough === true) {
      const wanted = LIMIT_NODES * server.config.number('stream-node-max-entries')
      this.limit = wanted <= 0 ? DEFAULT_LIMIT : Math.min(wanted, LARGEST_LIMIT)
    }
  }
}

const limitAlone = () => clientError('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')

/**
 * How many of the oldest entries trimming takes out. Rough trimming goes by nodes as Redis does: here each stretch of so many entries in the
 * order in which they were added is one.
 */
export function excessOf({ server }: Context, stream: Stream, trim: Trim, limit: number): number {
  const { size } = stream
  const excess = trim.strategy === 'MAXLEN' ? Math.max(0, size - trim.length) : stream.entries.lowerBound(trim.id)
  if (!trim.isRough || excess === 0) return excess
  const most = limit > 0 ? Math.min(excess, limit) : excess
  if (most >= size) return size
  const node = server.config.number('stream-node-max-entries') || DEFAULT_NODE_ENTRIES
  const first = node - (Math.max(0, Number(stream.entriesAdded) - size) % node)
  return most < first ? 0 : most - ((most - first) % node)
}

/** Puts trimming as it has come out into words of the log: exact, whatever it was. */
export function pushTrim(words: Bytes[], trim: Trim, stream: Stream): void {
  words.push(trim.strategy, '=')
  if (!trim.isRough) words.push(trim.threshold)
  else if (trim.strategy === 'MAXLEN') words.push(String(stream.size))
  else words.push(stream.size === 0 ? trim.threshold : idText(stream.firstId))
}
