/**
 * The names on the simulated disk. A change of a directory (a file created, renamed, removed) is one entry of a journal until its
 * directory is synced; each unsynced one survives a power loss whole or not at all, whichever others do. A rename between two directories
 * is made durable by a sync of either.
 */
import type { Inode } from './memory-inode.ts'
import { type PowerLoss, survives } from './power-loss.ts'

export type Node = Inode | Directory

export class Directory {
  readonly entries = new Map<string, Node>()
  /** What is on the medium, and since when: an older change that survives does not undo it. Null where a removal is. */
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

export class Directories {
  readonly root: Directory
  private journal: JournalEntry[] = []

  constructor(root = new Directory()) {
    this.root = root
  }

  /** Path without empty and `.` parts; both kinds of slash separate, and `..` is not supported. */
  static parts(path: string): string[] {
    return path.split(/[\\/]+/).filter((part) => part !== '' && part !== '.')
  }

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const part of Directories.parts(path)) node = node instanceof Directory ? node.entries.get(part) : undefined
    return node
  }

  /** The directory that holds the last part of the path, where there is one. */
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

  /** Files that have a name, each once. */
  inodes(): Set<Inode> {
    const found = new Set<Inode>()
    const visit = (directory: Directory) => {
      for (const node of directory.entries.values()) node instanceof Directory ? visit(node) : found.add(node)
    }
    visit(this.root)
    return found
  }

  /** The same, with nothing shared. */
  copy(): Directories {
    return this.copyWith((inode) => inode.copy())
  }

  /** What the machine finds when it starts again, all of it on the medium. */
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

/** Makes what is on the medium all there is. */
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
