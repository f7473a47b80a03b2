/**
 * The rule of a Redis cluster that all keys of a request, of a transaction and of a script lie in
 * one slot. Shard channels count as keys.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { slotOf } from '../../base/hash-slots.ts'
import type { Command } from '../contract/command.ts'
import { placedPositionsOf } from '../contract/key-finder.ts'
import type { Request } from '../contract/request.ts'

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"

/** Returns the error of a request whose keys lie in several slots; null if they do not. */
export function crossSlotRefusal({ runtime, client, args }: Request): Bytes | null {
  if (runtime.command.name !== 'exec') return slotAfter(null, runtime.command, args) === 'several' ? CROSS_SLOT : null
  let slot: number | null = null
  for (const queued of client.transaction?.requests ?? []) {
    const next = slotAfter(slot, queued.runtime.command, queued.args)
    if (next === 'several') return CROSS_SLOT
    slot = next
  }
  return null
}

/** Returns the slot of the keys so far and of this request; null if there are no keys. */
function slotAfter(before: number | null, command: Command, args: readonly Bytes[]): number | null | 'several' {
  let slot = before
  for (const position of placedPositionsOf(command, args)) {
    const own = slotOf(must(args[position]))
    if (slot !== null && slot !== own) return 'several'
    slot = own
  }
  return slot
}
