/**
 * A unit of several commands: an EXEC or a script. Its effects are collected apart from the turn's
 * group and written to it when the unit ends. Several effects are wrapped in MULTI and EXEC. A turn
 * may therefore end in the middle of a script, and its group holds no part of it.
 */
import { assert, at } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { ExpiryLog } from '../../storage/keyspace/keyspace.ts'

const BEGIN: Bytes[] = ['MULTI']
const END: Bytes[] = ['EXEC']

/** True if a logged command only marks where a unit begins or ends. */
export function isUnitMark(args: readonly Bytes[]): boolean {
  return args[0] === 'MULTI' || args[0] === 'EXEC'
}

/** Collects the effects of an EXEC or a script until the unit ends. */
export class Unit implements ExpiryLog {
  /** Commands and, at the same indices, their databases. */
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
    this.command(database, ['DEL', key])
  }

  fieldsDeleted(database: number, key: Bytes, fields: readonly Bytes[]): void {
    this.command(database, ['HDEL', key, ...fields])
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
