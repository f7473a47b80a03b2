/**
 * The function libraries of this node: the functions they register, and how libraries are loaded,
 * deleted and restored.
 *
 *   keyspace.libraries   name -> code: stored, logged and replicated
 *   FunctionLibraries    the libraries as compiled by the engine, by library name and function name
 *
 * A client's command compiles first and stores the code that compiles. Replay, a full sync and a
 * restart only store, because the code ran when it was first loaded. Each use first compares the
 * compiled libraries with the stored ones and updates them.
 */
import { assert, rethrowAssertion } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { lowerCase } from '../../base/bytes.ts'
import { errorText } from '../../base/error-text.ts'
import type { LuaMachine } from '../../lua/machine.ts'
import type { Libraries } from '../../storage/keyspace/libraries.ts'
import { clientError } from '../contract/errors.ts'
import type { FunctionsPort, ServerPort } from '../contract/ports.ts'
import { readLibraryHeader } from './header.ts'

/** A function as its library has registered it. */
export interface RegisteredFunction {
  readonly name: Bytes
  readonly description: Bytes | null
  readonly flags: readonly Bytes[]
  /** The engine's reference to the function. */
  readonly reference: number
}

/** Compiles libraries. */
export interface FunctionEngine {
  /**
   * Runs the code of a library and returns the functions that it registers. Throws a client error.
   */
  compile(body: Bytes, limitMs: number): readonly RegisteredFunction[]
  /** Frees functions that will not be called again. */
  release(functions: readonly RegisteredFunction[]): void
  /** Drops everything compiled. */
  reset(): void
  /** The machine in which functions are called. */
  readonly machine: LuaMachine
  /** The size of its memory. */
  readonly usedBytes: number
  /** Increases each time the engine loses everything compiled. */
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

/** How FUNCTION RESTORE treats existing libraries. */
export type RestorePolicy = 'append' | 'replace' | 'flush'

/** The time limit for a library's code when a client loads it. */
const LOAD_LIMIT_MS = 500
/** The time limit when stored code is compiled again. */
const RELOAD_LIMIT_MS = 10_000

/** The compiled function libraries, kept equal to the stored ones. */
export class FunctionLibraries implements FunctionsPort {
  private readonly stored: Libraries
  readonly engine: FunctionEngine
  private readonly warn: (message: string) => void
  private readonly byName = new Map<Bytes, Library>()
  /** Functions by lower-case name. */
  private readonly functions = new Map<Bytes, FoundFunction>()
  /** Code that does not compile here, by library name. */
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

  /** The size of names and code in bytes. */
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

  /** Compiles and stores a library; returns its name. */
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
    this.removeByName(name)
    this.revision = this.stored.revision
  }

  flush(): void {
    this.stored.clear()
    this.forgetAll()
    this.revision = this.stored.revision
  }

  /** Restores all libraries, or throws and restores none. */
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
      for (const name of [...this.byName.keys()]) this.removeByName(name)
    }
    this.store([...libraries.values()])
  }

  private compile(name: Bytes, code: Bytes, body: Bytes, limitMs: number): Library {
    const functions = this.engine.compile(body, limitMs)
    if (functions.length === 0) throw clientError('ERR No functions registered')
    return { name, code, functions }
  }

  /** Throws if a function has the name of one in another library that stays. */
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
    // Forgets all replaced libraries first, because a function may move from one to another.
    for (const { name } of libraries) this.removeByName(name)
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

  private removeByName(name: Bytes): void {
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

  /** Brings the compiled libraries up to date with the stored ones. */
  private refresh(): void {
    if (this.losses !== this.engine.losses) {
      this.byName.clear()
      this.functions.clear()
      this.losses = this.engine.losses
    } else if (this.revision === this.stored.revision) return
    for (const { name, code } of [...this.byName.values()]) if (this.stored.get(name) !== code) this.removeByName(name)
    for (const [name, code] of this.stored.entries()) {
      if (this.byName.has(name) || this.unusable.get(name) === code) continue
      try {
        this.remember(this.compile(name, code, readLibraryHeader(code).body, RELOAD_LIMIT_MS))
      } catch (error) {
        rethrowAssertion(error)
        // The code compiled on the node that loaded it, so it stays stored although it cannot be
        // called here.
        this.unusable.set(name, code)
        this.warn(`cannot load function library '${name}', its functions are unavailable: ${errorText(error)}`)
        if (this.losses !== this.engine.losses) {
          this.refresh() // a broken machine loses all compiled code
          return
        }
      }
    }
    this.revision = this.stored.revision
  }
}

const functionExists = (name: Bytes) => clientError(`ERR Function ${name} already exists`)

/**
 * Stores the libraries of a restart, a full sync or the log. They are compiled when first needed.
 */
export function storeLibraries(stored: Libraries, codes: readonly Bytes[], policy: RestorePolicy): void {
  if (policy === 'flush') stored.clear()
  for (const code of codes) stored.set(readLibraryHeader(code).name, code)
}

/** Returns the libraries of the node, for the commands that call and load functions. */
export function functionsOf({ functions }: ServerPort): FunctionLibraries {
  assert(functions instanceof FunctionLibraries, 'the functions of a server are FunctionLibraries')
  return functions
}
