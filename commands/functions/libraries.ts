/**
 * The libraries of functions on this node: which there are, what they register, and how they come and go.
 *
 *   keyspace.libraries   name -> code, what is stored, logged and replicated
 *   here                 the same as compiled by the engine, by name of library and of function
 *
 * Who runs a command of a client compiles first and stores what has compiled. Replay stores only: the code has run where it was first loaded.
 * So has a full sync, and a restart. What is here is compared with what is stored before it is used, and follows it then.
 */
import type { Bytes } from '../../base/bytes.ts'
import { lowerCase } from '../../base/bytes.ts'
import type { LuaMachine } from '../../lua/machine.ts'
import type { Libraries } from '../../storage/keyspace/libraries.ts'
import { clientError } from '../core/errors.ts'
import { readLibraryHeader } from './header.ts'

/** A function as its library has registered it. */
export interface RegisteredFunction {
  readonly name: Bytes
  readonly description: Bytes | null
  readonly flags: readonly Bytes[]
  /** The engine's. */
  readonly reference: number
}

/** What compiles libraries. */
export interface FunctionEngine {
  /** Runs the code of a library and returns what it has registered. Throws a client error. */
  compile(body: Bytes, limitMs: number): readonly RegisteredFunction[]
  /** These will not be called again. */
  release(functions: readonly RegisteredFunction[]): void
  /** All that it has compiled is forgotten. */
  reset(): void
  /** That in which the functions are to be called. */
  readonly machine: LuaMachine
  /** Of its memory. */
  readonly usedBytes: number
  /** Goes up when it has lost what it had compiled. */
  readonly losses: number
}

export interface Library {
  readonly name: Bytes
  readonly code: Bytes
  readonly functions: readonly RegisteredFunction[]
}

export interface FoundFunction {
  readonly library: Library
  readonly function: RegisteredFunction
}

/** What FUNCTION RESTORE does with libraries that are there. */
export type RestorePolicy = 'append' | 'replace' | 'flush'

/** How long the code of a library may run when it is loaded. */
const LOAD_LIMIT_MS = 500
/** ... and when it has been loaded once. */
const RELOAD_LIMIT_MS = 10_000

export class FunctionLibraries {
  private readonly stored: Libraries
  readonly engine: FunctionEngine
  private readonly warn: (message: string) => void
  private readonly byName = new Map<Bytes, Library>()
  /** By name in lower case. */
  private readonly functions = new Map<Bytes, FoundFunction>()
  /** Code that does not compile here, by its library's name. */
  private readonly unusable = new Map<Bytes, Bytes>()
  private revision = -1
  private losses = 0

  constructor(stored: Libraries, engine: FunctionEngine, warn: (message: string) => void) {
    this.stored = stored
    this.engine = engine
    this.warn = warn
  }

  get libraryCount(): number {
    return this.stored.size
  }

  get functionCount(): number {
    this.refresh()
    return this.functions.size
  }

  /** Bytes of code. */
  get codeBytes(): number {
    let sum = 0
    for (const [name, code] of this.stored.entries()) sum += name.length + code.length
    return sum
  }

  all(): Iterable<Library> {
    this.refresh()
    return this.byName.values()
  }

  find(name: Bytes): FoundFunction | undefined {
    if (this.revision !== this.stored.revision || this.losses !== this.engine.losses) this.refresh()
    return this.functions.get(name) ?? this.functions.get(lowerCase(name))
  }

  /** Returns the library's name. */
  load(code: Bytes, replaces: boolean): Bytes {
    const { name, body } = readLibraryHeader(code)
    this.refresh()
    if (this.stored.get(name) !== undefined && !replaces) throw clientError(`ERR Library '${name}' already exists`)
    const library = this.compile(name, code, body, LOAD_LIMIT_MS)
    try {
      this.mustNotCollide([library])
    } catch (error) {
      this.engine.release(library.functions)
      throw error
    }
    this.store([library])
    return name
  }

  delete(name: Bytes): void {
    this.refresh()
    if (!this.stored.delete(name)) throw clientError('ERR Library not found')
    this.forget(name)
    this.revision = this.stored.revision
  }

  flush(): void {
    this.stored.clear()
    this.forgetAll()
    this.revision = this.stored.revision
  }

