/**
 * This node as a member of a cluster of several nodes. There is no gossip: a coordinator or an
 * operator tells each node the map (CLUSTERX SETNODES). The node
 *
 *   stores it -> serves its slots, redirects the others -> follows its master, or leads
 *     -> hides the keys of slots that have left, and sweeps them in the background
 *
 * A slot leaves when the master of this node's shard owned it before and does not own it now. The
 * shard is the node itself and the master that it follows. So a replica knows what its master has
 * to sweep, and continues once it is the master. A slot that comes back before it is swept
 * stays closed until it is: its old keys are not the ones that others have written meanwhile.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Random } from '../../base/clock.ts'
import { errorText } from '../../base/error-text.ts'
import type { Files } from '../../base/files.ts'
import { SLOTS, slotOf } from '../../base/hash-slots.ts'
import { NodesMap, requireNodeId } from '../../commands/cluster/cluster-map.ts'
import {
  type ClusterNodePort,
  type MappedNode,
  SLOT_CLOSED,
  SLOT_ELSEWHERE,
  SLOT_IMPORTING,
  SLOT_MIGRATING,
  SLOT_OWN,
  SLOT_REPLICATED,
  SLOT_SERVED,
  SLOT_UNASSIGNED,
  type SlotMove,
  type SlotSpan,
} from '../../commands/contract/cluster.ts'
import { clientError } from '../../commands/contract/errors.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import { type ClusterState, loadCluster, type OpenSlot, saveCluster } from './cluster-file.ts'

const ID_DIGITS = 40

/** The reactions of the server to another map. */
interface ClusterEvents {
  /** Called when clients may wait, listen or cache here for slots that are no longer served. */
  onSlotsChanged(): void
  /** Follows this master; null: leads. Throws ClientError. */
  takeRole(master: MappedNode | null): void
  /** Called when keys may have to be swept. */
  onSlotsLeft(): void
}

export interface ClusterNodeOptions {
  readonly files: Files
  readonly directory: string
  readonly random: Random
  readonly events: ClusterEvents
  /** True if a slot without an owner stops the whole cluster. */
  readonly mustCoverAll: () => boolean
  /** True if redirections leave out the host, so that clients use the one that they know. */
  readonly mustHideHost: () => boolean
}

/** This node as a member of a cluster, with its map. */
export class ClusterNode implements ClusterNodePort {
  readonly slots = new Uint8Array(SLOTS)
  isDown = true
  private readonly options: ClusterNodeOptions
  private state: ClusterState

  /** Loads the stored state. Throws DamageError. */
  constructor(options: ClusterNodeOptions) {
    const { files, directory, random } = options
    this.options = options
    const stored = loadCluster(files, directory)
    this.state = stored ?? { nodeId: randomHex(random, ID_DIGITS), map: NodesMap.none, left: new Set(), open: new Map() }
    if (stored === null) saveCluster(files, directory, this.state)
    this.refresh()
  }

  get id(): Bytes {
    return this.state.nodeId
  }

  get map(): NodesMap {
    return this.state.map
  }

  /** The slots whose keys have to be swept. */
  get left(): ReadonlySet<number> {
    return this.state.left
  }

  /** This node in the map; undefined if the map does not name it. */
  get self(): MappedNode | undefined {
    return this.map.find(this.id)
  }

  peerOf(slot: number): MappedNode | undefined {
    const open = this.state.open.get(slot)
    return open === undefined ? undefined : this.map.find(open.peer)
  }

  moves(): readonly SlotMove[] {
    return Array.from(this.state.open, ([slot, move]) => ({ slot, ...move })).sort((a, b) => a.slot - b.slot)
  }

  addressOf({ host, port }: MappedNode): Bytes {
    return `${this.options.mustHideHost() ? '' : host}:${port}`
  }

  setId(id: Bytes): void {
    requireNodeId(id)
    this.apply({ ...this.state, nodeId: id })
  }

  setNodes(text: Bytes, version: number, how: 'newer' | 'forced'): void {
    if (version < 0) throw invalidVersion()
    if (how === 'newer') {
      if (version < this.map.version) throw invalidVersion()
      if (version === this.map.version) return
    }
    this.apply({ ...this.state, map: NodesMap.parse(text, version) })
  }

  setSlots(ranges: readonly SlotSpan[], id: Bytes, version: number): void {
    if (version <= 0 || version !== this.map.version + 1) throw invalidVersion()
    const owner = this.map.find(requireNodeId(id))
    if (owner === undefined) throw clientError('ERR No this node in the cluster')
    if (owner.masterId !== null) throw clientError("ERR The node isn't master")
    this.apply({ ...this.state, map: this.map.withSlots(ranges, id, version) })
  }

