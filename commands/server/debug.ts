/**
 * DEBUG: for tests and fault-finding. Refused unless `enable-debug-command` allows it.
 *
 * Differences from Redis:
 * - Subcommands about C's structures report on haypile's, or are missing.
 * - Subcommands about features that haypile lacks (packed lists, resizing of hash tables, RDB
 *   checksums, the AOF's buffer) are accepted without effect.
 * - RELOAD and LOADAOF drop everything in memory and recover from disk, RELOAD after a checkpoint.
 * - POPULATE is logged as the writes it makes.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import { lowerCase } from '../../base/bytes.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import { type Args, type Command, command, type KeyAccess } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, notPositive, READ_ONLY_TEXT } from '../contract/errors.ts'
import type { ServerPort } from '../contract/ports.ts'
import { OK, type Reply, SimpleString } from '../contract/reply.ts'
import { requireClampedInteger } from '../parsing/args.ts'
import { globMatches } from '../parsing/glob.ts'
import { helpReply } from '../parsing/help.ts'
import { loadingIfClosed } from '../parsing/loading-error.ts'
import { waitAlone } from '../parsing/wait-alone.ts'
import { databasesDigest, valueDigest } from './debug-digest.ts'
import { protocolSample } from './debug-protocol.ts'
import { type DebugSubcommand, VALUE_HELP, VALUE_SUBCOMMANDS } from './debug-values.ts'
import { checkpointOrRefuse } from './persistence.ts'
import { requireEnabled } from './protected-commands.ts'

const HELP = [
  'AOF-FLUSH-SLEEP <microsec>',
  '    Accepted, without effect.',
  'CHANGE-REPL-ID',
  '    Like CLEARREPLICATIONID.',
  'CONFIG-REWRITE-FORCE-ALL',
  '    Like CONFIG REWRITE.',
  'DIGEST',
  '    Output a hex signature representing the current content of all databases.',
  'DIGEST-VALUE <key> [<key> ...]',
  '    Output a hex signature of the values of all the specified keys.',
  'DICT-RESIZING <0|1>',
  '    Accepted, without effect.',
  'ERROR <string>',
  '    Return a Redis protocol error with <string> as message. Useful for clients',
  '    unit tests to simulate Redis errors.',
  'LOADAOF',
  '    Recover from disk: from the last checkpoint and the binlog since then.',
  'LOG <message>',
  '    Write <message> to the server log.',
  'PAUSE-CRON <0|1>',
  '    Accepted, without effect.',
  'POPULATE <count> [<prefix>] [<size>]',
  '    Create <count> string keys named key:<num>. If <prefix> is specified then',
  "    it is used instead of the 'key' prefix.",
  'PROTOCOL <type>',
  '    Reply with a test value of the specified type. <type> can be: string,',
  '    integer, double, bignum, null, array, set, map, attrib, push, verbatim,',
  '    true, false.',
  'QUICKLIST-PACKED-THRESHOLD <size>',
  '    Accepted, without effect.',
  'RELOAD [option ...]',
  '    Write a checkpoint (except with NOSAVE) and recover from disk. The options',
  '    MERGE has no effect, and NOFLUSH is refused while there are libraries of',
  '    functions, unless MERGE is given.',
  'REPLYBUFFER <subcommand> <value>',
  '    Accepted, without effect.',
  'SET-ACTIVE-EXPIRE <0|1>',
  '    Setting it to 0 disables expiring keys in background when they are not',
  '    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the',
  '    default.',
  'SET-DISABLE-DENY-SCRIPTS <0|1>',
  '    1 lets scripts run commands with the noscript flag.',
  'SET-SKIP-CHECKSUM-VALIDATION <0|1>',
  '    Accepted, without effect.',
  'SLEEP <seconds>',
  '    Stop the server for <seconds>. Decimals allowed.',
  'STRINGMATCH-LEN <pattern> <string>',
  '    Return 1 if <string> matches the glob-style <pattern>, else 0.',
]

const READ_ACCESS: readonly KeyAccess[] = ['RO', 'access']
const INSERT_ACCESS: readonly KeyAccess[] = ['OW', 'insert']

const accepted = (arity: number): DebugSubcommand => ({ arity, run: () => OK })

/**
 * NOFLUSH without MERGE fails if there is a library of functions: in Redis the dump then has a
 * library that already exists.
 */
function* reload({ server, keyspace }: Context, args: Args): Steps<Reply> {
  const options = args.slice(2).map(lowerCase)
  for (const option of options) {
    if (!['merge', 'noflush', 'nosave'].includes(option))
      throw clientError('ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.')
  }
  const { storage } = server
  if (!options.includes('nosave')) yield* waitAlone(() => checkpointOrRefuse(storage))
  if (options.includes('noflush') && !options.includes('merge') && keyspace.libraries.size > 0)
    throw clientError('ERR Error trying to load the RDB dump')
  return yield* loadAgain(server)
}

function* loadAgain({ storage }: ServerPort): Steps<Reply> {
  yield* waitAlone(() => storage.reload())
  return OK
}

/**
 * POPULATE count [prefix] [size]: sets `prefix:<number>` to `value:<number>`, cut or zero-filled to
 * `size`. Existing keys stay.
 */
