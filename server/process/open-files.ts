/**
 * How many connections the limit on open files (`ulimit -n`) leaves room for. Node raises the soft limit to the hard one at its
 * start, so there is no more to be had.
 *
 *   limit = connections + RESERVED_FILES (or more, where a host program has many files open)
 *
 * LevelDB maps its first 1000 tables into memory, which takes no descriptor, and opens later ones, up to a fifth of the limit.
 * Where descriptors are scarce its table caches are made so small that two generations (a full sync fills the second) stay mapped.
 */
import { readdirSync, readFileSync } from 'node:fs'

/** Redis's 32 for what comes and goes, and 64 for the event loop, sockets that listen, LevelDB, binlog, links, replicas' readers. */
export const RESERVED_FILES = 96
/** A node opens at most this many files of its own after its start. */
const GROWTH_FILES = 72
/** LevelDB's max_open_files, ten of which are not tables: its default, and what keeps two generations mapped. */
const LEVEL_FILES = 1000
const LEVEL_FILES_MAPPED = 510

/** What is asked of the system. */
export interface SystemFiles {
  /** The soft limit on open files; Infinity where there is none or it cannot be told. */
  limit(): number
  /** Files that are open now; 0 where that cannot be told. */
  openCount(): number
}

export class FileBudget {
  private readonly system: SystemFiles
  private readonly reserved: number

  /** REQUIRES: no client is connected yet. */
  constructor(system: SystemFiles) {
    this.system = system
    this.reserved = Math.max(RESERVED_FILES, system.openCount() + GROWTH_FILES)
  }

  /** The limit on open files as of now. */
  get limit(): number {
    return this.system.limit()
  }

  /** Connections that there is room for, at most as many as wanted; less than one where the limit is too low for any. */
  clientsFor(wanted: number): number {
    return Math.min(wanted, this.limit - this.reserved)
  }

  /** Files that connections and the server itself may need. */
  filesFor(clients: number): number {
    return clients + this.reserved
  }

  /** Files that one LevelDB may hold open beside this many clients. */
  levelFilesBeside(clients: number): number {
    return this.filesFor(clients) + LEVEL_FILES <= this.limit ? LEVEL_FILES : LEVEL_FILES_MAPPED
  }
}

/** The limit read last: at the limit itself it cannot be read again. */
let knownLimit = Number.POSITIVE_INFINITY

export const systemFiles: SystemFiles = {
  limit() {
    const soft = /^Max open files\s+(\S+)/m.exec(contentOf('/proc/self/limits'))?.[1]
    if (soft !== undefined) knownLimit = soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
    return knownLimit
  },
  openCount() {
    try {
      return readdirSync('/proc/self/fd').length
    } catch {
      return 0
    }
  },
}

/** Empty where there is no such file, or no descriptor left to read it with. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
