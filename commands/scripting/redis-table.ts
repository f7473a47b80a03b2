/** The Lua table `redis` of scripts and functions. Names, arguments and error texts are Redis's. */
import { createHash } from 'node:crypto'
import type { Bytes } from '../../base/bytes.ts'
import { isNumeric } from '../../lua/libraries/arguments.ts'
import type { LuaMachine } from '../../lua/machine.ts'
import type { HostFunction, LuaStack } from '../../lua/stack.ts'
import { ErrorReply, type Reply } from '../contract/reply.ts'
import { REDIS_COMPATIBLE_VERSION } from '../contract/version.ts'
import { argumentAt, pushError, pushField, pushReply } from './lua-values.ts'

export type ScriptLogLevel = 'debug' | 'verbose' | 'notice' | 'warning'

/** The server's services for scripts. */
export interface ScriptHost {
  /** Runs a command for the current script. If it fails, the reply is an ErrorReply. */
  call(args: Bytes[]): Reply
  /** The protocol whose types the script wants in replies. */
  resp: 2 | 3
  log(level: ScriptLogLevel, message: Bytes): void
  /** True if the script's user may run a request; null for an unknown command. */
  mayRun(args: readonly Bytes[]): boolean | null
}

const LEVELS: readonly ScriptLogLevel[] = ['debug', 'verbose', 'notice', 'warning']
const TOO_LARGE = 'ERR the arguments of the call exceed lua-memory-limit'
const NOT_ARGUMENTS = 'ERR Lua redis lib command arguments must be strings or integers'
const MIN_INT = -(2 ** 31)
const MAX_INT = 2 ** 31 - 1
const VERSION = REDIS_COMPATIBLE_VERSION.split('.').map(Number)

const CONSTANTS: Readonly<Record<string, number | Bytes>> = {
  LOG_DEBUG: 0,
  LOG_VERBOSE: 1,
  LOG_NOTICE: 2,
  LOG_WARNING: 3,
  REPL_NONE: 0,
  REPL_AOF: 1,
  REPL_SLAVE: 2,
  REPL_REPLICA: 2,
  REPL_ALL: 3,
  REDIS_VERSION: REDIS_COMPATIBLE_VERSION,
  REDIS_VERSION_NUM: VERSION.reduce((number, part) => number * 256 + part, 0),
}

/** Adds the table `redis` to a machine as a read-only global. */
export function openApi(machine: LuaMachine, host: ScriptHost): void {
  const { stack } = machine
  stack.pushTable(0, 24)
  for (const [name, value] of Object.entries(CONSTANTS)) {
    stack.push(value)
    stack.rawSetField(-2, name)
  }
  for (const [name, run] of Object.entries(functionsOf(host))) {
    stack.pushFunction(machine.stack.hostFunction(run))
    stack.rawSetField(-2, name)
  }
  machine.sandbox.setShared('redis')
}

