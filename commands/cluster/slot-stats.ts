/** CLUSTER SLOT-STATS of Valkey 8, with the one metric that is kept: the number of keys. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { Context } from '../contract/context.ts'
import { clientError, syntaxError } from '../contract/errors.ts'
import { MapReply, type Reply } from '../contract/reply.ts'
import { isToken, Options, requireInteger } from '../parsing/args.ts'
import { requireSlot } from './cluster-node-of.ts'

interface SlotStat {
  readonly slot: number
  readonly keys: number
}

/** Shows the slots that this node owns, in the selected database. */
export function slotStats(context: Context, args: readonly Bytes[]): Reply {
  if (isToken(args[2], 'slotsrange') && args.length === 5) {
    const first = requireSlot(must(args[3]))
    const last = requireSlot(must(args[4]))
    if (first > last) throw clientError(`ERR Start slot number ${first} is greater than end slot number ${last}`)
    return statsOf(context, first, last).map(shown)
  }
  if (!isToken(args[2], 'orderby')) throw syntaxError()
  if (!isToken(args[3], 'key-count')) throw clientError('ERR Unrecognized sort metric for ORDERBY.')
  const options = new Options(args, 4)
  let limit = SLOTS
  let sign = -1
  while (options.more) {
    if (options.take('limit')) limit = requireLimit(options.value())
    else if (options.take('asc')) sign = 1
    else if (options.take('desc')) sign = -1
    else throw syntaxError()
  }
  const stats = statsOf(context, 0, SLOTS - 1)
  stats.sort((a, b) => sign * (a.keys - b.keys) || a.slot - b.slot)
  return stats.slice(0, limit).map(shown)
}

function statsOf({ db, server: { cluster } }: Context, first: number, last: number): SlotStat[] {
  const { node } = cluster
  const stats: SlotStat[] = []
  for (let slot = first; slot <= last; slot++) {
    if (node === null || node.map.ownerOf(slot)?.id === cluster.nodeId) stats.push({ slot, keys: db.keysInSlot(slot) })
  }
  return stats
}

function shown({ slot, keys }: SlotStat): Reply {
  return [slot, new MapReply(['key-count', keys])]
}

function requireLimit(word: Bytes): number {
  const limit = requireInteger(word)
  if (limit < 1 || limit > SLOTS) throw clientError('ERR Limit has to lie in between 1 and 16384 (maximum number of slots).')
  return Number(limit)
}
