/**
 * The configuration in force. Values are kept parsed. A part of the server that must react to a
 * change registers a listener. A listener may refuse the value, which undoes the whole CONFIG SET.
 */

import { at, must, rethrowAssertion } from '../../base/assert.ts'
import { type Bytes, bytesOfText, textOf } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import { type Files, realFiles, replaceFileSync } from '../../base/files.ts'
import { clientError } from '../../commands/contract/errors.ts'
import type { ConfigPort } from '../../commands/contract/ports.ts'
import { type Glob, globOf, isLiteral } from '../../commands/parsing/glob.ts'
import { thisMachine } from '../process/machine.ts'
import { ConfigError, type Item, readConfigFile, readText, type Setting } from './file.ts'
import { type ConfigKey, defaultOf, type KeyName, type Machine } from './key.ts'
import { ConfigRefused, type ConfigValue } from './kinds.ts'
import { rewriteConfigText } from './rewrite.ts'
import {
  type ConfigName,
  type ConfigNameOf,
  type ConfigValues,
  configKeys,
  configNames,
  findConfigName,
  nearestConfigName,
  requireConfigKey,
} from './table.ts'

/**
 * Notified of a new value. Throws ConfigRefused to undo the whole change; the client sees its
 * message.
 */
type ChangeListener = (value: ConfigValue) => void

type CurrentValues = Map<ConfigKey, ConfigValue>

const IMMUTABLE = "can't set immutable config"

/** The configuration in force, with parsed values and listeners for changes. */
export class Config implements ConfigPort {
  private readonly files: Files
  private readonly machine: Machine
  private values: CurrentValues
  private readonly listeners = new Map<ConfigKey, ChangeListener[]>()
  /** Notes each key that is read while `apply` of followReads runs; null at other times. */
  private noteRead: ((key: ConfigKey) => void) | null = null
  /** The file that CONFIG REWRITE writes; null if the server was started without one. */
  private file: string | null = null
  private readonly rewriteListeners: (() => void)[] = []

  get filePath(): string | null {
    return this.file
  }

  constructor(options: { readonly files?: Files; readonly machine?: Machine } = {}) {
    this.files = options.files ?? realFiles
    this.machine = options.machine ?? thisMachine()
    this.values = defaultValues(this.machine)
  }

  /**
   * Reads a configuration file (`-` for standard input), which becomes the file of CONFIG REWRITE.
   * Throws ConfigError.
   */
  loadFile(path: string): void {
    this.loadAll(path, [])
  }

  /**
   * Sets values by name, as a program gives them. Throws ConfigError for unknown names and wrong
   * values.
   */
  load(pairs: readonly (readonly [name: string, value: string | readonly string[]])[]): void {
    const settings = pairs.map(([name, value]) => ({
      name: bytesOfText(name),
      words: (typeof value === 'string' ? [value] : value).map(bytesOfText),
      where: '',
      given: name,
    }))
    this.loadAll(undefined, settings)
  }

  /**
   * Reads a configuration file, if there is one, then applies the flags, which win. Throws
   * ConfigError with every problem of both.
   */
  loadAll(path: string | undefined, flags: readonly Item[]): void {
    const settings = path === undefined ? [] : readConfigFile(this.files, path)
    this.values = this.valuesOf([...settings, ...flags], this.values)
    if (path !== undefined) this.file = path === '-' ? null : path
  }

  number(name: ConfigNameOf<number>): number {
    const value = this.value(name)
    if (typeof value !== 'number') throw new Error(`configuration key ${name} is not a number`)
    return value
  }

  /** Returns bytes; use `path` for file names. */
  text<N extends ConfigNameOf<Bytes>>(name: N): ConfigValues[N] {
    const value = this.value(name)
    if (typeof value !== 'string') throw new Error(`configuration key ${name} is not text`)
    return value
  }

  /** The decoded text of a key that a person wrote, such as a path. */
  path(name: ConfigNameOf<Bytes>): string {
    return textOf(this.text(name))
  }

  flag(name: ConfigNameOf<boolean>): boolean {
    const value = this.value(name)
    if (typeof value !== 'boolean') throw new Error(`configuration key ${name} is not a flag`)
    return value
  }

  /** Returns a list: addresses, shutdown options or percentiles. */
  list<N extends ConfigNameOf<readonly (Bytes | number)[]>>(name: N): ConfigValues[N] {
    const value = this.value(name)
    if (!Array.isArray(value)) throw new Error(`configuration key ${name} is not a list`)
    return value
  }

