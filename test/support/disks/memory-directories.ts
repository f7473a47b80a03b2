/**
 * The names on the simulated disk. A change of a directory (a file created, renamed, removed) is
 * one journal entry until its directory is synced. Each unsynced entry survives a power loss whole
 * or not at all, independently of the others. A sync of either directory makes a rename between two
 * directories durable.
 */
import type { Inode } from './memory-inode.ts'
import { type PowerLoss, survives } from './power-loss.ts'

export type Node = Inode | Directory

/** A directory: its current entries and its durable ones. */
export class Directory {
  readonly entries = new Map<string, Node>()
  /**
   * The durable entries, each with the time of its change, so that an older surviving change does
   * not undo it. Null for a removal.
   */
  readonly durable = new Map<string, { readonly time: number; readonly node: Node | null }>()
}

interface NameChange {
  readonly directory: Directory
  readonly name: string
  readonly node: Node | null
}

interface JournalEntry {
  readonly time: number
  readonly changes: readonly NameChange[]
}

/** The tree of directories, with the journal of its unsynced changes. */
export class Directories {
  readonly root: Directory
  private journal: JournalEntry[] = []

  constructor(root = new Directory()) {
    this.root = root
  }

  /**
   * The parts of a path without empty and `.` parts. Both kinds of slash separate; `..` is not
   * supported.
   */
  static parts(path: string): string[] {
    return path.split(/[\\/]+/).filter((part) => part !== '' && part !== '.')
  }

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const part of Directories.parts(path)) node = node instanceof Directory ? node.entries.get(part) : undefined
    return node
  }

  /** The directory that holds the last part of the path, if it exists. */
  parent(path: string): { readonly directory: Directory; readonly name: string } | undefined {
    const parts = Directories.parts(path)
    const name = parts.pop()
    const directory = this.find(parts.join('/'))
    return name !== undefined && directory instanceof Directory ? { directory, name } : undefined
  }

  change(time: number, changes: readonly NameChange[]): void {
    for (const { directory, name, node } of changes) setEntry(directory, name, node)
    this.journal.push({ time, changes })
  }

  sync(directory: Directory): void {
    const settled = this.journal.filter((entry) => entry.changes.some((change) => change.directory === directory))
    for (const entry of settled) settle(entry)
    this.journal = this.journal.filter((entry) => !settled.includes(entry))
  }

  /** The files that have a name, each once. */
  inodes(): Set<Inode> {
    const found = new Set<Inode>()
    const visit = (directory: Directory) => {
      for (const node of directory.entries.values()) node instanceof Directory ? visit(node) : found.add(node)
    }
    visit(this.root)
    return found
  }

  /** A deep copy. */
  copy(): Directories {
    return this.copyWith((inode) => inode.copy())
  }

  /** The directories as the machine finds them after a power loss; all of it is durable. */
  afterPowerLoss(crash: PowerLoss): Directories {
    const after = this.copyWith((inode) => inode.afterPowerLoss(crash))
    for (const entry of after.journal) if (survives(crash)) settle(entry)
    after.journal = []
    keepDurable(after.root)
    return after
  }

  private copyWith(copyInode: (inode: Inode) => Inode): Directories {
    const copies = new Map<Node, Node>()
    const inodeCopy = (inode: Inode): Node => {
      const copy = copies.get(inode) ?? copyInode(inode)
      copies.set(inode, copy)
      return copy
    }
    const directoryCopy = (directory: Directory): Directory => {
      const known = copies.get(directory)
      if (known !== undefined) return known as Directory
      const copy = new Directory()
      copies.set(directory, copy)
      for (const [name, node] of directory.entries) copy.entries.set(name, nodeCopy(node))
      for (const [name, { time, node }] of directory.durable) copy.durable.set(name, { time, node: node && nodeCopy(node) })
      return copy
    }
    const nodeCopy = (node: Node) => (node instanceof Directory ? directoryCopy(node) : inodeCopy(node))
    const copy = new Directories(directoryCopy(this.root))
    copy.journal = this.journal.map(({ time, changes }) => ({
      time,
      changes: changes.map(({ directory, name, node }) => ({ directory: directoryCopy(directory), name, node: node && nodeCopy(node) })),
    }))
    return copy
  }
}

function settle({ time, changes }: JournalEntry): void {
  for (const { directory, name, node } of changes) {
    const known = directory.durable.get(name)
    if (known === undefined || known.time < time) directory.durable.set(name, { time, node })
  }
}

/** Replaces the entries by the durable ones. */
function keepDurable(directory: Directory): void {
  directory.entries.clear()
  for (const [name, { node }] of [...directory.durable]) {
    if (node === null) directory.durable.delete(name)
    else directory.entries.set(name, node)
    if (node instanceof Directory) keepDurable(node)
  }
}

function setEntry(directory: Directory, name: string, node: Node | null): void {
  if (node === null) directory.entries.delete(name)
  else directory.entries.set(name, node)
}
