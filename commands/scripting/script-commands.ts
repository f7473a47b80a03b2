/** The commands EVAL, EVALSHA, EVAL_RO, EVALSHA_RO and SCRIPT. `scripting.ts` keeps the scripts. */
import { lowerCase } from '../../base/bytes.ts'
import { type Args, type Command, type CommandFlag, command, type KeyAccess, type KeySpec } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, tooManyKeys } from '../contract/errors.ts'
import { OK, type Reply } from '../contract/reply.ts'
import { isToken, requireSafeInteger } from '../parsing/args.ts'
import { helpReply } from '../parsing/help.ts'
import { type Script, scriptingOf } from './scripting.ts'

export const EVAL_FLAGS: readonly CommandFlag[] = ['noscript', 'stale', 'skip_monitor', 'may_replicate', 'no_mandatory_keys', 'movablekeys']
export const EVAL_RO_FLAGS: readonly CommandFlag[] = ['noscript', 'stale', 'skip_monitor', 'no_mandatory_keys', 'movablekeys', 'readonly']

const NO_SCRIPT = 'NOSCRIPT No matching script. Please use EVAL.'
/** The number of hexadecimal digits of a SHA-1. */
const DIGEST_LENGTH = 40

/** Key specs of EVAL and similar commands: the number of keys precedes the keys. */
function scriptKeys(notes: string, ...access: KeyAccess[]): readonly KeySpec[] {
  return [{ access, notes, begin: { index: 2 }, find: { countIndex: 0, first: 1, step: 1 } }]
}
export const EVAL_KEYS = scriptKeys(
  'We cannot tell how the keys will be used so we assume the worst, RW and UPDATE',
  'RW',
  'access',
  'update',
)
export const EVAL_RO_KEYS = scriptKeys('We cannot tell how the keys will be used so we assume the worst, RO and ACCESS', 'RO', 'access')

/** Returns the number of words from position 3 on that are keys. */
function requireKeyCount(args: Args): number {
  return withinArguments(args, requireSafeInteger(args[2], Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER))
}

/** Returns `count`, a number of keys. Throws if it is negative or exceeds the words from 3 on. */
export function withinArguments(args: Args, count: number): number {
  if (count > args.length - 3) throw tooManyKeys()
  if (count < 0) throw clientError("ERR Number of keys can't be negative")
  return count
}

function run(context: Context, args: Args, script: Script, keyCount: number, how: 'writing' | 'reading'): Reply {
  const scripting = scriptingOf(context.server)
  return scripting.runner.run(context, {
    machine: scripting.machine,
    reference: script.reference,
    kind: 'script',
    name: script.digest,
    flags: script.flags,
    isReadOnly: how === 'reading',
    request: args,
    keyCount,
    pushArguments: scripting.pushGlobals,
  })
}

const evaluating = (how: 'writing' | 'reading') => (context: Context, args: Args) => {
  const keyCount = requireKeyCount(args)
  return run(context, args, scriptingOf(context.server).script(args[1]), keyCount, how)
}

const evaluatingKnown = (how: 'writing' | 'reading') => (context: Context, args: Args) => {
  if (args[1].length !== DIGEST_LENGTH) throw clientError(NO_SCRIPT)
  const keyCount = requireKeyCount(args)
  const script = scriptingOf(context.server).find(lowerCase(args[1]))
  if (script === undefined) throw clientError(NO_SCRIPT)
  return run(context, args, script, keyCount, how)
}

const evaluate = command({
  name: 'eval',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Executes a server-side Lua script.',
  complexity: 'Depends on the script that is executed.',
  syntax: 'EVAL script numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_FLAGS,
  keys: EVAL_KEYS,
  run: evaluating('writing'),
})

const evalsha = command({
  name: 'evalsha',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Executes a server-side Lua script by SHA1 digest.',
  complexity: 'Depends on the script that is executed.',
  syntax: 'EVALSHA sha1 numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_FLAGS,
  keys: EVAL_KEYS,
  run: evaluatingKnown('writing'),
})

const evalRo = command({
  name: 'eval_ro',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Executes a read-only server-side Lua script.',
  complexity: 'Depends on the script that is executed.',
  syntax: 'EVAL_RO script numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_RO_FLAGS,
  keys: EVAL_RO_KEYS,
  run: evaluating('reading'),
})

const evalshaRo = command({
  name: 'evalsha_ro',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Executes a read-only server-side Lua script by SHA1 digest.',
  complexity: 'Depends on the script that is executed.',
  syntax: 'EVALSHA_RO sha1 numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_RO_FLAGS,
  keys: EVAL_RO_KEYS,
  run: evaluatingKnown('reading'),
})

