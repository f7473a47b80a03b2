/**
 * The state machine of the link to a master: events in, actions out, nothing else.
 *
 *   none -follow-> connecting -> [auth] -> meta_sync -> try_sync -> binlog_sync
 *                     ^                       |  ^          |           |
 *                     |                       |  '--------. v           |
 *                  connect <- any failure     '-> db_sync -> installing -> try_sync
 *
 * A master that does not know METASYNC is a Redis. The state `redis` then takes the place of those
 * from try_sync on, and redis-link.ts has the conversation.
 *
 * No state is final. Any failure leads to `connect` with its reason, and to another try after a
 * delay. Requests that a master answers at once time out after ten seconds, all others after
 * repl-timeout without data. A new reason is logged, and forgotten once the link has held for a
 * while. machine-table.ts has the action of each state on each event.
 */
import { must } from '../../base/assert.ts'
import type { MasterAddress } from '../../storage/directory/identity.ts'
import {
  attemptSeen,
  binlogSyncWords,
  dbSyncWords,
  interpret,
  isUnknownCommand,
  type LinkReply,
  MAX_ATTEMPT,
  readMeta,
  readSnapshotHead,
  readTrySyncReply,
  type TrySyncReply,
} from '../protocol/messages.ts'
import { backoffMs, MIN_STABLE_MS, PROMPT_TIMEOUT_MS } from './backoff.ts'
import { BadGroups } from './bad-groups.ts'
import { CopyRoom } from './copy-room.ts'
import { downLine, upLine } from './link-lines.ts'
import { TABLE } from './machine-table.ts'
import type { LinkAction, LinkEvent, LinkFacts, LinkState, LinkStatus } from './machine-types.ts'
import { chainAbove, objectionTo } from './objection.ts'
import { continuation, fullSyncNeed, introduction } from './requests.ts'
import { kindOf, ToldReasons } from './told-reasons.ts'

const WAIT = Buffer.from('WAIT')

/** The state machine of the link to a master. It turns events into actions and does no I/O. */
export class ReplicaMachine implements LinkStatus {
  state: LinkState = 'none'
  isStreaming = false
  master: MasterAddress | null = null
  chain: readonly string[] = []
  attempts = 0
  /** The number of the last METASYNC; greater than all that masters have seen of this process. */
  private lastAttempt = 0
  fullSyncs = 0
  partialSyncs = 0
  reason: string | null = null
  reasonSinceMs: number | null = null
  downSinceMs: number | null = null
  lastIoMs: number | null = null
  private readonly facts: LinkFacts
  private actions: LinkAction[] = []
  /** In `installing`: true while the connection is open. */
  private isWired = false
  /** True if the server at the other end of the connection is a Redis. */
  isRedis = false
  /** True once the master was asked to take over: it may have done so. */
  hasAskedToTakeOver = false
  private session = 0
  private accepts: readonly string[] | undefined
  private hasHead = false
  fullSync: LinkStatus['fullSync'] = null
  private failures = 0
  retryAtMs = 0
  private enteredMs = 0
  private readonly told = new ToldReasons()
  private readonly room = new CopyRoom()
  /** Since when the master has been silent while this node was reading. */
  private quietSinceMs = 0
  private readonly badGroups = new BadGroups()

  constructor(facts: LinkFacts) {
    this.facts = facts
  }

  /** Handles an event. Returns the actions, in their order. */
  handle(event: LinkEvent): readonly LinkAction[] {
    const { state, chain, isStreaming } = this
    TABLE[this.state][event.type](this, event as never)
    const { actions } = this
    this.actions = []
    if (this.state !== state || this.chain !== chain || this.isStreaming !== isStreaming) actions.push({ type: 'changed' })
    return actions
  }

  // The actions of the table.

  follow(master: MasterAddress): void {
    this.forgetMaster()
    this.hasAskedToTakeOver = false
    this.master = master
    this.dial()
  }

  leave(): void {
    this.forgetMaster()
    this.enter('none')
  }

  dial(): void {
    const { host, port } = must(this.master)
    this.enter('connecting')
    this.room.beginTry()
    this.isRedis = false
    this.isWired = true
    this.actions.push({ type: 'dial', host, port })
  }

  /** Drops the connection and opens another one at once. */
  reconnect(reason: string): void {
    this.log('info', { reason }, 'reconnecting to the master')
    this.failures = 0
    this.hangUp()
    this.dial()
  }

  authenticate(): void {
    this.heard()
    const { masterUser, masterPassword } = this.facts.settings
    if (masterPassword === '') this.metaSync()
    else {
      this.enter('auth')
      this.send(masterUser === '' ? ['AUTH', masterPassword] : ['AUTH', masterUser, masterPassword])
    }
  }

  authenticated(reply: LinkReply): void {
    if (reply instanceof Error) this.fail(`AUTH: ${reply.message}`)
    else this.metaSync()
  }

