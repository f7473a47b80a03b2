/**
 * Decides whether this node serves a request, by the slots of its keys: the checks of Redis's
 * getNodeByQuery, in its order. A request without keys is served anywhere. Shard channels count as
 * keys. An EXEC is judged by the keys of all queued requests.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { slotOf } from '../../base/hash-slots.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import {
  type ClusterNodePort,
  type ClusterPort,
  SLOT_CLOSED,
  SLOT_ELSEWHERE,
  SLOT_IMPORTING,
  SLOT_MIGRATING,
  SLOT_REPLICATED,
  SLOT_SERVED,
  SLOT_UNASSIGNED,
} from '../contract/cluster.ts'
import type { Command } from '../contract/command.ts'
import { placedPositionsOf } from '../contract/key-finder.ts'
import type { Request } from '../contract/request.ts'
import type { SessionState } from '../contract/session.ts'

const CROSS_SLOT = "CROSSSLOT Keys in request don't hash to the same slot"
const UNSTABLE = 'TRYAGAIN Multiple keys request during rehashing of slot'
const NOT_SERVED = 'CLUSTERDOWN Hash slot not served'
const DOWN = 'CLUSTERDOWN The cluster is down'
const NOT_LOCAL_IN_SCRIPT = 'ERR Script attempted to access a non local key in a cluster node'
const DOWN_IN_SCRIPT = 'ERR Script attempted to execute a command while the cluster is down'

/** A command with its words. */
type JudgedRequest = Pick<Request, 'runtime' | 'args'>
/** The state of a client on which routing depends. */
type JudgedClient = Pick<SessionState, 'isAsking' | 'isReadingReplica' | 'database'>

/** The facts about the keys of a request that decide who serves it. */
interface Keys {
  slot: number
  hasSeveral: boolean
  isAnyMissing: boolean
  isAnyPresent: boolean
}

/** Returns the error of a request that this node does not serve; null if it does. */
export function clusterRefusal(cluster: ClusterPort, keyspace: Keyspace, request: Request): Bytes | null {
  const { node } = cluster
  const { runtime, client, args } = request
  if (node === null) return runtime.hasPlacedWords || runtime.command.name === 'exec' ? oneSlotRefusal(requestsOf(request)) : null
  if (client.isAsking) return askingRefusal(node, keyspace, request)
  // The common case: one key, in a slot that is served.
  const { soleKey } = runtime
  if (soleKey !== 0) {
    const key = args[soleKey] as Bytes // hot: each request
    if (node.slots[slotOf(key)] === SLOT_SERVED) return null
  }
  return runtime.hasPlacedWords || runtime.command.name === 'exec' ? refusalOf(node, keyspace, client, requestsOf(request)) : null
}

/** Returns the error of a command that a script calls; null if this node serves its keys. */
export function scriptRefusal(cluster: ClusterPort, keyspace: Keyspace, caller: JudgedClient, request: JudgedRequest): Bytes | null {
  const { node } = cluster
  if (node === null || !request.runtime.hasPlacedWords) return null
  const refusal = refusalOf(node, keyspace, caller, [request])
  if (refusal === null) return null
  return refusal === DOWN ? DOWN_IN_SCRIPT : NOT_LOCAL_IN_SCRIPT
}

/** Returns the slot of the first key of a request; null if it has none. */
export function slotOfRequest({ runtime, args }: JudgedRequest): number | null {
  if (!runtime.hasPlacedWords) return null
  const [position] = placedPositionsOf(runtime.command, args)
  return position === undefined ? null : slotOf(must(args[position]))
}

/** Judges a request after ASKING, which counts for one request or one transaction. */
function askingRefusal(node: ClusterNodePort, keyspace: Keyspace, request: Request): Bytes | null {
  const { runtime, client } = request
  const { name } = runtime.command
  const refusal = refusalOf(node, keyspace, client, requestsOf(request))
  if (name === 'exec' || (client.transaction === null && name !== 'asking' && name !== 'multi')) client.isAsking = false
  return refusal
}

function requestsOf(request: Request): readonly JudgedRequest[] {
  return request.runtime.command.name === 'exec' ? (request.client.transaction?.requests ?? []) : [request]
}

