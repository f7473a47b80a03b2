/**
 * A Lua machine with the libraries, and a script that runs a piece of Lua and returns its result as
 * one line. The same script runs in Redis.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { LIBRARIES } from '../../../lua/libraries/all.ts'
import { LuaMachine } from '../../../lua/machine.ts'

const MEGABYTE = 2 ** 20

/** On one line, so that every message with a position names line 1. */
const SHOW = [
  'local function show(v) local t = type(v)',
  `if t == 'string' then return '"'..v:gsub('[^%w%p ]', function(c) return ('\\\\%02x'):format(c:byte()) end)..'"'`,
  `elseif t == 'number' then return v ~= v and 'nan' or ('%.17g'):format(v)`,
  `elseif t == 'table' then local shown = {} for k, x in pairs(v) do shown[#shown + 1] = '['..show(k)..']='..show(x) end`,
  `table.sort(shown) return '{'..table.concat(shown, ',')..'}'`,
  `elseif v == cjson.null then return 'null' elseif t == 'function' then return t else return tostring(v) end end`,
  'local function all(ok, ...) local shown = {}',
  `for i = 1, select('#', ...) do shown[i] = show((select(i, ...))) end`,
  `return (ok and '' or 'error: ')..table.concat(shown, ' ') end`,
].join(' ')

/** A script that returns a line with what a piece of Lua returns or raises. */
export function shownScript(lua: Bytes): Bytes {
  return `${SHOW} return all(pcall(function() ${lua} end))`
}

/** A Lua machine with the libraries of a server. */
export class LibraryMachine {
  private readonly machine: LuaMachine

  constructor(limitBytes = 64 * MEGABYTE) {
    this.machine = new LuaMachine({ limitBytes, monotonicMs: () => 0, libraries: LIBRARIES })
  }

  /** Runs a script. Returns its result or the message of its error. */
  run(script: Bytes): Bytes {
    const { machine } = this
    const compiled = machine.compile(script, '@user_script')
    if (typeof compiled === 'string') return `raised: ${compiled}`
    const state = machine.start(compiled)
    const result = machine.stack.string(-1) ?? machine.stack.typeOf(-1)
    machine.finish(state)
    machine.release(compiled)
    return state === 'done' ? result : `raised: ${result}`
  }

  /** Runs a piece of Lua. Returns a line with what it returns or raises. */
  show(lua: Bytes): Bytes {
    return this.run(shownScript(lua))
  }
}