  /** Takes all of them, or throws and takes none. */
  restore(codes: readonly Bytes[], policy: RestorePolicy): void {
    this.refresh()
    const libraries = new Map<Bytes, Library>()
    try {
      const functions = new Set<Bytes>()
      for (const code of codes) {
        const { name, body } = readLibraryHeader(code)
        if (libraries.has(name)) throw clientError(`ERR Library '${name}' already exists`)
        const library = this.compile(name, code, body, LOAD_LIMIT_MS)
        libraries.set(name, library)
        for (const { name: functionName } of library.functions) {
          if (functions.has(lowerCase(functionName))) throw functionExists(functionName)
          functions.add(lowerCase(functionName))
        }
      }
      if (policy === 'append') {
        for (const name of libraries.keys())
          if (this.stored.get(name) !== undefined) throw clientError(`ERR Library ${name} already exists`)
      }
      if (policy !== 'flush') this.mustNotCollide([...libraries.values()])
    } catch (error) {
      for (const { functions } of libraries.values()) this.engine.release(functions)
      throw error
    }
    if (policy === 'flush') {
      this.stored.clear()
      for (const name of [...this.byName.keys()]) this.forget(name)
    }
    this.store([...libraries.values()])
  }

  private compile(name: Bytes, code: Bytes, body: Bytes, limitMs: number): Library {
    const functions = this.engine.compile(body, limitMs)
    if (functions.length === 0) throw clientError('ERR No functions registered')
    return { name, code, functions }
  }

  /** Functions of other libraries than those that are replaced have other names. */
  private mustNotCollide(libraries: readonly Library[]): void {
    const names = new Set(libraries.map(({ name }) => name))
    for (const { functions } of libraries) {
      for (const { name } of functions) {
        const found = this.functions.get(lowerCase(name))
        if (found !== undefined && !names.has(found.library.name)) throw functionExists(name)
      }
    }
  }

  private store(libraries: readonly Library[]): void {
    // All that are replaced go first: a function may move from one of them to another.
    for (const { name } of libraries) this.forget(name)
    for (const library of libraries) {
      this.stored.set(library.name, library.code)
      this.unusable.delete(library.name)
      this.remember(library)
    }
    this.revision = this.stored.revision
  }

  private remember(library: Library): void {
    this.byName.set(library.name, library)
    for (const registered of library.functions) this.functions.set(lowerCase(registered.name), { library, function: registered })
  }

  private forget(name: Bytes): void {
    const library = this.byName.get(name)
    if (library === undefined) return
    this.byName.delete(name)
    for (const { name: functionName } of library.functions) this.functions.delete(lowerCase(functionName))
    this.engine.release(library.functions)
  }

  private forgetAll(): void {
    this.byName.clear()
    this.functions.clear()
    this.engine.reset()
    this.losses = this.engine.losses
  }

  /** Makes what is here what is stored. */
  private refresh(): void {
    if (this.losses !== this.engine.losses) {
      this.byName.clear()
      this.functions.clear()
      this.losses = this.engine.losses
    } else if (this.revision === this.stored.revision) return
    for (const { name, code } of [...this.byName.values()]) if (this.stored.get(name) !== code) this.forget(name)
    for (const [name, code] of this.stored.entries()) {
      if (this.byName.has(name) || this.unusable.get(name) === code) continue
      try {
        this.remember(this.compile(name, code, readLibraryHeader(code).body, RELOAD_LIMIT_MS))
      } catch (error) {
        // It has compiled where it was loaded; it stays stored, and cannot be called here.
        this.unusable.set(name, code)
        this.warn(`the library '${name}' cannot be loaded: ${error instanceof Error ? error.message : String(error)}`)
        if (this.losses !== this.engine.losses) {
          this.refresh() // it has broken the machine: what was compiled before it is lost
          return
        }
      }
    }
    this.revision = this.stored.revision
  }
}

const functionExists = (name: Bytes) => clientError(`ERR Function ${name} already exists`)

/** What a restart, a full sync or the log brings: it is stored, and compiled when it is first needed. */
export function storeLibraries(stored: Libraries, codes: readonly Bytes[], policy: RestorePolicy): void {
  if (policy === 'flush') stored.clear()
  for (const code of codes) stored.set(readLibraryHeader(code).name, code)
}
