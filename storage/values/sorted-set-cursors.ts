/** Cursors over the members of a sorted set, in the order of their scores or in byte order. */
import type { Bytes } from '../../base/bytes.ts'
import type { ElementCursor } from './packed-cursor.ts'
import { detachedMemberOfKey, memberOfKey, scoreOfKey } from './score.ts'

/** A cursor over members in the order of their scores, or backwards. */
export class SortedSetCursor {
  private readonly keys: ElementCursor

  constructor(keys: ElementCursor) {
    this.keys = keys
  }

  next(): boolean {
    return this.keys.next()
  }

  /** The member for a reply: it shares memory with the tree's key. */
  get member(): Bytes {
    return memberOfKey(this.keys.key)
  }

  /** The member with memory of its own. */
  get detachedMember(): Bytes {
    return detachedMemberOfKey(this.keys.key)
  }

  get score(): number {
    return scoreOfKey(this.keys.key)
  }
}

/** A cursor over members in byte order, or backwards. */
export class MemberCursor {
  private readonly keys: ElementCursor

  constructor(keys: ElementCursor) {
    this.keys = keys
  }

  next(): boolean {
    return this.keys.next()
  }

  get member(): Bytes {
    return this.keys.key
  }

  get detachedMember(): Bytes {
    return this.keys.key
  }

  get score(): number {
    return this.keys.value as number
  }
}
