/**
 * Collections that are too large to be decoded whole: they grow part by part, in the order of the
 * RDB. An element that occurs twice is damage.
 */
import { at } from '../../base/assert.ts'
import type { RdbValuePart } from '../../rdb/elements.ts'
import type { OwnerDatabase } from '../tree/owner.ts'
import { type Collection, newCollection } from '../values/collection.ts'
import { Hash } from '../values/hash.ts'
import { List } from '../values/list.ts'
import { SetValue } from '../values/set.ts'
import { SortedSet } from '../values/sorted-set.ts'
import { duplicateElement, type ValueLimits } from './incoming.ts'
import { StreamBuilder } from './incoming-streams.ts'

/** A collection that takes checked parts until it is complete. */
export interface GrowingValue {
  readonly value: Collection
  /** Throws RdbError for an element that occurs twice. */
  add(part: RdbValuePart): void
}

/** Returns an empty collection of the type of a part, which no key owns yet. */
export function growingValue(part: RdbValuePart, db: OwnerDatabase, limits: ValueLimits): GrowingValue {
  switch (part.kind) {
    case 'list':
      return growingList(newCollection(db, List), limits)
    case 'set':
      return growingSet(newCollection(db, SetValue), limits)
    case 'sorted-set':
      return growingSortedSet(newCollection(db, SortedSet), limits)
    case 'hash':
      return growingHash(newCollection(db, Hash))
    default: {
      const builder = new StreamBuilder(db)
      return { value: builder.stream, add: (part) => builder.add(part) }
    }
  }
}

function growingList(list: List, limits: ValueLimits): GrowingValue {
  return {
    value: list,
    add: (part) => {
      if (part.kind === 'list') for (const element of part.elements) list.push('right', element, limits)
    },
  }
}

function growingSet(set: SetValue, limits: ValueLimits): GrowingValue {
  return {
    value: set,
    add: (part) => {
      if (part.kind === 'set') for (const member of part.members) if (!set.add(member, limits)) throw duplicateElement()
    },
  }
}

function growingSortedSet(set: SortedSet, limits: ValueLimits): GrowingValue {
  return {
    value: set,
    add: (part) => {
      if (part.kind !== 'sorted-set') return
      for (const [index, member] of part.members.entries()) {
        if (!set.add(member, at(part.scores, index), limits)) throw duplicateElement()
      }
    },
  }
}

/** A hash that needs to grow is larger than any that Redis keeps packed. */
function growingHash(hash: Hash): GrowingValue {
  hash.becomeHashtable()
  return {
    value: hash,
    add: (part) => {
      if (part.kind !== 'hash') return
      for (const [index, field] of part.fields.entries()) {
        if (!hash.set(field, at(part.values, index))) throw duplicateElement()
        const deadlineMs = part.deadlinesMs?.[index] ?? null
        if (deadlineMs !== null) hash.setDeadline(field, Math.max(1, deadlineMs))
      }
    },
  }
}
