/**
 * The rules of a selector:
 *
 *   rule = "allkeys" | "resetkeys" | "allchannels" | "resetchannels" | "allcommands" | "nocommands"
 *        | "~" glob | "%" { "R" | "W" } "~" glob | "&" glob
 *        | ("+" | "-") (command [ "|" subcommand ] | "@" category) | "+" command "|" first-word
 *
 * Rules ignore case, except in globs. `~*` `&*` `+@all` `-@all` mean allkeys, allchannels,
 * allcommands and nocommands.
 */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { categoriesOf, categoryOf } from '../contract/categories.ts'
import type { Command } from '../contract/command.ts'
import type { CommandTable } from '../contract/table.ts'
import { RuleError, ruleSyntaxError, unknownName } from './rule-error.ts'
import { type ChannelDefault, channelPattern, keyPattern, READ_GRANT, type Selector, WRITE_GRANT } from './selector.ts'

/** The server, as far as rules need it. */
export interface RuleContext {
  readonly table: CommandTable
  /** acl-pubsub-default. */
  readonly channelDefault: () => ChannelDefault
  /** Warns of rules that are accepted but deprecated. */
  readonly warn: (message: string) => void
}

type Change = (selector: Selector) => void

const WHOLE: ReadonlyMap<Bytes, Change> = new Map<Bytes, Change>([
  ['allkeys', (selector) => setKeys(selector, true)],
  ['~*', (selector) => setKeys(selector, true)],
  ['resetkeys', (selector) => setKeys(selector, false)],
  ['allchannels', (selector) => setChannels(selector, true)],
  ['&*', (selector) => setChannels(selector, true)],
  ['resetchannels', (selector) => setChannels(selector, false)],
  ['allcommands', allowAll],
  ['+@all', allowAll],
  ['nocommands', allowNone],
  ['-@all', allowNone],
])

/** Applies one rule. Throws RuleError and leaves the selector unchanged. */
export function applySelectorRule(selector: Selector, rule: Bytes, context: RuleContext): void {
  const whole = WHOLE.get(lowerCase(rule))
  const first = rule[0]
  if (whole !== undefined) whole(selector)
  else if (first === '~' || first === '%') addKeyPattern(selector, rule)
  else if (first === '&') addChannelPattern(selector, rule.slice(1))
  else if (first === '+' || first === '-') changeCommands(selector, rule, context)
  else throw ruleSyntaxError()
}

function changeCommands(selector: Selector, rule: Bytes, context: RuleContext): void {
  if (rule[1] === '@') changeCategory(selector, rule, context)
  else if (rule[0] === '+' && rule.includes('|')) allowPart(selector, rule.slice(1), context)
  else {
    const command = findCommand(context.table, rule.slice(1))
    changeCommand(selector, command, rule[0] === '+', context.table)
    noteRule(selector, `${rule[0]}${command.name}`)
  }
}

function setKeys(selector: Selector, all: boolean): void {
  selector.hasAllKeys = all
  selector.keys = []
}

function setChannels(selector: Selector, all: boolean): void {
  selector.hasAllChannels = all
  selector.channels = []
}

function allowAll(selector: Selector): void {
  selector.hasAllCommands = true
  selector.hasFutureCommands = true
  selector.commands.clear()
  selector.firstWords.clear()
  selector.commandRules = []
}

function allowNone(selector: Selector): void {
  selector.hasAllCommands = false
  selector.hasFutureCommands = false
  selector.commands.clear()
  selector.firstWords.clear()
  selector.commandRules = []
}

function addKeyPattern(selector: Selector, rule: Bytes): void {
  if (selector.hasAllKeys) {
    throw new RuleError(
      "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns",
    )
  }
  const [, letters, pattern] = /^(?:~|%([RWrw]+)~)(.*)$/s.exec(rule) ?? []
  const grants = grantsOf(letters)
  if (pattern === undefined || grants === 0 || hasSpaces(pattern)) throw ruleSyntaxError()
  const known = selector.keys.find((one) => one.pattern === pattern)
  if (known === undefined) selector.keys = [...selector.keys, keyPattern(pattern, grants)]
  else {
    const both = { ...known, grants: known.grants | grants }
    selector.keys = selector.keys.map((one) => (one === known ? both : one))
  }
}