  bufferLimits(): ConfigValues['client-output-buffer-limit'] {
    return this.value('client-output-buffer-limit')
  }

  /**
   * Calls `listener` after each change, inside CONFIG SET. If a later listener refuses the value,
   * the earlier ones are called again with the old value.
   */
  onChange<N extends ConfigName>(name: N, listener: (value: ConfigValues[N]) => void): void {
    this.listen(requireConfigKey(name), listener as ChangeListener)
  }

  /** Calls `listener` now with the current value, and after each change. */
  observe<N extends ConfigName>(name: N, listener: (value: ConfigValues[N]) => void): void {
    listener(this.value(name))
    this.onChange(name, listener)
  }

  /** Calls `listener` before each CONFIG REWRITE: it brings settings kept elsewhere up to date. */
  beforeRewrite(listener: () => void): void {
    this.rewriteListeners.push(listener)
  }

  /**
   * Calls `apply` now, and after each change of a key that it has read in any call. For settings
   * that several keys decide.
   */
  followReads(apply: () => void): void {
    const followed = new Set<ConfigKey>()
    const run = () => {
      this.noteRead = (key) => {
        if (!followed.has(key)) this.listen(key, run)
        followed.add(key)
      }
      try {
        apply()
      } finally {
        this.noteRead = null
      }
    }
    run()
  }

  match(patterns: readonly Bytes[]): (readonly [name: Bytes, value: Bytes])[] {
    const matched = new Set<KeyName>()
    for (const pattern of patterns) {
      if (!isLiteral(pattern)) this.matchPattern(globOf(pattern, 'ignore-case'), matched)
      else {
        const name = findConfigName(pattern)
        if (name !== undefined && !name.key.withheld) matched.add(name)
      }
    }
    return [...matched].map((name) => [name.name, this.print(name)])
  }

  set(pairs: readonly (readonly [name: Bytes, value: Bytes])[]): void {
    const changes = checkNames(pairs)
    const before = this.values
    const after: CurrentValues = new Map(before)
    for (const [i, name] of changes.entries()) {
      const value = at(at(pairs, i), 1)
      refusing(name, () =>
        after.set(name.key, parseAs(name, [value], name.key.kind.takes === 'many' ? inheritedValue(name, before) : undefined)),
      )
      if (name.key.changes === 'kept' && !isSame(name.key, before, after)) throw setFailed(name, IMMUTABLE)
    }
    this.values = after
    const undos: (() => void)[] = []
    try {
      for (const name of changes) refusing(name, () => this.notify(name, before, undos))
    } catch (error) {
      this.values = before
      for (const undo of undos.reverse()) undo()
      throw error
    }
  }

  /**
   * Stores what the server itself has changed: the master (SLAVEOF) and the users. Each argument
   * holds the words of one line of the file. CONFIG REWRITE writes them.
   */
  setByServer(name: ConfigName, ...lines: readonly (readonly Bytes[])[]): void {
    const key = requireConfigKey(name)
    const before = this.values
    const initial = key.kind.parse([defaultOf(key, this.machine)], undefined)
    const value =
      lines.length === 0 ? initial : lines.reduce<ConfigValue | undefined>((done, words) => key.kind.parse(words, done), undefined)
    this.values = new Map(before).set(key, must(value))
    this.notify({ name: key.name, key, times: 1, isHidden: false }, before, [])
  }

  rewrite(): void {
    if (this.file === null) throw clientError('ERR The server is running without a config file')
    for (const listener of this.rewriteListeners) listener()
    try {
      const text = rewriteConfigText(readText(this.files, this.file), this.file, this.values, (items) => this.valuesOf(items), this.files)
      replaceFileSync(this.files, this.file, Buffer.from(text, 'latin1'))
    } catch (error) {
      rethrowAssertion(error)
      throw clientError(`ERR Rewriting config file: ${bytesOfText(errorText(error).replace(/[\r\n]+/g, ' '))}`)
    }
  }

  private value<N extends ConfigName>(name: N): ConfigValues[N] {
    const key = requireConfigKey(name)
    if (this.noteRead !== null) this.noteRead(key)
    return this.values.get(key) as ConfigValues[N]
  }

  private listen(key: ConfigKey, listener: ChangeListener): void {
    this.listeners.set(key, [...(this.listeners.get(key) ?? []), listener])
  }

  private print({ key, times }: KeyName): Bytes {
    const value = must(this.values.get(key))
    return times === 1 ? key.kind.print(value) : String(Math.floor((value as number) / times))
  }

