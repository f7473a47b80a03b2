/** The trimming options of XADD and XTRIM, and the number of entries they remove. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { idText, ZERO_ID } from '../../storage/values/streams/id.ts'
import type { Stream } from '../../storage/values/streams/stream.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { isToken, requireInteger } from '../parsing/args.ts'
import { requireStrictId, requireWantedId, type WantedId } from './ids.ts'

/** A trimming strategy with its threshold. */
export interface Trim {
  readonly strategy: 'MAXLEN' | 'MINID'
  /** The threshold as the request spells it. */
  readonly threshold: Bytes
  /** The number of entries to keep, for MAXLEN. */
  readonly length: number
  /** The first id to keep, for MINID. */
  readonly id: Bytes
  /** True for `~`: only whole nodes are removed. */
  readonly isRough: boolean
}

/**
 * Redis keeps entries in nodes of stream-node-max-entries, and rough trimming removes whole nodes.
 * This is the node size if that is 0.
 */
const DEFAULT_NODE_ENTRIES = 100
/**
 * Without LIMIT, rough trimming removes at most this many nodes, and at most MAX_TRIM_LIMIT
 * entries.
 */
const MAX_TRIMMED_NODES = 100
const DEFAULT_LIMIT = 10_000
const MAX_TRIM_LIMIT = 1_000_000

/** The options before XADD's id, or those of XTRIM. */
export class TrimOptions {
  trim: Trim | null = null
  /** The largest number of entries to remove; 0 for no limit. */
  limit = 0
  mustExist = false
  /** The id in an XADD request; null if the stream chooses it. */
  wanted: WantedId | null = null
  /** The position of the word after the options. */
  at = 2

  static ofAddition(context: Context, args: readonly Bytes[]): TrimOptions {
    const options = new TrimOptions()
    if (args[2] === '*') return options
    let limit: number | null = null
    for (; options.at < args.length; options.at++) {
      const word = must(args[options.at])
      const left = args.length - 1 - options.at
      if (word === '*') break
      if (options.takeTrim(args, left)) continue
      if (isToken(word, 'limit') && left > 0) limit = options.takeLimit(args)
      else if (isToken(word, 'nomkstream')) options.mustExist = true
      else {
        options.wanted = requireWantedId(word)
        break
      }
    }
    options.checkTogether(context, limit)
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
    options.checkTogether(context, limit)
    return options
  }

  private takeTrim(args: readonly Bytes[], left: number): boolean {
    const word = must(args[this.at])
    const strategy = left === 0 ? null : isToken(word, 'maxlen') ? 'MAXLEN' : isToken(word, 'minid') ? 'MINID' : null
    if (strategy === null) return false
    if (this.trim !== null) throw clientError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')
    const next = args[this.at + 1]
    const isRough = left >= 2 && next === '~'
    if (isRough || (left >= 2 && next === '=')) this.at++
    const threshold = must(args[++this.at])
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
    const limit = requireInteger(must(args[++this.at]))
    if (limit < 0) throw clientError('ERR The LIMIT argument must be >= 0.')
    return Number(limit)
  }

  private checkTogether({ keyspace, server }: Context, limit: number | null): void {
    const { trim } = this
    if (limit !== null && limit > 0 && trim === null) throw limitAlone()
    if (keyspace.expiryMode === 'ignore') return // the logged trimming is exact
    if (limit !== null) {
      if (trim?.isRough !== true) throw clientError('ERR syntax error, LIMIT cannot be used without the special ~ option')
      this.limit = limit
    } else if (trim?.isRough === true) {
      const wanted = MAX_TRIMMED_NODES * server.config.number('stream-node-max-entries')
      this.limit = wanted <= 0 ? DEFAULT_LIMIT : Math.min(wanted, MAX_TRIM_LIMIT)
    }
  }
}

const limitAlone = () => clientError('ERR syntax error, LIMIT cannot be used without specifying a trimming strategy')

/**
 * The number of oldest entries that trimming removes. Rough trimming removes whole nodes, as in
 * Redis. A node here is a stretch of stream-node-max-entries entries in the order of their
 * addition.
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

/** Appends the trimming that was done to a logged command, in its exact form. */
export function pushTrim(words: Bytes[], trim: Trim, stream: Stream): void {
  words.push(trim.strategy, '=')
  if (!trim.isRough) words.push(trim.threshold)
  else if (trim.strategy === 'MAXLEN') words.push(String(stream.size))
  else words.push(stream.size === 0 ? trim.threshold : idText(stream.firstId))
}