  openSlot(slot: number, how: OpenSlot['how'], peer: Bytes): void {
    this.apply({ ...this.state, open: new Map([...this.state.open, [slot, { how, peer }]]) })
  }

  closeSlot(slot: number): void {
    this.apply({ ...this.state, open: new Map([...this.state.open].filter(([open]) => open !== slot)) })
  }

  reset(how: 'soft' | 'hard'): void {
    const nodeId = how === 'hard' ? randomHex(this.options.random, ID_DIGITS) : this.id
    this.apply({ nodeId, map: NodesMap.none, left: new Set(), open: new Map() })
  }

  /** Takes the role that the map gives this node. Called once replication has started. */
  takeRole(): void {
    const { self, map } = this
    if (self !== undefined) this.options.events.takeRole(self.masterId === null ? null : (map.find(self.masterId) ?? null))
    if (this.left.size > 0) this.options.events.onSlotsLeft()
  }

  /** Records that slots have been swept. REQUIRES: the deletions are durable. */
  swept(slots: Iterable<number>): void {
    const left = new Set(this.state.left)
    for (const slot of slots) left.delete(slot)
    this.persist({ ...this.state, left })
    this.refresh()
  }

  /** True if this node does not show a key: it serves no request for the key's slot. */
  hides(key: Bytes): boolean {
    return this.hidesSlot(slotOf(key))
  }

  hidesSlot(slot: number): boolean {
    const state = this.slots[slot]
    return state === SLOT_ELSEWHERE || state === SLOT_UNASSIGNED || state === SLOT_CLOSED
  }

  /** Computes the states of slots again, after cluster-require-full-coverage has changed. */
  refresh(): void {
    const { map, self } = this
    const { left, open } = this.state
    this.isDown = this.options.mustCoverAll() && map.assignedSlots < SLOTS
    for (let slot = 0; slot < SLOTS; slot++) {
      const owner = map.ownerOf(slot)
      const moving = this.peerOf(slot) === undefined ? undefined : open.get(slot)
      if (owner === null) this.slots[slot] = SLOT_UNASSIGNED
      else if (owner === self) {
        if (left.has(slot)) this.slots[slot] = SLOT_CLOSED
        else if (moving?.how === 'migrating') this.slots[slot] = SLOT_MIGRATING
        else this.slots[slot] = this.isDown ? SLOT_OWN : SLOT_SERVED
      } else if (moving?.how === 'importing') this.slots[slot] = SLOT_IMPORTING
      else this.slots[slot] = owner.id === self?.masterId && !left.has(slot) ? SLOT_REPLICATED : SLOT_ELSEWHERE
    }
  }

  /** Stores another state, and puts it in force. */
  private apply(state: ClusterState): void {
    const next = settled(state, this.state)
    this.persist(next)
    this.refresh()
    this.options.events.onSlotsChanged()
    this.takeRole()
  }

  /** Stores a state. Throws ClientError, and keeps the old one, if the file cannot be written. */
  private persist(state: ClusterState): void {
    assert(state.nodeId.length === ID_DIGITS, 'a node has an id of 40 characters')
    try {
      saveCluster(this.options.files, this.options.directory, state)
    } catch (error) {
      rethrowAssertion(error)
      throw clientError(`ERR cannot store the map of the cluster: ${errorText(error)}`)
    }
    this.state = state
  }
}

const invalidVersion = () => clientError('ERR Invalid cluster version')

/** Returns a new state with the slots that leave, and without moves that the map has ended. */
function settled(next: ClusterState, before: ClusterState): ClusterState {
  const old = shardOf(before)
  const now = shardOf(next)
  const isReplica = next.map.find(next.nodeId)?.masterId != null
  const left = new Set(next.left)
  for (let slot = 0; slot < SLOTS; slot++) {
    const owner = next.map.ownerOf(slot)?.id
    const isOwn = owner !== undefined && owner === now
    if (!isOwn && old !== null && before.map.ownerOf(slot)?.id === old && next.map !== before.map) left.add(slot)
    // A replica's master decides when a slot that has come back is open, and logs what it sweeps.
    if (isOwn && isReplica) left.delete(slot)
  }
  const open = new Map([...next.open].filter(([slot, { how }]) => (how === 'migrating') === (next.map.ownerOf(slot)?.id === next.nodeId)))
  return { ...next, left, open }
}

/** Returns the id of the master of this node's shard; null if the map does not name the node. */
function shardOf({ nodeId, map }: ClusterState): Bytes | null {
  const self = map.find(nodeId)
  return self === undefined ? null : (self.masterId ?? self.id)
}
