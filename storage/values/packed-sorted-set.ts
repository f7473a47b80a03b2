/**
 * Changes of a small sorted set in its packed form: of both trees at once, without making them.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { TreeObject } from '../tree/object.ts'
import { packedEditor } from './packed-editor.ts'
import { detachedMemberOfKey, orderKey, scoreOfKey } from './score.ts'
import type { ScoredMember } from './sorted-set.ts'

// hot: changes of small sorted sets run here

/** Opens the second tree of a packed set. */
export function openOrder(packed: Bytes): void {
  packedEditor.open(packed)
  packedEditor.openSecond()
}

/** Adds a member to both trees. `key` is its key in the second one. */
export function insertPacked(object: TreeObject, packed: Bytes, member: Bytes, score: number, key: Bytes): void {
  packedEditor.open(packed)
  packedEditor.find(member)
  packedEditor.insertScored(member, score === 0 ? 0 : score)
  packedEditor.openSecond()
  packedEditor.find(key)
  packedEditor.insert(key)
  object.repack(packedEditor.close())
}

/** Changes a member's score in both trees. */
export function rescorePacked(object: TreeObject, packed: Bytes, member: Bytes, before: number, score: number): void {
  packedEditor.open(packed)
  packedEditor.find(member)
  packedEditor.replaceScore(score === 0 ? 0 : score)
  packedEditor.openSecond()
  packedEditor.find(orderKey(before, member))
  packedEditor.remove()
  const key = orderKey(score, member)
  packedEditor.find(key)
  packedEditor.insert(key)
  object.repack(packedEditor.close())
}

/** Removes a member with its score from both trees. */
export function removePacked(object: TreeObject, packed: Bytes, member: Bytes, score: number): void {
  packedEditor.open(packed)
  packedEditor.find(member)
  packedEditor.remove()
  packedEditor.openSecond()
  packedEditor.find(orderKey(score, member))
  packedEditor.remove()
  object.repack(packedEditor.close())
}

/** Removes and returns the member of a rank by score. */
export function takePacked(object: TreeObject, packed: Bytes, rank: number): ScoredMember {
  openOrder(packed)
  packedEditor.seek(rank)
  const { key } = packedEditor
  const member = detachedMemberOfKey(key)
  packedEditor.remove()
  packedEditor.openFirst()
  packedEditor.find(member)
  packedEditor.remove()
  object.repack(packedEditor.close())
  return { member, score: scoreOfKey(key) }
}