function populate(context: Context, args: Args): Reply {
  const count = requireClampedInteger(args[2], notPositive)
  const size = args.length > 4 ? requireClampedInteger(args[4], notPositive) : 0
  if (count < 0 || size < 0) throw notPositive()
  const prefix = args.length > 3 ? args[3] : 'key'
  const { db, server } = context
  if (server.replication.isReplica) throw clientError(READ_ONLY_TEXT)
  if (!context.session.user.isUnrestricted) {
    for (let number = 0; number < count; number++) server.acl.requireKey(context, debugCommand, args, `${prefix}:${number}`, INSERT_ACCESS)
  }
  let effect: Bytes[] = ['MSET']
  for (let number = 0; number < count; number++) {
    const key = `${prefix}:${number}`
    if (db.find(key) !== undefined) continue
    const text = `value:${number}`
    const value = size === 0 ? text : Buffer.alloc(size).fill(text, 0, Math.min(size, text.length), 'latin1').latin1Slice()
    db.set(key, value)
    effect.push(key, value)
    if (effect.length > 1000) {
      context.effect(...effect)
      effect = ['MSET']
    }
  }
  if (effect.length > 1) context.effect(...effect)
  return OK
}

function setThreshold(word: Bytes): Reply {
  if (!/^\d{1,10}(?:b|kb?|mb?|gb?)?$/i.test(word))
    throw clientError('ERR argument must be a memory value bigger than 1 and smaller than 4gb')
  return OK
}

const SUBCOMMANDS: Readonly<Record<string, DebugSubcommand>> = {
  ...VALUE_SUBCOMMANDS,
  'aof-flush-sleep': accepted(3),
  'change-repl-id': {
    arity: 2,
    run({ server }) {
      server.replication.clearReplicationId()
      return OK
    },
  },
  'config-rewrite-force-all': {
    arity: 2,
    run({ server }) {
      server.config.rewrite()
      return OK
    },
  },
  digest: {
    arity: 2,
    *steps({ keyspace }) {
      return new SimpleString(yield* databasesDigest(keyspace))
    },
  },
  'digest-value': { arity: -2, shows: 'keys', run: ({ db }, args) => args.slice(2).map((key) => new SimpleString(valueDigest(db, key))) },
  error: {
    arity: 3,
    run(_context, args) {
      throw clientError(args[2])
    },
  },
  help: { arity: 2, run: () => helpReply('debug', [...HELP, ...VALUE_HELP]) },
  loadaof: { arity: 2, steps: ({ server }) => loadAgain(server) },
  log: {
    arity: 3,
    run({ server }, args) {
      server.writeLog(args[2])
      return OK
    },
  },
  'dict-resizing': accepted(3),
  'pause-cron': accepted(3),
  populate: { arity: -3, run: populate },
  protocol: { arity: 3, run: ({ session }, args) => protocolSample(args[2], session.resp) },
  'quicklist-packed-threshold': { arity: 3, run: (_context, args) => setThreshold(args[2]) },
  reload: { arity: -2, steps: reload },
  replybuffer: accepted(4),
  'set-active-expire': {
    arity: 3,
    run({ server }, args) {
      server.setActiveExpire(Number.parseInt(args[2], 10) ? 'on' : 'off')
      return OK
    },
  },
  'set-disable-deny-scripts': {
    arity: 3,
    run({ server }, args) {
      server.scripting.runner.mayRunNoscript = args[2] !== '0'
      return OK
    },
  },
  'set-skip-checksum-validation': accepted(3),
  sleep: {
    arity: 3,
    run({ server }, args) {
      const seconds = Number.parseFloat(args[2])
      if (seconds > 0) server.sleepSync(seconds * 1000)
      return OK
    },
  },
  'stringmatch-len': { arity: 4, run: (_context, args) => (globMatches(args[2], args[3]) ? 1 : 0) },
}

const debugCommand: Command = command({
  name: 'debug',
  group: 'server',
  since: '1.0.0',
  summary: 'A container for debugging commands.',
  complexity: 'Depends on subcommand.',
  syntax: 'DEBUG',
  docFlags: ['syscmd'],
  arity: -2,
  flags: ['admin', 'noscript', 'loading', 'stale'],
  *steps(context, args) {
    requireEnabled(context, 'DEBUG')
    const name = lowerCase(args[1])
    const subcommand = Object.hasOwn(SUBCOMMANDS, name) ? SUBCOMMANDS[name] : undefined
    if (subcommand === undefined || !fits(subcommand.arity, args.length))
      throw clientError(`ERR unknown subcommand or wrong number of arguments for '${args[1].slice(0, 128)}'. Try DEBUG HELP.`)
    requireShown(context, subcommand, args)
    return yield* loadingIfClosed(outcomeOf(subcommand, context, args))
  },
})

/**
 * Throws if the session's user may not read the keys that the subcommand shows. Redis does not
 * check this.
 */
function requireShown(context: Context, { shows }: DebugSubcommand, args: Args): void {
  if (shows === undefined) return
  const keys = args.slice(2, shows === 'keys' ? args.length : 3)
  for (const key of keys) context.server.acl.requireKey(context, debugCommand, args, key, READ_ACCESS)
}

/** A subcommand makes all its changes before it first waits. */
function* outcomeOf({ run, steps }: DebugSubcommand, context: Context, args: Args): Steps<Reply> {
  return run === undefined ? yield* must(steps)(context, args) : run(context, args)
}

function fits(arity: number, count: number): boolean {
  return arity < 0 ? count >= -arity : count === arity
}

export const debug: readonly Command[] = [debugCommand]
