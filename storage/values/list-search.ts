/**
 * Searches a list for a value, from either end. The first search of a list compares all elements on
 * its way. Later searches leave filters in leaves (tree/leaf-filter.ts), after which few leaves are
 * searched. Leaves that were read from disk and hold no match are evicted again.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { FILTER_BYTES, filterHashOf, LeafFilter } from '../tree/leaf-filter.ts'
import type { TreeNode } from '../tree/node.ts'
import type { List } from './list.ts'

/**
 * The maximum number of filters that one search makes, so that it takes little longer than
 * comparing every element does.
 */
const FILTERS_PER_SEARCH = 500
/** A smaller leaf is compared as fast as its filter would be checked. */
const MIN_FILTERED_ELEMENTS = 16

/** The part of a list to search, and the matches to return. */
export interface SearchOptions {
  readonly from: 'head' | 'tail'
  /** The number of matches to skip. */
  readonly skip: number
  /** The maximum number of matches to return. */
  readonly count: number
  /** The maximum number of elements to compare. */
  readonly length: number
}

/** Returns the positions of elements equal to the value, in the order in which they are found. */
export function searchList(list: List, value: Bytes, options: SearchOptions): number[] {
  if (options.count <= 0 || list.size === 0) return []
  const search = new ListSearch(list, value, options)
  if (list.object.packed !== null) {
    search.values(list.slice(0, list.size), 0)
    return search.found
  }
  search.node(list.elements.rootNode(), 0)
  list.isSearched = true
  return search.found
}

class ListSearch {
  readonly found: number[] = []
  private readonly list: List
  private readonly value: Bytes
  private readonly hash: number
  private readonly isForward: boolean
  private readonly count: number
  private skip: number
  private filtersLeft: number
  /** The search covers positions from `low` to before `high`. */
  private readonly low: number
  private readonly high: number

  constructor(list: List, value: Bytes, { from, skip, count, length }: SearchOptions) {
    const { size } = list
    this.list = list
    this.value = value
    this.hash = filterHashOf(value)
    this.isForward = from === 'head'
    this.skip = skip
    this.filtersLeft = list.isSearched ? FILTERS_PER_SEARCH : 0
    this.count = count
    this.low = this.isForward ? 0 : Math.max(0, size - length)
    this.high = this.isForward ? Math.min(size, length) : size
  }

  private get isDone(): boolean {
    return this.found.length >= this.count
  }

  /** Searches a node; `before` is the number of elements before it. */
  node(node: TreeNode, before: number): void {
    if (node.level === 0) this.leaf(node, before)
    else if (this.isForward) this.childrenForward(node, before)
    else this.childrenBackward(node, before)
  }

  private childrenForward(node: TreeNode, before: number): void {
    const { counts } = node
    let position = before
    for (let slot = 0; slot < counts.length && position < this.high && !this.isDone; slot++) {
      this.child(node, slot, position)
      position += must(counts[slot])
    }
  }

  private childrenBackward(node: TreeNode, before: number): void {
    const { counts } = node
    let position = before
    for (const count of counts) position += count
    for (let slot = counts.length - 1; slot >= 0 && position > this.low && !this.isDone; slot--) {
      position -= must(counts[slot])
      this.child(node, slot, position)
    }
  }

  private child(node: TreeNode, slot: number, position: number): void {
    const child = must(node.children[slot])
    if (typeof child !== 'number') {
      if (child.filter !== null && !child.filter.mayHave(this.hash)) return
      this.node(child, position)
      return
    }
    const { elements } = this.list
    const found = this.found.length
    const read = elements.childAt(node, slot)
    this.node(read, position)
    if (read.level === 0 && this.found.length === found) read.evictAlone()
  }

  private leaf(leaf: TreeNode, before: number): void {
    const values = leaf.values as Bytes[]
    if (leaf.filter === null && this.filtersLeft > 0 && leaf.pages !== null && values.length >= MIN_FILTERED_ELEMENTS) {
      this.filtersLeft--
      addFilter(leaf)
    }
    this.values(values, before)
  }

  /** Searches values; `before` is the number of elements before them. */
  values(values: readonly Bytes[], before: number): void {
    const { value, found } = this
    const first = Math.max(0, this.low - before)
    const last = Math.min(values.length, this.high - before)
    if (this.isForward) {
      for (let i = values.indexOf(value, first); i >= 0 && i < last && !this.isDone; i = values.indexOf(value, i + 1)) {
        if (this.skip > 0) this.skip--
        else found.push(before + i)
      }
      return
    }
    for (
      let i = last > 0 ? values.lastIndexOf(value, last - 1) : -1;
      i >= first && !this.isDone;
      i = i > 0 ? values.lastIndexOf(value, i - 1) : -1
    ) {
      if (this.skip > 0) this.skip--
      else found.push(before + i)
    }
  }
}

function addFilter(leaf: TreeNode): void {
  const { db } = must(leaf.pages)
  const filter = new LeafFilter()
  for (const value of leaf.values as Bytes[]) filter.add(value)
  leaf.filter = filter
  leaf.memoryBytes += FILTER_BYTES
  db.residents.bytes += FILTER_BYTES
  if (leaf.generation === db.keyspace.generation) db.keyspace.dirtyBytes += FILTER_BYTES
}