/**
 * Returns the access that the letters between % and ~ grant, each at most once. No letters grant
 * everything; invalid letters give 0.
 */
function grantsOf(letters: Bytes | undefined): number {
  if (letters === undefined) return READ_GRANT | WRITE_GRANT
  const lower = lowerCase(letters)
  if (lower.length > 2 || lower[0] === lower[1]) return 0
  return (lower.includes('r') ? READ_GRANT : 0) | (lower.includes('w') ? WRITE_GRANT : 0)
}

function addChannelPattern(selector: Selector, pattern: Bytes): void {
  if (selector.hasAllChannels) {
    throw new RuleError(
      "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels",
    )
  }
  if (hasSpaces(pattern)) throw ruleSyntaxError()
  if (selector.channels.some((one) => one.pattern === pattern)) return
  selector.channels = [...selector.channels, channelPattern(pattern)]
}

/** True if the word contains white space, or the NUL that would end it in a file read by C. */
export function hasSpaces(word: Bytes): boolean {
  for (let i = 0; i < word.length; i++) {
    const code = word.charCodeAt(i)
    if (code === 0 || code === 32 || (code >= 9 && code <= 13)) return true
  }
  return false
}

function changeCategory(selector: Selector, rule: Bytes, { table }: RuleContext): void {
  const category = categoryOf(rule.slice(2))
  if (category === null) throw unknownName()
  const allowed = rule[0] === '+'
  for (const command of table.byName.values())
    if (categoriesOf(command).includes(category)) changeCommand(selector, command, allowed, table)
  noteRule(selector, lowerCase(rule))
}

/**
 * Applies `+container|subcommand`, or the old `+command|word`, which allows a command with that
 * first argument.
 */
function allowPart(selector: Selector, name: Bytes, { table, warn }: RuleContext): void {
  const bar = name.lastIndexOf('|')
  const command = findCommand(table, name.slice(0, bar))
  if (command.name.includes('|')) throw new RuleError('Allowing first-arg of a subcommand is not supported')
  const word = lowerCase(name.slice(bar + 1))
  if (word === '') throw ruleSyntaxError()
  if (command.subcommands !== undefined) changeCommand(selector, findCommand(table, name), true, table)
  else {
    warn(`deprecated ACL rule +${name}: allowing a command by its first argument may be removed in a later version`)
    const words = selector.firstWords.get(command) ?? []
    if (!words.includes(word)) selector.firstWords.set(command, [...words, word])
  }
  noteRule(selector, `+${lowerCase(name)}`)
}

function changeCommand(selector: Selector, command: Command, allowed: boolean, table: CommandTable): void {
  if (!allowed && selector.hasAllCommands) {
    selector.hasAllCommands = false
    for (const one of table.byName.values()) selector.commands.add(one)
  }
  for (const one of [command, ...(command.subcommands ?? [])]) {
    if (allowed) selector.commands.add(one)
    else selector.commands.delete(one)
  }
  selector.firstWords.delete(command)
}

/**
 * Appends a rule and removes earlier rules about the same name or a part of it, which no longer
 * matter.
 */
function noteRule(selector: Selector, rule: Bytes): void {
  const name = rule.slice(1)
  const standing = selector.commandRules.filter((other) => other.slice(1) !== name && !other.slice(1).startsWith(`${name}|`))
  selector.commandRules = [...standing, rule]
}

/** Finds `get` or `config|get` in any case. Throws RuleError. */
function findCommand(table: CommandTable, name: Bytes): Command {
  const lower = lowerCase(name)
  const found = table.byName.get(lower)
  if (found === undefined) throw unknownName()
  return found
}
