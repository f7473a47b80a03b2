/**
 * Values of streams. On disk; type 15, with the additions of 19 and 21:
 *
 *   stream     count (string(16) listpack)* length id [id id length] groups       stream-nodes.ts
 *              id: length length; first, largest deleted, entries added: 19 and 21
 *   groups     count (string id [length] pending consumers)*        [entries read]: 19 and 21
 *   pending    count (id(16) ms(8) length)*                         delivered, how often
 *   consumers  count (string ms(8) [ms(8)] owned)*                  seen, active: [21]
 *   owned      count id(16)*                                        ids of the group's pending
 */
import type { Bytes } from '../../base/bytes.ts'
import type { RdbPendingEntry, RdbStreamId, RdbValuePart } from '../elements.ts'
import { MAX_BATCH_COUNT } from '../format/budget.ts'
import { NEEDS_MORE, type RdbInput } from '../format/input.ts'
import { addUnique } from '../format/packed.ts'
import type { ValueReader } from './collections.ts'
import { streamId } from './stream-ids.ts'
import { readStreamNode } from './stream-nodes.ts'

const ID_BYTES = 16
const MIN_PENDING_BYTES = ID_BYTES + 9
const MIN_GROUP_BYTES = 5
const MIN_CONSUMER_BYTES = 10
const UNKNOWN = (1n << 64n) - 1n
const BEFORE_ALL = ''
const NEVER_MS = -1

type Phase = 'nodes' | 'groups' | 'pending' | 'consumers' | 'owned' | 'done'

/** A stream that is being read, in the order of the grammar. */
export class StreamValue implements ValueReader {
  private readonly version: 1 | 2 | 3
  private phase: Phase = 'nodes'
  /** The number of elements of the phase that are left; -1: their count comes first. */
  private left = -1
  private groupsLeft = 0
  private consumersLeft = 0
  private entryCount = 0n
  private previousId: RdbStreamId = BEFORE_ALL
  private readonly groupNames = new Set<Bytes>()
  private consumerNames = new Set<Bytes>()
  /** The group's pending entries without an owner; stays empty unless members must be unique. */
  private unowned = new Set<RdbStreamId>()

  constructor(version: 1 | 2 | 3) {
    this.version = version
  }

  next(input: RdbInput): RdbValuePart | null {
    while (this.phase !== 'done') {
      const part = this.step(input)
      input.commit()
      if (part !== null) return part
    }
    return null
  }

  private step(input: RdbInput): RdbValuePart | null {
    if (this.phase === 'nodes') return this.stepNodes(input)
    if (this.phase === 'groups') return this.stepGroups(input)
    if (this.phase === 'pending') return this.stepPending(input)
    return this.phase === 'consumers' ? this.stepConsumers(input) : this.stepOwned(input)
  }

  private stepNodes(input: RdbInput): RdbValuePart | null {
    if (this.left < 0) {
      this.left = input.count(ID_BYTES)
      return null
    }
    if (this.left === 0) return this.readState(input)
    const nodeId = input.string()
    if (nodeId.length !== ID_BYTES) throw input.damaged(`the id of a node of a stream has ${nodeId.length} bytes`)
    const entries = readStreamNode(nodeId, input.packed(), this.previousId)
    this.left--
    this.entryCount += BigInt(entries.length)
    const last = entries.at(-1)
    if (last !== undefined) this.previousId = last.id
    return entries.length === 0 ? null : { kind: 'stream-entries', entries }
  }

  private readState(input: RdbInput): RdbValuePart {
    const length = input.unsigned()
    const lastId = readId(input)
    const hasMore = this.version > 1
    const firstId = hasMore ? readId(input) : null
    const maxDeletedId = hasMore ? readId(input) : null
    const entriesAdded = hasMore ? input.unsigned() : null
    const groupCount = input.count(MIN_GROUP_BYTES)
    if (length !== this.entryCount) throw input.damaged('the stated length of a stream is wrong')
    if (this.previousId > lastId) throw input.damaged('the last id of a stream is less than the id of an entry')
    this.groupsLeft = groupCount
    this.phase = 'groups'
    return { kind: 'stream', length, lastId, firstId, maxDeletedId, entriesAdded }
  }

  private stepGroups(input: RdbInput): RdbValuePart | null {
    if (this.unowned.size > 0) throw input.damaged('a pending entry of a group has no consumer')
    if (this.groupsLeft === 0) {
      this.phase = 'done'
      return null
    }
    const name = input.string()
    const lastId = readId(input)
    const counter = this.version > 1 ? input.unsigned() : UNKNOWN
    const left = input.count(MIN_PENDING_BYTES)
    addUnique(this.groupNames, name, () => input.damaged('a stream has a group twice'))
    this.left = left
    this.groupsLeft--
    this.consumerNames = new Set()
    this.phase = 'pending'
    return { kind: 'stream-group', name, lastId, entriesRead: counter === UNKNOWN ? null : counter }
  }

  private stepPending(input: RdbInput): RdbValuePart | null {
    if (this.left === 0) {
      this.consumersLeft = input.count(MIN_CONSUMER_BYTES)
      this.phase = 'consumers'
      return null
    }
    const entries: RdbPendingEntry[] = this.batch(input, () => {
      const id = input.bytes(ID_BYTES)
      const deliveredAtMs = input.milliseconds()
      const deliveryCount = input.length()
      addUnique(this.unowned, id, () => input.damaged('a group has a pending entry twice'))
      return { id, deliveredAtMs, deliveryCount }
    })
    return { kind: 'stream-pending', entries }
  }

  private stepConsumers(input: RdbInput): RdbValuePart | null {
    if (this.consumersLeft === 0) {
      this.phase = 'groups'
      return null
    }
    const name = input.string()
    const seenAtMs = input.milliseconds()
    const activeAtMs = this.version > 2 ? input.milliseconds() : NEVER_MS
    const left = input.count(ID_BYTES)
    addUnique(this.consumerNames, name, () => input.damaged('a group has a consumer twice'))
    this.left = left
    this.consumersLeft--
    this.phase = 'owned'
    return { kind: 'stream-consumer', name, seenAtMs, activeAtMs: activeAtMs === NEVER_MS ? null : activeAtMs }
  }

  private stepOwned(input: RdbInput): RdbValuePart | null {
    if (this.left === 0) {
      this.phase = 'consumers'
      return null
    }
    const ids = this.batch(input, () => {
      const id = input.bytes(ID_BYTES)
      if (!this.unowned.delete(id)) throw input.damaged('a consumer has a pending entry that its group lacks')
      return id
    })
    return { kind: 'stream-consumer-pending', ids }
  }

  /** Returns the next elements; fewer where the input ends first. */
  private batch<T>(input: RdbInput, read: () => T): T[] {
    const found: T[] = []
    const max = Math.min(this.left, MAX_BATCH_COUNT)
    try {
      while (found.length < max) {
        found.push(read())
        input.commit()
      }
    } catch (error) {
      if (error !== NEEDS_MORE || found.length === 0) throw error
      input.rewind()
    }
    this.left -= found.length
    return found
  }
}

function readId(input: RdbInput): RdbStreamId {
  const ms = input.unsigned()
  return streamId(ms, input.unsigned())
}
