/**
 * The scripts of EVAL: their Lua machine and the scripts compiled in it. The SHA-1 digest of its
 * text identifies a script. A script of SCRIPT LOAD stays until SCRIPT FLUSH. Among the others, the
 * last MAX_EVALUATED_SCRIPTS are kept, as in Redis 7.4. When a script has broken the machine, the
 * next run creates a new one, and scripts are compiled again on demand.
 */
import { assert } from '../../base/assert.ts'
import { type Bytes, detached } from '../../base/bytes.ts'
import type { FunctionReference, LuaMachine } from '../../lua/machine.ts'
import { clientError } from '../contract/errors.ts'
import type { ScriptingPort, ServerPort } from '../contract/ports.ts'
import { readShebang, type ScriptFlags } from './flags.ts'
import { pushWords } from './lua-values.ts'
import { sha1 } from './redis-table.ts'
import type { ScriptCall, ScriptRunner } from './runner.ts'

const CHUNK_NAME = '@user_script'
/** The maximum number of scripts that SCRIPT LOAD has not loaded. */
const MAX_EVALUATED_SCRIPTS = 500

export interface Script {
  readonly text: Bytes
  readonly digest: Bytes
  readonly flags: ScriptFlags | null
  /** SCRIPT LOAD has loaded it, so it stays until SCRIPT FLUSH. */
  isLoaded: boolean
  /** The machine in which it is compiled; null before the first time. */
  machine: LuaMachine | null
  reference: FunctionReference
}

/** The scripts of EVAL, and the Lua machine in which they are compiled. */
export class Scripting implements ScriptingPort {
  readonly runner: ScriptRunner
  private readonly makeMachine: () => LuaMachine
  private current: LuaMachine | null = null
  /** References in the machine to the strings `KEYS` and `ARGV`. */
  private keysName = 0
  private argvName = 0
  private readonly byText = new Map<Bytes, Script>()
  private readonly byDigest = new Map<Bytes, Script>()
  /** The number of scripts that SCRIPT LOAD has not loaded. */
  private evaluated = 0

  constructor(runner: ScriptRunner, makeMachine: () => LuaMachine) {
    this.runner = runner
    this.makeMachine = makeMachine
  }

  get count(): number {
    return this.byDigest.size
  }

  /** Bytes used by the machine and by the texts of scripts. */
  get memory(): { readonly machine: number; readonly scripts: number } {
    let scripts = 0
    for (const { text } of this.byDigest.values()) scripts += text.length
    return { machine: this.current?.usedBytes ?? 0, scripts }
  }

  /** The machine that runs scripts. */
  get machine(): LuaMachine {
    if (this.current === null || this.current.isBroken) {
      this.current = this.makeMachine()
      this.keysName = this.current.keepText('KEYS')
      this.argvName = this.current.keepText('ARGV')
    }
    return this.current
  }

  /** Sets the globals KEYS and ARGV from the words of a request. */
  readonly pushGlobals = ({ machine, request, keyCount }: ScriptCall): number => {
    const { stack } = machine
    const { api, state } = stack
    machine.sandbox.pushGlobals()
    machine.pushKept(this.keysName)
    pushWords(stack, request, 3, 3 + keyCount)
    api.lua_rawset(state, -3)
    machine.pushKept(this.argvName)
    pushWords(stack, request, 3 + keyCount, request.length)
    api.lua_rawset(state, -3)
    stack.pop()
    return 0
  }

  /** Returns the compiled script with this text. Throws if it does not compile. */
  script(text: Bytes): Script {
    return this.ensureCompiled(this.byText.get(text) ?? this.add(text))
  }

  /** Returns the compiled script with this digest; undefined if it is unknown. */
  find(digest: Bytes): Script | undefined {
    const script = this.byDigest.get(digest)
    return script === undefined ? undefined : this.ensureCompiled(script)
  }

  /** Returns the flags that a known script declares. */
  flagsOf(digest: Bytes): ScriptFlags | null {
    return this.byDigest.get(digest)?.flags ?? null
  }

  has(digest: Bytes): boolean {
    return this.byDigest.has(digest)
  }

  /** SCRIPT LOAD: keeps the script until SCRIPT FLUSH. */
  load(text: Bytes): Script {
    const script = this.script(text)
    if (!script.isLoaded) this.evaluated--
    script.isLoaded = true
    return script
  }

  /** SCRIPT FLUSH: drops all scripts and the machine. */
  flush(): void {
    this.current = null
    this.byText.clear()
    this.byDigest.clear()
    this.evaluated = 0
  }

  private add(given: Bytes): Script {
    const { flags } = readShebang(given)
    const text = detached(given)
    const script: Script = { text, digest: sha1(text), flags, isLoaded: false, machine: null, reference: 0 }
    this.ensureCompiled(script)
    this.byText.set(text, script)
    this.byDigest.set(script.digest, script)
    this.evaluated++
    if (this.evaluated > MAX_EVALUATED_SCRIPTS) this.evict()
    return script
  }

  private ensureCompiled(script: Script): Script {
    const { machine } = this
    if (script.machine === machine) return script
    const reference = machine.compile(readShebang(script.text).code, CHUNK_NAME)
    if (typeof reference === 'string') throw clientError(`ERR Error compiling script (new function): ${reference}`)
    script.machine = machine
    script.reference = reference
    return script
  }

  /** Evicts the oldest script that SCRIPT LOAD has not loaded. */
  private evict(): void {
    for (const script of this.byText.values()) {
      if (script.isLoaded) continue
      this.byText.delete(script.text)
      this.byDigest.delete(script.digest)
      if (script.machine === this.current) this.current?.release(script.reference)
      this.evaluated--
      return
    }
  }
}

/** Returns the scripts of the node, for the commands that run and load them. */
export function scriptingOf({ scripting }: ServerPort): Scripting {
  assert(scripting instanceof Scripting, 'the scripts of a server are a Scripting')
  return scripting
}
