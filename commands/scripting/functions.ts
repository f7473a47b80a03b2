/**
 * FUNCTION: the commands on libraries of functions. Libraries are data: they are logged, replicated
 * and written by checkpoints. The folder functions/ holds them; fcall.ts calls their functions.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { lowerCase } from '../../base/bytes.ts'
import { type Args, type Command, command } from '../contract/command.ts'
import { clientError, wrongSubcommandWords } from '../contract/errors.ts'
import { MapReply, OK, type Reply, SetReply, SimpleString } from '../contract/reply.ts'
import { functionsOf, type Library, type RestorePolicy, storeLibraries } from '../functions/libraries.ts'
import { decodeLibraries, encodeLibraries } from '../functions/payload.ts'
import { globMatchesIgnoringCase } from '../parsing/glob.ts'
import { helpReply } from '../parsing/help.ts'
import type { ScriptRunner } from './runner.ts'
import { scriptingOf } from './scripting.ts'

const HELP = helpReply('function', [
  'LOAD [REPLACE] <FUNCTION CODE>',
  '    Create a new library with the given library name and code.',
  'DELETE <LIBRARY NAME>',
  '    Delete the given library.',
  'LIST [LIBRARYNAME PATTERN] [WITHCODE]',
  '    Return general information on all the libraries:',
  '    * Library name',
  '    * The engine used to run the Library',
  '    * Library description',
  '    * Functions list',
  '    * Library code (if WITHCODE is given)',
  '    It also possible to get only function that matches a pattern using LIBRARYNAME argument.',
  'STATS',
  '    Return information about the current function running:',
  '    * Function name',
  '    * Command used to run the function',
  '    * Duration in MS that the function is running',
  '    If no function is running, return nil',
  '    In addition, returns a list of available engines.',
  'KILL',
  '    Kill the current running function.',
  'FLUSH [ASYNC|SYNC]',
  '    Delete all the libraries.',
  '    When called without the optional mode argument, the behavior is determined by the',
  '    lazyfree-lazy-user-flush configuration directive. Valid modes are:',
  '    * ASYNC: Asynchronously flush the libraries.',
  '    * SYNC: Synchronously flush the libraries.',
  'DUMP',
  '    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command',
  'RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]',
  '    Restore the libraries represented by the given payload, it is possible to give a restore policy to',
  '    control how to handle existing libraries (default APPEND):',
  '    * FLUSH: delete all existing libraries.',
  '    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.',
  '    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old',
  '      libraries with the new libraries (notice that even on this option there is a chance of failure',
  '      in case of functions name collision with another library).',
])

const ENGINE = 'LUA'
const ALL_SHARDS_TIPS = ['request_policy:all_shards', 'response_policy:all_succeeded'] as const

const remove = command({
  name: 'function|delete',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Deletes a library and its functions.',
  complexity: 'O(1)',
  tips: ALL_SHARDS_TIPS,
  syntax: 'FUNCTION DELETE library-name',
  arity: 3,
  flags: ['write', 'noscript'],
  isVerbatim: true,
  run({ server, keyspace, isReplayed }, args) {
    if (isReplayed) keyspace.libraries.delete(args[2])
    else functionsOf(server).delete(args[2])
    return OK
  },
})

const dump = command({
  name: 'function|dump',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Dumps all libraries into a serialized binary payload.',
  complexity: 'O(N) where N is the number of functions',
  syntax: 'FUNCTION DUMP',
  arity: 2,
  flags: ['noscript'],
  run: ({ keyspace }) => encodeLibraries([...keyspace.libraries.entries()].map(([, code]) => code)),
})

/** ASYNC and SYNC do the same, because neither takes long. */
const flush = command({
  name: 'function|flush',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Deletes all libraries and functions.',
  complexity: 'O(N) where N is the number of functions deleted',
  tips: ALL_SHARDS_TIPS,
  syntax: 'FUNCTION FLUSH [ASYNC | SYNC]',
  arity: -2,
  flags: ['write', 'noscript'],
  isVerbatim: true,
  run({ server, keyspace, isReplayed }, args) {
    if (args.length > 3) throw wrongSubcommandWords('function', args[1])
    const mode = args.length === 3 ? lowerCase(args[2]) : 'sync'
    if (mode !== 'sync' && mode !== 'async') throw clientError('ERR FUNCTION FLUSH only supports SYNC|ASYNC option')
    if (isReplayed) keyspace.libraries.clear()
    else functionsOf(server).flush()
    return OK
  },
})

const help = command({
  name: 'function|help',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Returns helpful text about the different subcommands.',
  complexity: 'O(1)',
  syntax: 'FUNCTION HELP',
  arity: 2,
  flags: ['loading', 'stale'],
  run: () => HELP,
})

