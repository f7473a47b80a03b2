/**
 * The number of connections that the limit on open files (`ulimit -n`) allows. Node raises the soft
 * limit to the hard one when it starts, so it cannot grow further.
 *
 *   limit = connections + RESERVED_FILES (or more, if a host program has many files open)
 *
 * LevelDB maps its first 1000 tables into memory, which takes no descriptor. It opens later ones,
 * up to a fifth of the limit. If descriptors are scarce, its table caches are so small that two
 * data sets (a full sync fills the second) stay mapped.
 */
import { readdirSync, readFileSync } from 'node:fs'

/**
 * 32 as in Redis for short-lived files, and 64 for the event loop, listening sockets, LevelDB,
 * binlog, links and replicas' readers.
 */
export const RESERVED_FILES = 96
/** Descriptors of a thread's event loop and of its listening sockets. */
const SOCKET_THREAD_FILES = 16
/** A node opens at most this many files of its own after its start. */
const MAX_GROWTH_FILES = 72
/** The default of LevelDB's max_open_files, ten of which are not tables. */
const LEVEL_FILES = 1000
/** The max_open_files with which the tables of two data sets stay mapped. */
const LEVEL_FILES_MAPPED = 510

/** The facts that the operating system reports. */
export interface SystemFiles {
  /** The soft limit on open files; Infinity if there is none or it is unknown. */
  limit(): number
  /** The number of open files; 0 if unknown. */
  openCount(): number
}

/** Divides the limit on open files between connections and LevelDB. */
export class FileBudget {
  private readonly system: SystemFiles
  private readonly reserved: number

  /** REQUIRES: no client is connected yet. */
  constructor(system: SystemFiles, socketThreads = 0) {
    this.system = system
    this.reserved = Math.max(RESERVED_FILES, system.openCount() + MAX_GROWTH_FILES) + socketThreads * SOCKET_THREAD_FILES
  }

  /** The current limit on open files. */
  get limit(): number {
    return this.system.limit()
  }

  /**
   * Returns the connections that fit, at most `wanted`; less than one if the limit is too low for
   * any.
   */
  clientsFor(wanted: number): number {
    return Math.min(wanted, this.limit - this.reserved)
  }

  /** Returns the files that connections and the server itself may need. */
  filesFor(clients: number): number {
    return clients + this.reserved
  }

  /** Returns the files that one LevelDB may hold open beside this many clients. */
  levelFilesBeside(clients: number): number {
    return this.filesFor(clients) + LEVEL_FILES <= this.limit ? LEVEL_FILES : LEVEL_FILES_MAPPED
  }
}

/** The limit read last: once every descriptor is in use it cannot be read again. */
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

/** Returns an empty text if there is no such file, or no descriptor to read it with. */
function contentOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
