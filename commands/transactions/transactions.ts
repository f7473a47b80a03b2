/**
 * MULTI EXEC DISCARD WATCH UNWATCH. After MULTI the executor queues requests, and refuses at once
 * those that fail its checks. EXEC runs them as one unit: no other command comes between, and the
 * binlog has all of them or none.
 */
import { must } from '../../base/assert.ts'
import type { Reason } from '../contract/access.ts'
import { type Command, type CommandFlag, command, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import { ErrorReply, NULL_ARRAY, OK, type Reply, SUSPENDED } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import type { Session } from '../contract/session.ts'
import type { WatchesPort } from '../contract/transactions.ts'
import { Transaction } from './transaction.ts'
import { Watch } from './watches.ts'

const FLAGS: readonly CommandFlag[] = ['noscript', 'loading', 'stale', 'fast', 'allow_busy']

const multi = command({
  name: 'multi',
  group: 'transactions',
  since: '1.2.0',
  summary: 'Starts a transaction.',
  complexity: 'O(1)',
  syntax: 'MULTI',
  arity: 1,
  flags: FLAGS,
  run({ session }) {
    if (session.transaction !== null) throw clientError('ERR MULTI calls can not be nested')
    session.transaction = new Transaction()
    return OK
  },
})

const exec = command({
  name: 'exec',
  group: 'transactions',
  since: '1.2.0',
  summary: 'Executes all commands in a transaction.',
  complexity: 'Depends on commands in the transaction',
  syntax: 'EXEC',
  arity: 1,
  flags: ['noscript', 'loading', 'stale', 'skip_slowlog'],
  run(context) {
    const { session, units } = context
    const { transaction, watch } = session
    if (transaction === null) throw clientError('ERR EXEC without MULTI')
    const isBroken = watch !== null && units.watches.isBroken(watch)
    endTransaction(session, units.watches)
    if (transaction.isSpoiled) throw clientError('EXECABORT Transaction discarded because of previous errors.')
    if (isBroken) return NULL_ARRAY
    return units.runTogether(() => runQueue(context, transaction.requests, []))
  },
})

/**
 * Runs the remaining requests, starting after the last reply. A script among them may suspend the
 * unit; the rest runs after it.
 */
function runQueue(context: Context, requests: readonly Request[], replies: Reply[]): Reply {
  const { session, units } = context
  while (replies.length < requests.length) {
    const request = must(requests[replies.length])
    const reply = refusalByAcl(context, request) ?? units.runQueued(request)
    if (reply === SUSPENDED) {
      units.continuation = (last) => {
        replies.push(last)
        context.session = session
        return runQueue(context, requests, replies)
      }
      return SUSPENDED
    }
    replies.push(reply)
  }
  return replies
}

/**
 * Returns EXEC's error for a request that the user's ACL allowed when it was queued, but no longer
 * allows. Null if it is allowed.
 */
function refusalByAcl({ session, server, nowMs }: Context, { runtime, args }: Request): ErrorReply | null {
  if (session.user.isUnrestricted) return null
  const refusal = server.acl.refusal(session, runtime.command, args, 'multi', nowMs)
  if (refusal === null) return null
  const text = `NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ${NO_LONGER[refusal.reason]}`
  server.statistics.error(text)
  return new ErrorReply(text)
}

const NO_LONGER: Readonly<Record<Reason, string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments to the command',
}

/** Ends the session's transaction and its watch. */
export function endTransaction(session: Session, watches: WatchesPort): void {
  session.transaction = null
  if (session.watch === null) return
  watches.remove(session.watch)
  session.watch = null
}

const discard = command({
  name: 'discard',
  group: 'transactions',
  since: '2.0.0',
  summary: 'Discards a transaction.',
  complexity: 'O(N), when N is the number of queued commands',
  syntax: 'DISCARD',
  arity: 1,
  flags: FLAGS,
  run({ session, units }) {
    if (session.transaction === null) throw clientError('ERR DISCARD without MULTI')
    endTransaction(session, units.watches)
    return OK
  },
})

const watch = command({
  name: 'watch',
  group: 'transactions',
  since: '2.2.0',
  summary: 'Monitors changes to keys to determine the execution of a transaction.',
  complexity: 'O(1) for every key.',
  syntax: 'WATCH key [key ...]',
  arity: -2,
  flags: FLAGS,
  keys: [keyRange(1, -1, 1, 'RO')],
  run({ session, units, db, keyspace }, args) {
    if (session.transaction !== null) throw clientError('ERR WATCH inside MULTI is not allowed')
    if (session.watch?.isBroken === true) return OK // EXEC fails anyway
    session.watch ??= new Watch()
    for (let i = 1; i < args.length; i++) {
      const key = must(args[i])
      keyspace.eviction.makeRoom()
      if (!keyspace.isUnitSuspended) db.peek(key) // deletes an expired key before it is watched
      units.watches.add(session.watch, db.index, key)
    }
    return OK
  },
})

const unwatch = command({
  name: 'unwatch',
  group: 'transactions',
  since: '2.2.0',
  summary: 'Forgets about watched keys of a transaction.',
  complexity: 'O(1)',
  syntax: 'UNWATCH',
  arity: 1,
  flags: FLAGS,
  run({ session, units }) {
    if (session.watch !== null) units.watches.remove(session.watch)
    session.watch = null
    return OK
  },
})

export const transactions: readonly Command[] = [multi, exec, discard, watch, unwatch]
