/** The node's place in a cluster, as commands see it. `server/wiring/cluster-facade.ts` has it. */
import type { Bytes } from '../../base/bytes.ts'
import type { Database } from '../../storage/keyspace/database.ts'
import type { Session } from './session.ts'

/** How clients reach the node. */
export interface ClusterEndpoint {
  readonly ip: Bytes
  /** The port of the kind that the asking client uses, TLS or not. */
  readonly port: number
  /** Both ports; 0 for none. */
  readonly plainPort: number
  readonly tlsPort: number
  readonly busPort: number
  /** Empty if none is announced. */
  readonly hostname: Bytes
  /** The kind of address that clients are to prefer. */
  readonly preferred: 'ip' | 'hostname' | 'unknown-endpoint'
}

/** Slots from `first` to `last`, both included. */
export interface SlotSpan {
  readonly first: number
  readonly last: number
}

/** A node as the map of a cluster names it. */
export interface MappedNode {
  readonly id: Bytes
  readonly host: Bytes
  readonly port: number
  /** Null for a master. */
  readonly masterId: Bytes | null
  /** In ascending order; none for a replica. */
  readonly ranges: readonly SlotSpan[]
}

/** A slot that moves to or from another master. */
export interface SlotMove {
  readonly slot: number
  readonly how: 'migrating' | 'importing'
  /** The id of the other master. */
  readonly peer: Bytes
}

/** The map of a cluster. */
export interface SlotMap {
  /** -1 if the node was told no map. */
  readonly version: number
  readonly nodes: readonly MappedNode[]
  /** The number of slots with an owner. */
  readonly assignedSlots: number
  find(id: Bytes): MappedNode | undefined
  ownerOf(slot: number): MappedNode | null
}

/** The states of a slot on this node, in `ClusterNodePort.slots`. */
export const SLOT_UNASSIGNED = 0
/** This node serves the slot, whatever the request. */
export const SLOT_SERVED = 1
/** This node owns the slot; a closer look decides. */
export const SLOT_OWN = 2
/** This node owns the slot, and it is moving to another one. */
export const SLOT_MIGRATING = 3
/** This node owns the slot again, before the keys from its last time here have been swept. */
export const SLOT_CLOSED = 4
export const SLOT_ELSEWHERE = 5
/** Another node owns the slot, and it is moving to this one. */
export const SLOT_IMPORTING = 6
/** This node's master owns the slot. */
export const SLOT_REPLICATED = 7

/** This node as a member of a cluster of several nodes, driven by maps. */
export interface ClusterNodePort {
  readonly map: SlotMap
  /** The state of each slot. */
  readonly slots: Uint8Array
  /** True if a slot has no owner: with cluster-require-full-coverage nothing is served then. */
  readonly isDown: boolean
  /** The other end of a slot that is moving; undefined if none is. */
  peerOf(slot: number): MappedNode | undefined
  /** Returns the slots that are moving, in ascending order. */
  moves(): readonly SlotMove[]
  /** Returns the address of a node in redirections: `host:port`. */
  addressOf(node: MappedNode): Bytes
  /**
   * The methods below store the change durably before they return, and take the role that the map
   * gives this node. They throw ClientError; then nothing has changed, unless the role is refused.
   */
  setId(id: Bytes): void
  /** Sets the map. An older version is refused unless forced; the same one changes nothing. */
  setNodes(text: Bytes, version: number, how: 'newer' | 'forced'): void
  /** Gives slots to a master. `version` has to follow that of the map. */
  setSlots(ranges: readonly SlotSpan[], id: Bytes, version: number): void
  /** Marks a slot as moving to or from another master; null ends it. */
  openSlot(slot: number, how: 'migrating' | 'importing', id: Bytes): void
  closeSlot(slot: number): void
  /** Forgets the map, and with `hard` the id. */
  reset(how: 'soft' | 'hard'): void
}

/** A server that is in no cluster. */
export const NO_CLUSTER: ClusterPort = {
  mode: 'disabled',
  mustUseOneSlot: false,
  mustJudge: false,
  node: null,
  nodeId: '',
  shardId: '',
  offset: 0,
  endpointFor() {
    throw new Error('a server outside of a cluster has no endpoint in one')
  },
  hidesKeysOf: () => false,
  shownKeysOf: (db) => db.keyCount,
  hides: () => false,
}

export interface ClusterPort {
  /** `emulated`: this node says that it owns all slots. `nodes`: it follows a map. */
  readonly mode: 'disabled' | 'emulated' | 'nodes'
  /** Requests, transactions and scripts with keys in several slots are refused. */
  readonly mustUseOneSlot: boolean
  /** True if each request has to be judged by its slots. */
  readonly mustJudge: boolean
  /** Null unless the mode is `nodes`. */
  readonly node: ClusterNodePort | null
  /** 40 characters. */
  readonly nodeId: Bytes
  readonly shardId: Bytes
  /** The offset of the replication stream. */
  readonly offset: number
  endpointFor(session: Session): ClusterEndpoint
  /** True if a database has keys that `hides` hides. O(SLOTS). */
  hidesKeysOf(db: Database): boolean
  /** Returns the number of keys that `hides` does not hide. O(SLOTS). */
  shownKeysOf(db: Database): number
  /** True if SCAN, KEYS and the like must not show a key: its slot is not served here. */
  hides(key: Bytes): boolean
}
