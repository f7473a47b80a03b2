/**
 * A unit of several commands: an EXEC, a script or a function. A Unit collects their effects and
 * writes them to the open group when the unit ends; several effects are wrapped in MULTI and EXEC.
 * A turn can therefore end while a script is suspended: its group holds none of the script's
 * effects.
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { fieldDeletion, keyDeletion } from '../../storage/binlog/deletions.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { ExpiryLog } from '../../storage/keyspace/keyspace.ts'

const BEGIN: Bytes[] = ['MULTI']
const END: Bytes[] = ['EXEC']

/** True if a logged command only marks where a unit begins or ends. */
export function isUnitMark(args: readonly Bytes[]): boolean {
  return args[0] === 'MULTI' || args[0] === 'EXEC'
}

/** Collects the effects of a unit of several commands until it ends. */
export class Unit implements ExpiryLog {
  /** Logged commands, with their databases at the same indices. */
  private effects: (readonly Bytes[])[] = []
  private databases: number[] = []
  /** Total size of the commands' words. */
  bytes = 0

  get isEmpty(): boolean {
    return this.effects.length === 0
  }

  command(database: number, args: readonly Bytes[]): void {
    assert(args.length > 0 && database >= 0, 'an effect is a command of a database')
    this.effects.push(args)
    this.databases.push(database)
    for (const word of args) this.bytes += word.length
  }

  deleted(database: number, key: Bytes): void {
    this.command(database, keyDeletion(key))
  }

  fieldsDeleted(database: number, key: Bytes, fields: readonly Bytes[]): void {
    this.command(database, fieldDeletion(key, fields))
  }

  /** Moves the collected commands into the group. */
  writeTo(group: OpenGroup): void {
    const { effects, databases } = this
    const count = effects.length
    assert(databases.length === count, 'each effect has a database')
    if (count === 0) return
    if (count > 1) group.command(at(databases, 0), BEGIN)
    for (let i = 0; i < count; i++) group.command(at(databases, i), at(effects, i))
    if (count > 1) group.command(at(databases, count - 1), END)
    this.effects = []
    this.databases = []
    this.bytes = 0
  }
}