  metaReplied(reply: LinkReply): void {
    if (isUnknownCommand(reply) && this.facts.mayFollowRedis === true && !this.isFailover) {
      this.speakToRedis('redis')
      return
    }
    if (reply instanceof Error) this.lastAttempt = Math.max(this.lastAttempt, attemptSeen(reply.message))
    const meta = this.read('METASYNC', reply, readMeta)
    if (meta === null) return
    const objection = objectionTo(meta, this.facts, this.isFailover)
    if (objection !== null) {
      this.fail(objection)
      return
    }
    this.session = meta.session
    this.accepts = meta.accepts
    const chain = chainAbove(meta, this.facts.runId)
    if (chain.join() !== this.chain.join()) this.chain = chain
    const why = fullSyncNeed(this.facts, meta)
    if (why === null || this.isFailover) this.trySync()
    else this.dbSync(why)
  }

  syncReplied(reply: LinkReply): void {
    const answer = this.read('TRYSYNC', reply, readTrySyncReply)
    if (answer === null) return
    const { fullSync, identity } = this.facts
    if (this.isFailover || identity.master?.failover === true) {
      this.master = { ...must(this.master), failover: false }
      this.actions.push({ type: 'failover-done' }) // repeated if it could not be stored last time
    }
    if (answer.type === 'full-sync') this.dbSync(answer.text === '' ? answer.reason : answer.text)
    else if (fullSync !== null) this.dbSync(fullSync)
    else this.continueStream(answer)
  }

  copyReplied(reply: LinkReply): void {
    if (Buffer.isBuffer(reply) && reply.equals(WAIT)) return
    if (reply instanceof Error) this.fail(`DBSYNC: ${reply.message}`)
    else if (!this.hasHead) this.copyBegins(reply)
    else if (Buffer.isBuffer(reply)) this.actions.push({ type: 'chunk', chunk: reply })
    else this.fail('DBSYNC: a reply is not a chunk')
  }

  install(): void {
    this.enter('installing')
    this.actions.push({ type: 'install' })
  }

  installed(): void {
    this.fullSyncs++
    this.fullSync = 'installed'
    this.room.reset()
    this.log('info', { offset: this.facts.end.offset }, 'full sync done: the new data is installed')
    if (this.isWired) {
      this.heard()
      if (this.isRedis) this.speakToRedis('redis-installed')
      else this.trySync()
    } else this.dial()
  }

  heard(atMs = this.facts.monotonicMs): void {
    this.lastIoMs = atMs
    this.quietSinceMs = atMs
  }

  streamBegins(): void {
    if (this.isStreaming) return
    this.isStreaming = true
    this.enteredMs = this.facts.monotonicMs
    this.downSinceMs = null
    if (this.fullSync !== 'installed') this.partialSyncs++
    this.fullSync = null
    this.room.reset()
    if (this.reason === null) this.actions.push(upLine(must(this.master), this.facts.end.offset))
  }

  streamEnded(text: string): void {
    if (this.isStreaming) this.lose(`the master ended the stream: ${text}`)
    else this.fail(`BINLOGSYNC: ${text}`)
  }

  badGroupCame(offset: number, reason: string): void {
    const text = this.badGroups.add(offset, reason)
    if (text !== null) this.actions.push({ type: 'require-full-sync', reason: text })
    this.fail(`the master sent ${reason}`)
  }

  /** Drops the link after its connection broke. A link that was stable is dialled again at once. */
  lose(reason: string): void {
    const wasStable = this.isStreaming && this.facts.monotonicMs - this.enteredMs >= MIN_STABLE_MS
    this.failures = wasStable ? 0 : this.failures + 1
    this.disconnect(reason)
  }

  /** Drops the link after a failure that an immediate try would repeat. */
  fail(reason: string): void {
    this.failures++
    this.disconnect(reason)
  }

  dialWhenDue(): void {
    if (this.facts.monotonicMs >= this.retryAtMs || this.room.isFree(this.facts)) this.dial()
  }

  /** Drops the link if a prompt reply is overdue. `lack` says what is missing, for the reason. */
  checkPrompt(lack: string): void {
    const limitMs = Math.min(PROMPT_TIMEOUT_MS, this.facts.settings.timeoutMs)
    if (this.facts.monotonicMs - this.enteredMs >= limitMs) this.lose(`${lack} within ${limitMs / 1000} s`)
  }

  checkSilence(): void {
    const { monotonicMs, settings, isPaused } = this.facts
    if (isPaused) this.quietSinceMs = monotonicMs
    if (monotonicMs - this.quietSinceMs >= settings.timeoutMs)
      this.lose(`nothing was heard from the master for ${settings.timeoutMs / 1000} s`)
  }

  checkLink(): void {
    const isStable = this.isStreaming && this.facts.monotonicMs - this.enteredMs >= MIN_STABLE_MS
    if (isStable && (this.reason !== null || this.failures > 0)) {
      if (this.reason !== null) this.actions.push(upLine(must(this.master), this.facts.end.offset))
      this.failures = 0
      this.reason = null
      this.told.clear()
      this.reasonSinceMs = null
    }
    this.checkSilence()
  }