  private matchPattern(matches: Glob, into: Set<KeyName>): void {
    for (const name of configNames.values()) if (!name.isHidden && !name.key.withheld && matches(name.name)) into.add(name)
  }

  /**
   * Applies settings to `from`, by default the default values. Throws ConfigError with every
   * problem.
   */
  private valuesOf(items: readonly Item[], from: CurrentValues = defaultValues(this.machine)): CurrentValues {
    const problems: string[] = []
    const values: CurrentValues = new Map(from)
    const seen = new Set<ConfigKey>()
    for (const item of items) {
      const name = 'problem' in item ? undefined : findConfigName(item.name)
      if ('problem' in item) problems.push(item.problem)
      else if (name === undefined) problems.push(unknownKey(item))
      else {
        const { key } = name
        try {
          values.set(key, parseAs(name, item.words, seen.has(key) ? values.get(key) : inheritedValue(name, values)))
        } catch (error) {
          if (!(error instanceof ConfigRefused)) throw error
          problems.push(wrongValue(item, name, error.message))
        }
        seen.add(key)
      }
    }
    if (problems.length > 0) throw new ConfigError(problems)
    return values
  }

  /** Calls the listeners of a key that has changed, and adds to `undos` what reverts each call. */
  private notify(name: KeyName, before: CurrentValues, undos: (() => void)[]): void {
    const { key } = name
    const oldValue = must(before.get(key))
    const newValue = must(this.values.get(key))
    if (isSame(key, before, this.values)) return
    for (const listener of this.listeners.get(key) ?? []) {
      listener(newValue)
      undos.push(() => listener(oldValue))
    }
  }
}

/** True if a key has the same value in both, whatever its objects. */
function isSame(key: ConfigKey, some: CurrentValues, others: CurrentValues): boolean {
  return key.kind.print(must(some.get(key))) === key.kind.print(must(others.get(key)))
}

function defaultValues(machine: Machine): CurrentValues {
  return new Map(configKeys.map((key) => [key, key.kind.parse([defaultOf(key, machine)], undefined)]))
}

/**
 * Returns the value that a new one builds on, if any. Client classes that a new value of
 * client-output-buffer-limit does not name keep their limits.
 */
function inheritedValue(name: KeyName, values: CurrentValues): ConfigValue | undefined {
  return name.key.name === 'client-output-buffer-limit' ? values.get(name.key) : undefined
}

/** Throws ConfigRefused. */
function parseAs({ key, times }: KeyName, words: readonly Bytes[], previous: ConfigValue | undefined): ConfigValue {
  if (times === 1) return key.kind.parse(words, previous)
  const [word] = words
  if (words.length !== 1 || word === undefined || !/^\d{1,9}$/.test(word))
    throw new ConfigRefused("argument couldn't be parsed into an integer")
  return key.kind.parse([String(Number(word) * times)], previous)
}

function wrongValue({ where, given, words }: Setting, { key }: KeyName, why: string): string {
  const shown = key.secret ? ['"(redacted)"'] : words.map((word) => `"${textOf(word)}"`)
  return `${where}${[given, ...shown].join(' ')}: ${why}`
}

function unknownKey({ where, given, name }: Setting): string {
  const nearest = nearestConfigName(name)
  return `${where}unknown configuration key '${given}'${nearest === undefined ? '' : `, did you mean '${nearest}'?`}`
}

/**
 * Returns the names of a CONFIG SET. Throws a ClientError for the first that is unknown, immutable
 * or given twice.
 */
function checkNames(pairs: readonly (readonly [name: Bytes, value: Bytes])[]): KeyName[] {
  const names: KeyName[] = []
  for (const [given] of pairs) {
    const name = findConfigName(given)
    if (name === undefined || name.key.withheld)
      throw clientError(`ERR Unknown option or number of arguments for CONFIG SET - '${given.slice(0, 128)}'`)
    if (name.key.changes === 'at-start') throw setFailed(name, IMMUTABLE)
    if (names.includes(name)) throw setFailed(name, 'duplicate parameter')
    names.push(name)
  }
  return names
}

function setFailed(name: KeyName, why: string) {
  return clientError(`ERR CONFIG SET failed (possibly related to argument '${name.name}') - ${bytesOfText(why)}`)
}

/** Runs `change` and turns a ConfigRefused into the client's error. */
function refusing(name: KeyName, change: () => void): void {
  try {
    change()
  } catch (error) {
    if (error instanceof ConfigRefused) throw setFailed(name, error.message)
    throw error
  }
}