const load = command({
  name: 'script|load',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Loads a server-side Lua script to the script cache.',
  complexity: 'O(N) with N being the length in bytes of the script body.',
  syntax: 'SCRIPT LOAD script',
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: 3,
  flags: ['noscript', 'stale'],
  run: ({ server }, args) => scriptingOf(server).load(args[2]).digest,
})

const exists = command({
  name: 'script|exists',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Determines whether server-side Lua scripts exist in the script cache.',
  complexity: 'O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).',
  syntax: 'SCRIPT EXISTS sha1 [sha1 ...]',
  tips: ['request_policy:all_shards', 'response_policy:agg_logical_and'],
  arity: -3,
  flags: ['noscript'],
  run: ({ server }, args) => args.slice(2).map((digest) => (scriptingOf(server).has(lowerCase(digest)) ? 1 : 0)),
})

/** ASYNC and SYNC do the same: V8 frees the memory when it collects garbage. */
const flush = command({
  name: 'script|flush',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Removes all server-side Lua scripts from the script cache.',
  complexity: 'O(N) with N being the number of scripts in cache',
  syntax: 'SCRIPT FLUSH [ASYNC | SYNC]',
  history: [['6.2.0', 'Added the `ASYNC` and `SYNC` flushing mode modifiers.']],
  tips: ['request_policy:all_nodes', 'response_policy:all_succeeded'],
  arity: -2,
  flags: ['noscript'],
  run({ server }, args) {
    if (args.length > 3 || (args.length === 3 && !isToken(args[2], 'async') && !isToken(args[2], 'sync'))) {
      throw clientError('ERR SCRIPT FLUSH only support SYNC|ASYNC option')
    }
    scriptingOf(server).flush()
    return OK
  },
})

const kill = command({
  name: 'script|kill',
  group: 'scripting',
  since: '2.6.0',
  summary: 'Terminates a server-side Lua script during execution.',
  complexity: 'O(1)',
  syntax: 'SCRIPT KILL',
  tips: ['request_policy:all_shards', 'response_policy:one_succeeded'],
  arity: 2,
  flags: ['noscript', 'allow_busy'],
  run({ server }) {
    scriptingOf(server).runner.kill('script')
    return OK
  },
})

/** SCRIPT DEBUG accepts only NO: there is no debugger. */
const debug = command({
  name: 'script|debug',
  group: 'scripting',
  since: '3.2.0',
  summary: 'Sets the debug mode of server-side Lua scripts.',
  complexity: 'O(1)',
  syntax: 'SCRIPT DEBUG <YES | SYNC | NO>',
  arity: 3,
  flags: ['noscript'],
  run(_context, args) {
    if (isToken(args[2], 'no')) return OK
    if (!isToken(args[2], 'yes') && !isToken(args[2], 'sync')) throw clientError('ERR Use SCRIPT DEBUG YES/SYNC/NO')
    throw clientError('ERR SCRIPT DEBUG is not supported by this server')
  },
})

/** SCRIPT SHOW is Valkey's: it returns the text of a script. */
const show = command({
  name: 'script|show',
  group: 'scripting',
  since: '8.0.0',
  summary: 'Show server-side Lua script in the script cache.',
  complexity: 'O(1).',
  syntax: 'SCRIPT SHOW sha1',
  arity: 3,
  flags: ['noscript'],
  run({ server }, args) {
    const script = scriptingOf(server).find(lowerCase(args[2]))
    if (script === undefined) throw clientError(NO_SCRIPT)
    return script.text
  },
})

const help = command({
  name: 'script|help',
  group: 'scripting',
  since: '5.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'SCRIPT HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => helpReply('script', HELP),
})

const HELP = [
  'DEBUG (YES|SYNC|NO)',
  '    Turns the debugger on or off: only NO is supported.',
  'EXISTS <sha1> [<sha1> ...]',
  '    Returns 1 for each of these scripts that is cached, else 0.',
  'FLUSH [ASYNC|SYNC]',
  '    Clears the script cache.',
  'KILL',
  '    Ends the running script, unless it has written.',
  'LOAD <script>',
  '    Caches a script without running it.',
  'SHOW <sha1>',
  '    Returns the text of a script.',
]

const container = command({
  name: 'script',
  group: 'scripting',
  since: '2.6.0',
  summary: 'A container for Lua scripts management commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'SCRIPT',
  arity: -2,
  flags: [],
  subcommands: [debug, exists, flush, kill, load, show, help],
})

export const scripts: readonly Command[] = [evaluate, evalsha, evalRo, evalshaRo, container]