  get isFailover(): boolean {
    return this.master?.failover === true
  }

  /** Leaves the conversation to redis-link.ts: the master is a Redis. */
  private speakToRedis(type: 'redis' | 'redis-installed'): void {
    if (this.chain.length > 0) this.chain = []
    this.isRedis = true
    this.enter('redis')
    this.actions.push({ type })
  }

  private metaSync(): void {
    this.attempts++
    this.enter('meta_sync')
    this.lastAttempt = Math.min(this.lastAttempt + 1, MAX_ATTEMPT)
    this.send(introduction(this.facts, this.lastAttempt, this.isFailover))
  }

  private trySync(): void {
    this.enter('try_sync')
    if (this.isFailover) this.hasAskedToTakeOver = true
    this.send(continuation(this.facts, this.session, this.accepts, this.isFailover))
  }

  private dbSync(why: string): void {
    const { copy } = this.facts
    this.enter('db_sync')
    this.fullSync = 'needed'
    this.hasHead = false
    const fields = copy === null ? { reason: why } : { reason: why, snapshot: copy.snapshot }
    this.log(this.room.hasFailed ? 'debug' : 'info', fields, 'requesting a full sync')
    this.send(dbSyncWords({ session: this.session, snapshot: copy?.snapshot ?? null, after: copy?.after ?? null }))
  }

  private copyBegins(reply: LinkReply): void {
    const head = this.read('DBSYNC', reply, readSnapshotHead)
    if (head === null) return
    const lack = this.room.lackFor(head, this.facts)
    if (lack !== null) {
      this.waitForRoom(lack)
      // The copy of another snapshot cannot be resumed, and it takes space.
      if (this.facts.copy?.snapshot !== head.id) this.actions.push({ type: 'abandon-copy' })
      return
    }
    this.hasHead = true
    const fields = { offset: head.offset, records: head.records, bytes: head.bytes }
    this.log('info', fields, this.facts.copy?.snapshot === head.id ? 'full sync resumes' : 'full sync begins')
    this.actions.push({ type: 'copy', head })
  }

  /** Drops the link after an expensive try. The waits grow, and end early once there is room. */
  waitForRoom(reason = this.room.fullReason, firstMs?: number): void {
    this.fail(reason)
    this.retryAtMs = this.facts.monotonicMs + this.room.waitMs(this.facts.random, firstMs)
  }

  private continueStream({ offset, replicationId, past }: Extract<TrySyncReply, { type: 'continue' }>): void {
    const { end, copy } = this.facts
    if (offset !== end.offset) {
      this.fail(`TRYSYNC: the master would continue at offset ${offset}, and this node is at ${end.offset}`)
      return
    }
    if (copy !== null) this.actions.push({ type: 'abandon-copy' })
    this.room.reset()
    this.enter('binlog_sync')
    this.actions.push({ type: 'adopt-history', replicationId, past })
    this.send(binlogSyncWords(this.session, offset))
    this.actions.push({ type: 'stream', offset })
  }

  /** Returns the content of the reply, or null after the link was dropped because of it. */
  private read<T>(request: string, reply: LinkReply, reader: (reply: LinkReply) => T): T | null {
    const read = interpret(request, reply, reader)
    if ('said' in read) return read.said
    this.fail(read.refusal)
    return null
  }

  /** Forgets all state of an earlier master. */
  private forgetMaster(): void {
    this.hangUp()
    this.actions.push({ type: 'abandon-copy' })
    this.master = null
    if (this.chain.length > 0) this.chain = []
    this.failures = 0
    this.badGroups.clear()
    this.fullSync = null
    this.reason = null
    this.told.clear()
    this.room.reset()
    this.reasonSinceMs = null
    this.downSinceMs = null
    this.lastIoMs = null
  }

  /** Closes the connection. An installation continues without one. */
  hangUp(): void {
    if (this.isWired) this.actions.push({ type: 'hang-up' })
    this.isWired = false
    this.session = 0
    if (this.isStreaming) this.downSinceMs = this.facts.monotonicMs
    this.isStreaming = false
  }

  private disconnect(reason: string): void {
    const { facts } = this
    this.hangUp()
    if (this.reason === null || kindOf(reason) !== kindOf(this.reason)) {
      if (this.told.add(reason)) this.actions.push(downLine(must(this.master), this.state, reason))
      this.reasonSinceMs = facts.monotonicMs
    }
    this.reason = reason
    this.retryAtMs = facts.monotonicMs + backoffMs(this.failures, facts.random)
    if (this.failures === 0) this.dial()
    else this.enter('connect')
  }

  private enter(state: LinkState): void {
    this.state = state
    this.enteredMs = this.facts.monotonicMs
  }

  private send(words: readonly string[]): void {
    this.actions.push({ type: 'send', words })
  }

  private log(level: 'debug' | 'info' | 'warn', fields: object, text: string): void {
    this.actions.push({ type: 'log', level, fields, text })
  }
}