function functionsOf(host: ScriptHost): Readonly<Record<string, HostFunction>> {
  return {
    call(stack) {
      const reply = callCommand(stack, host)
      if (reply instanceof ErrorReply) raise(stack, reply.text)
      pushReply(stack, reply, host.resp)
      return 1
    },
    pcall(stack) {
      const reply = callCommand(stack, host)
      pushReply(stack, reply, host.resp)
      return 1
    },
    error_reply: (stack) => textReply(stack, 'err', (text) => (text.startsWith('-') ? text.slice(1) : withCode(text))),
    status_reply: (stack) => textReply(stack, 'ok', (text) => text),
    sha1hex(stack) {
      if (stack.top !== 1) raise(stack, 'ERR wrong number of arguments')
      stack.pushString(sha1(stack.string(1) ?? ''))
      return 1
    },
    log(stack) {
      if (stack.top < 2) raise(stack, 'ERR redis.log() requires two arguments or more.')
      if (!isNumeric(stack, 1)) raise(stack, 'ERR First argument must be a number (log level).')
      const level = LEVELS[intAt(stack, 1)]
      if (level === undefined) raise(stack, 'ERR Invalid debug level.')
      host.log(level, logMessage(stack))
      return 0
    },
    setresp(stack) {
      if (stack.top !== 1) raise(stack, 'ERR redis.setresp() requires one argument.')
      const resp = intAt(stack, 1)
      if (resp !== 2 && resp !== 3) raise(stack, 'ERR RESP version must be 2 or 3.')
      host.resp = resp
      return 0
    },
    /** Ignores the flags: every effect is logged, because memory is recovered from the log. */
    set_repl(stack) {
      if (stack.top !== 1) raise(stack, 'ERR redis.set_repl() requires two arguments.')
      const flags = intAt(stack, 1)
      if (flags < 0 || flags > 3) {
        raise(stack, 'ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.')
      }
      return 0
    },
    replicate_commands(stack) {
      stack.push(true)
      return 1
    },
    acl_check_cmd(stack) {
      if (stack.top === 0) raise(stack, 'ERR Please specify at least one argument for this redis lib call')
      const args = argumentsOf(stack)
      if (args === 'too-large') raise(stack, TOO_LARGE)
      if (args === 'no-text') raise(stack, 'ERR redis.acl_check_cmd() command arguments must be strings or integers')
      const mayRun = host.mayRun(args)
      if (mayRun === null) raise(stack, 'ERR Invalid command passed to redis.acl_check_cmd()')
      stack.push(mayRun)
      return 1
    },
  }
}

/** Returns a number as C casts it to `int`: truncated, or the minimum if out of range. */
function intAt(stack: LuaStack, index: number): number {
  const whole = Math.trunc(stack.toNumber(index))
  return whole >= MIN_INT && whole <= MAX_INT ? whole + 0 : MIN_INT
}

function callCommand(stack: LuaStack, host: ScriptHost): Reply {
  if (stack.top === 0) return new ErrorReply('ERR Please specify at least one argument for this redis lib call')
  const args = argumentsOf(stack)
  if (typeof args !== 'string') return host.call(args)
  return new ErrorReply(args === 'too-large' ? TOO_LARGE : NOT_ARGUMENTS)
}

/**
 * Returns the arguments of a call, or why they are invalid. Their total size is limited to Lua's
 * memory limit. Only arguments that repeat a string can exceed it: Lua holds the string once, and
 * each argument here is a copy.
 */
function argumentsOf(stack: LuaStack): Bytes[] | 'no-text' | 'too-large' {
  const { top } = stack
  const args: Bytes[] = []
  let bytesLeft = stack.module.limitBytes
  for (let i = 1; i <= top; i++) {
    const argument = argumentAt(stack, i)
    if (argument === null) return 'no-text'
    bytesLeft -= argument.length
    if (bytesLeft < 0) return 'too-large'
    args.push(argument)
  }
  return args
}

/**
 * Joins the arguments of redis.log after the level. Their total size is limited like that of a
 * call.
 */
function logMessage(stack: LuaStack): Bytes {
  const { top } = stack
  const words: Bytes[] = []
  let bytesLeft = stack.module.limitBytes
  for (let i = 2; i <= top; i++) {
    const word = stack.string(i) ?? ''
    bytesLeft -= word.length
    if (bytesLeft < 0) raise(stack, TOO_LARGE)
    words.push(word)
  }
  return words.join(' ')
}

/** Raises an error table with this text. */
function raise(stack: LuaStack, text: Bytes): never {
  pushError(stack, text)
  return stack.raiseTop()
}

function textReply(stack: LuaStack, field: Bytes, shape: (text: Bytes) => Bytes): number {
  const text = stack.top === 1 && stack.isString(1) ? stack.string(1) : null
  if (text === null) pushField(stack, 'err', 'ERR wrong number or type of arguments')
  else pushField(stack, field, shape(text))
  return 1
}

/** Adds the general code word to a text without one. */
function withCode(text: Bytes): Bytes {
  return text.includes(' ') ? text : `ERR ${text}`
}

/** Returns 40 hexadecimal digits in lower case. */
export function sha1(text: Bytes): Bytes {
  return createHash('sha1').update(text, 'latin1').digest('hex')
}
