/** The changes of the group that could not be written, and the reads that would show them. */
import { at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { keysOf } from '../../commands/contract/key-finder.ts'
import { runsScript } from '../../commands/contract/runtimes.ts'
import type { CommandTable } from '../../commands/contract/table.ts'
import { readCommand } from '../../storage/binlog/command-codec.ts'
import type { Storage } from '../../storage/storage.ts'
import { type GatedRequest, namesItsKeys } from './gated-request.ts'

/** Logged commands that change no key. */
const CHANGES_NOTHING = new Set<Bytes>(['MULTI', 'EXEC', 'PUBLISH', 'SPUBLISH'])

/** Commands that show what commands without keys have changed. */
const SHOWS_LIBRARIES = new Set<Bytes>(['function|list', 'function|dump'])

interface Changes {
  /** `<database>:<key>` of each changed key. */
  readonly keys: ReadonlySet<Bytes>
  /** True if it changed whole databases, or holds commands whose keys are not known. */
  readonly isUnbounded: boolean
}

/** Knows what the stalled group has changed; it reads the group at the first question. */
export class UnwrittenChanges {
  private readonly storage: Storage
  private readonly table: CommandTable
  private changes: Changes | null = null

  constructor(storage: Storage, table: CommandTable) {
    this.storage = storage
    this.table = table
  }

  /** To be called when the group has been written, or has grown. */
  clear(): void {
    this.changes = null
  }

  /** True if a read would show changes of the unwritten group. */
  isShownBy({ command, args, client }: GatedRequest): boolean {
    const showsLibraries = SHOWS_LIBRARIES.has(command.name)
    if (!command.flags.includes('readonly') && !showsLibraries && !runsScript(command)) return false
    this.changes ??= this.collect()
    const { keys, isUnbounded } = this.changes
    if (showsLibraries) return isUnbounded
    if (isUnbounded || !namesItsKeys(command)) return true
    // A transaction may select another database before the read.
    const indexes = client.transaction === null ? [client.database] : this.storage.keyspace.databases.keys()
    return [...indexes].some((index) => keysOf(command, args).some((position) => keys.has(`${index}:${args[position]}`)))
  }

  private collect(): Changes {
    const body = Buffer.concat(this.storage.group.close())
    const keys = new Set<Bytes>()
    let database = '0'
    let start = 0
    while (start < body.length) {
      const read = readCommand(body, start, body.length)
      if (read === null) return { keys, isUnbounded: true }
      start = read.end
      const { args } = read
      if (args[0] === 'SELECT') {
        database = at(args, 1)
        continue
      }
      if (CHANGES_NOTHING.has(at(args, 0))) continue
      const command = this.table.find(at(args, 0))
      const positions = command === undefined ? [] : keysOf(command, args)
      if (positions.length === 0) return { keys, isUnbounded: true }
      for (const position of positions) keys.add(`${database}:${args[position]}`)
    }
    return { keys, isUnbounded: false }
  }
}