const list = command({
  name: 'function|list',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Returns information about all libraries.',
  complexity: 'O(N) where N is the number of functions',
  tips: ['nondeterministic_output_order'],
  syntax: 'FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]',
  arity: -2,
  flags: ['noscript'],
  run({ server }, args) {
    const { pattern, withCode } = listOptions(args)
    const replies: Reply[] = []
    for (const library of functionsOf(server).all()) {
      if (pattern === null || globMatchesIgnoringCase(pattern, library.name)) replies.push(describe(library, withCode))
    }
    return replies
  },
})

function listOptions(args: Args): { readonly pattern: Bytes | null; readonly withCode: boolean } {
  let pattern: Bytes | null = null
  let withCode = false
  for (let at = 2; at < args.length; at++) {
    const word = must(args[at])
    const option = lowerCase(word)
    if (option === 'withcode' && !withCode) withCode = true
    else if (option === 'libraryname' && pattern === null) {
      const next = args[++at]
      if (next === undefined) throw clientError('ERR library name argument was not given')
      pattern = next
    } else throw clientError(`ERR Unknown argument ${word}`)
  }
  return { pattern, withCode }
}

function describe({ name, code, functions }: Library, withCode: boolean): Reply {
  const described = functions.map((registered) => {
    const flags = new SetReply(registered.flags.map((flag) => new SimpleString(flag)))
    return new MapReply(['name', registered.name, 'description', registered.description, 'flags', flags])
  })
  const fields: Reply[] = ['library_name', name, 'engine', ENGINE, 'functions', described]
  return new MapReply(withCode ? [...fields, 'library_code', code] : fields)
}

const load = command({
  name: 'function|load',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Creates a library.',
  complexity: 'O(1) (considering compilation time is redundant)',
  tips: ALL_SHARDS_TIPS,
  syntax: 'FUNCTION LOAD [REPLACE] function-code',
  arity: -3,
  flags: ['write', 'denyoom', 'noscript'],
  isVerbatim: true,
  run({ server, keyspace, isReplayed }, args) {
    const code = must(args.at(-1))
    let replaces = false
    for (const word of args.slice(2, -1)) {
      if (lowerCase(word) !== 'replace') throw clientError(`ERR Unknown option given: ${word}`)
      replaces = true
    }
    if (!isReplayed) return functionsOf(server).load(code, replaces)
    storeLibraries(keyspace.libraries, [code], 'replace')
    return null
  },
})

const restore = command({
  name: 'function|restore',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Restores all libraries from a payload.',
  complexity: 'O(N) where N is the number of functions on the payload',
  tips: ALL_SHARDS_TIPS,
  syntax: 'FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]',
  arity: -3,
  flags: ['write', 'denyoom', 'noscript'],
  isVerbatim: true,
  run({ server, keyspace, isReplayed }, args) {
    if (args.length > 4) throw wrongSubcommandWords('function', args[1])
    const policy = args.length === 4 ? lowerCase(args[3]) : 'append'
    if (!isPolicy(policy)) throw clientError('ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.')
    const codes = decodeLibraries(args[2])
    if (isReplayed) storeLibraries(keyspace.libraries, codes, policy)
    else functionsOf(server).restore(codes, policy)
    return OK
  },
})

const isPolicy = (word: Bytes): word is RestorePolicy => word === 'flush' || word === 'append' || word === 'replace'

const stats = command({
  name: 'function|stats',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Returns information about a function during execution.',
  complexity: 'O(1)',
  tips: ['nondeterministic_output', 'request_policy:all_shards', 'response_policy:special'],
  syntax: 'FUNCTION STATS',
  arity: 2,
  flags: ['noscript', 'allow_busy'],
  run({ server }) {
    const [functions, scripting] = [functionsOf(server), scriptingOf(server)]
    const { running } = scripting.runner
    if (running?.kind === 'script') throw clientError(scripting.runner.busyText)
    const counts = new MapReply(['libraries_count', functions.libraryCount, 'functions_count', functions.functionCount])
    return new MapReply(['running_script', shownRunning(scripting.runner), 'engines', new MapReply([ENGINE, counts])])
  },
})

function shownRunning({ running, runningMs }: ScriptRunner): Reply {
  return running === null ? null : new MapReply(['name', running.name, 'command', running.request, 'duration_ms', runningMs])
}

const kill = command({
  name: 'function|kill',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Terminates a function during execution.',
  complexity: 'O(1)',
  tips: ['request_policy:all_shards', 'response_policy:one_succeeded'],
  syntax: 'FUNCTION KILL',
  arity: 2,
  flags: ['noscript', 'allow_busy'],
  run({ server }) {
    scriptingOf(server).runner.kill('function')
    return OK
  },
})

export const functionCommands: readonly Command[] = [
  command({
    name: 'function',
    group: 'scripting',
    since: '7.0.0',
    summary: 'A container for function commands.',
    complexity: 'Depends on subcommand.',
    syntax: 'FUNCTION',
    arity: -2,
    flags: [],
    subcommands: [remove, dump, flush, help, kill, list, load, restore, stats],
  }),
]
