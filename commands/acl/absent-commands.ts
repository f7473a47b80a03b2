/**
 * Commands of Redis that this server has not got. Rules that name them are taken and shown again, so that the ACL files of Redis can be used;
 * they allow and forbid nothing.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, command } from '../core/command.ts'

const COMMANDS = ['dump', 'migrate', 'psync', 'restore', 'restore-asking', 'sync']

const absent = (name: Bytes) =>
  command({
    name,
    group: 'server',
    since: '',
    summary: '',
    syntax: '',
    arity: -1,
    flags: [],
  })

const byName: ReadonlyMap<Bytes, Command> = new Map(COMMANDS.map((name) => [name, absent(name)]))

/** By a name in lower case; undefined for what Redis has not got either. */
export function absentCommand(name: Bytes): Command | undefined {
  return byName.get(name)
}
