/** The table of all commands, which refuses a bad declaration at the start. */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import type { Command } from './command.ts'

/** All commands by name; throws for a bad declaration. */
export class CommandTable {
  /** Lower-case name to command, including containers and their subcommands (`config|get`). */
  readonly byName = new Map<Bytes, Command>()

  constructor(families: readonly (readonly Command[])[]) {
    for (const family of families) for (const command of family) this.add(command)
  }

  /** Returns the command of a request's first word in any case, ignoring subcommands. */
  find(name: Bytes): Command | undefined {
    return name.length > 64 || name.includes('|') ? undefined : this.byName.get(lowerCase(name))
  }

  /** Returns the subcommand that a container's second word names. */
  findSubcommand(container: Command, word: Bytes): Command | undefined {
    return this.byName.get(`${container.name}|${lowerCase(word)}`)
  }

  /** Top-level commands, in the order of declaration. */
  *all(): Iterable<Command> {
    for (const command of this.byName.values()) if (!command.name.includes('|')) yield command
  }

  private add(command: Command): void {
    if (this.byName.has(command.name)) throw new Error(`two definitions of command ${command.name}`)
    if (command.name !== lowerCase(command.name)) throw new Error(`command name not in lower case: ${command.name}`)
    if (command.arity === 0) throw new Error(`command ${command.name}: arity 0`)
    const runs = (command.run ? 1 : 0) + (command.steps ? 1 : 0)
    if (runs > 1 || (runs === 0 && command.subcommands === undefined))
      throw new Error(`command ${command.name}: declare exactly one of run and steps`)
    if (command.flags.includes('write') && command.flags.includes('readonly'))
      throw new Error(`command ${command.name}: flags write and readonly exclude each other`)
    if (command.isVerbatim && !command.flags.includes('write')) throw new Error(`command ${command.name}: verbatim requires the write flag`)
    this.byName.set(command.name, command)
    for (const subcommand of command.subcommands ?? []) {
      if (!subcommand.name.startsWith(`${command.name}|`)) throw new Error(`subcommand ${subcommand.name} must begin with ${command.name}|`)
      this.add(subcommand)
    }
  }
}