/** The rule of a cluster of one node: all keys lie in one slot. */
function oneSlotRefusal(requests: readonly JudgedRequest[]): Bytes | null {
  let slot = -1
  for (const { runtime, args } of requests) {
    for (const position of placedPositionsOf(runtime.command, args)) {
      const own = slotOf(must(args[position]))
      if (slot >= 0 && slot !== own) return CROSS_SLOT
      slot = own
    }
  }
  return null
}

function refusalOf(node: ClusterNodePort, keyspace: Keyspace, client: JudgedClient, requests: readonly JudgedRequest[]): Bytes | null {
  const keys: Keys = { slot: -1, hasSeveral: false, isAnyMissing: false, isAnyPresent: false }
  const refusal = collect(node, keyspace, client, requests, keys)
  if (refusal !== null || keys.slot < 0) return refusal
  const isForShard = requests.every(({ runtime }) => isShardMessage(runtime.command))
  if (node.isDown && !isForShard) return DOWN
  const state = node.slots[keys.slot]
  if (state === SLOT_CLOSED) return NOT_SERVED
  const isMoving = state === SLOT_MIGRATING || state === SLOT_IMPORTING
  // MIGRATE works on the keys that are here.
  if (isMoving && requests.at(-1)?.runtime.command.name === 'migrate') return null
  if (state === SLOT_MIGRATING && keys.isAnyMissing) {
    if (keys.isAnyPresent) return UNSTABLE
    const peer = node.peerOf(keys.slot)
    return peer === undefined ? null : `ASK ${keys.slot} ${node.addressOf(peer)}`
  }
  if (state === SLOT_IMPORTING && (client.isAsking || requests.some(({ runtime }) => runtime.command.flags.includes('asking')))) {
    return keys.hasSeveral && keys.isAnyMissing ? UNSTABLE : null
  }
  if (state === SLOT_REPLICATED && (client.isReadingReplica || isForShard) && requests.every(({ runtime }) => !runtime.isWrite)) return null
  const isElsewhere = state === SLOT_ELSEWHERE || state === SLOT_IMPORTING || state === SLOT_REPLICATED
  return isElsewhere ? movedText(node, keys.slot) : null
}

/** Finds the slot of all keys, and which exist if it is moving. Returns an error or null. */
function collect(
  node: ClusterNodePort,
  keyspace: Keyspace,
  client: JudgedClient,
  requests: readonly JudgedRequest[],
  keys: Keys,
): Bytes | null {
  let first: Bytes | null = null
  let isMoving = false
  for (const { runtime, args } of requests) {
    for (const position of placedPositionsOf(runtime.command, args)) {
      const key = must(args[position])
      const slot = slotOf(key)
      if (first === null) {
        first = key
        keys.slot = slot
        const state = node.slots[slot]
        if (state === SLOT_UNASSIGNED) return NOT_SERVED
        isMoving = state === SLOT_MIGRATING || state === SLOT_IMPORTING
      } else if (slot !== keys.slot) return CROSS_SLOT
      else if (key !== first) keys.hasSeveral = true
      if (!isMoving || isShardMessage(runtime.command)) continue
      if (keyspace.database(client.database).peek(key) === undefined) keys.isAnyMissing = true
      else keys.isAnyPresent = true
    }
  }
  return null
}

/** Returns the redirection to the owner of a slot, or the error of a slot without one. */
function movedText(node: ClusterNodePort, slot: number): Bytes {
  const owner = node.map.ownerOf(slot)
  return owner === null ? NOT_SERVED : `MOVED ${slot} ${node.addressOf(owner)}`
}

/**
 * Returns why a client that is blocked on keys must not wait here any longer; null if it may. A
 * slot that is moving here is waited for.
 */
export function blockedRefusal(node: ClusterNodePort, request: JudgedRequest, client: JudgedClient): Bytes | null {
  if (!request.runtime.hasPlacedWords) return null
  if (node.isDown) return DOWN
  for (const position of placedPositionsOf(request.runtime.command, request.args)) {
    const slot = slotOf(must(request.args[position]))
    const state = node.slots[slot]
    if (state === SLOT_REPLICATED && client.isReadingReplica && !request.runtime.isWrite) continue
    if (state === SLOT_UNASSIGNED || state === SLOT_CLOSED) return NOT_SERVED
    if (state === SLOT_ELSEWHERE || state === SLOT_REPLICATED) return movedText(node, slot)
  }
  return null
}

function isShardMessage({ name }: Command): boolean {
  return name === 'ssubscribe' || name === 'sunsubscribe' || name === 'spublish'
}
