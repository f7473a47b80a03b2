/**
 * Redis commands that haypile lacks. Rules that name them are accepted and listed, so that Redis's
 * ACL files load. They allow and forbid nothing.
 */
import type { Bytes } from '../../base/bytes.ts'
import { type Command, command } from '../contract/command.ts'

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

/** Finds such a command by its lower-case name; undefined if Redis lacks it too. */
export function absentCommand(name: Bytes): Command | undefined {
  return byName.get(name)
}
