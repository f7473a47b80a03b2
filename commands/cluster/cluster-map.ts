/**
 * The map of a cluster: its nodes, and which master owns which slots. It is written as text, one
 * node a line:
 *
 *   id host port master - slots ...
 *   id host port slave master-id
 *
 * An id has 40 characters. `slots` are numbers or ranges such as 0-5460. The syntax is that of
 * Kvrocks, so that its controller can set maps here.
 */
import { at, must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { SLOTS } from '../../base/hash-slots.ts'
import type { MappedNode, SlotMap, SlotSpan } from '../contract/cluster.ts'
import { clientError } from '../contract/errors.ts'
import { hostOf } from '../parsing/args.ts'

/** The nodes of a map, at most. */
const MAX_NODES = 5000
const NOBODY = -1
const LAST_PORT = 65_535

const invalidNodes = () => clientError('ERR Invalid cluster nodes info')
const invalidId = () => clientError('ERR Invalid node id')
const slotOutOfRange = () => clientError('ERR Slot is out of range')

/** The map of a cluster. It never changes: a change makes another map. */
export class NodesMap implements SlotMap {
  readonly version: number
  readonly nodes: readonly MappedNode[]
  private readonly byId = new Map<Bytes, MappedNode>()
  /** The index of each slot's owner in `nodes`; NOBODY for a slot without one. */
  private readonly owners: Int16Array

  private constructor(version: number, nodes: readonly MappedNode[], owners: Int16Array) {
    this.version = version
    this.nodes = nodes
    this.owners = owners
    for (const node of nodes) this.byId.set(node.id, node)
  }

  /** The map of a node that was told none. */
  static readonly none = new NodesMap(-1, [], new Int16Array(SLOTS).fill(NOBODY))

  /** Parses a map. Throws ClientError with Kvrocks's texts. */
  static parse(text: Bytes, version: number): NodesMap {
    const owners = new Int16Array(SLOTS).fill(NOBODY)
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    if (lines.length === 0 || lines.length > MAX_NODES) throw invalidNodes()
    const nodes = lines.map((line, index) => parseNode(line, index, owners))
    const map = new NodesMap(version, nodes, owners)
    if (map.byId.size !== nodes.length) throw invalidNodes()
    for (const { masterId } of nodes) if (masterId !== null && map.byId.get(masterId)?.masterId !== null) throw invalidId()
    return map
  }

  find(id: Bytes): MappedNode | undefined {
    return this.byId.get(id)
  }

  ownerOf(slot: number): MappedNode | null {
    const index = this.owners[slot] ?? NOBODY
    return index === NOBODY ? null : at(this.nodes, index)
  }

  get assignedSlots(): number {
    return this.owners.reduce((sum, owner) => (owner === NOBODY ? sum : sum + 1), 0)
  }

  /** Returns the map in which a master owns these slots, too. REQUIRES: it is in this map. */
  withSlots(ranges: readonly SlotSpan[], id: Bytes, version: number): NodesMap {
    const owners = this.owners.slice()
    const owner = this.nodes.indexOf(must(this.byId.get(id)))
    for (const { first, last } of ranges) owners.fill(owner, first, last + 1)
    const nodes = this.nodes.map((node, index) => ({ ...node, ranges: rangesWhere((slot) => owners[slot] === index) }))
    return new NodesMap(version, nodes, owners)
  }

  /** Returns the map as text, which `parse` reads. */
  toText(): Bytes {
    return this.nodes.map(lineOf).join('\n')
  }
}

function lineOf({ id, host, port, masterId, ranges }: MappedNode): Bytes {
  return [id, host, port, masterId === null ? 'master' : 'slave', masterId ?? '-', ...ranges.map(rangeText)].join(' ')
}

/** Returns a range as maps and CLUSTER NODES show it. */
export function rangeText({ first, last }: SlotSpan): Bytes {
  return first === last ? String(first) : `${first}-${last}`
}

/** Returns the ranges of the slots that are chosen, in ascending order. O(SLOTS). */
export function rangesWhere(isChosen: (slot: number) => boolean): SlotSpan[] {
  const ranges: SlotSpan[] = []
  let first = -1
  for (let slot = 0; slot <= SLOTS; slot++) {
    const isIn = slot < SLOTS && isChosen(slot)
    if (isIn && first < 0) first = slot
    if (isIn || first < 0) continue
    ranges.push({ first, last: slot - 1 })
    first = -1
  }
  return ranges
}

/** Throws ClientError unless a word can be the id of a node. */
export function requireNodeId(word: Bytes): Bytes {
  if (!/^[\w-]{40}$/.test(word)) throw invalidId()
  return word
}

/** Parses a slot or a range of slots. Throws ClientError. */
export function parseRange(word: Bytes): SlotSpan {
  const parts = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(word)
  if (parts === null) throw slotOutOfRange()
  const first = Number(parts[1])
  const last = Number(parts[2] ?? parts[1])
  if (first > last || last >= SLOTS) throw slotOutOfRange()
  return { first, last }
}

/** Parses a line, and enters the slots of a master in `owners`. */
function parseNode(line: Bytes, index: number, owners: Int16Array): MappedNode {
  const [id, address, portWord, roleWord, master, ...slots] = line.trim().split(/ +/)
  if (id === undefined || address === undefined || portWord === undefined || roleWord === undefined || master === undefined)
    throw invalidNodes()
  const host = hostOf(address)
  if (host === null) throw invalidNodes()
  const port = /^\d{1,5}$/.test(portWord) ? Number(portWord) : 0
  if (port === 0 || port > LAST_PORT) throw clientError('ERR Invalid cluster node port')
  const role = lowerCase(roleWord)
  requireNodeId(id)
  if (role === 'slave' || role === 'replica') {
    if (slots.length > 0) throw invalidNodes()
    return { id, host, port, masterId: requireNodeId(master), ranges: [] }
  }
  if (role !== 'master') throw clientError('ERR Invalid cluster node role')
  if (master !== '-') throw invalidId()
  for (const { first, last } of slots.map(parseRange)) {
    for (let slot = first; slot <= last; slot++) {
      if (owners[slot] !== NOBODY) throw clientError('ERR Slot distribution is overlapped')
      owners[slot] = index
    }
  }
  return { id, host, port, masterId: null, ranges: rangesWhere((slot) => owners[slot] === index) }
}
