/** The replica's state machine, driven by hand. */
import * as assert from 'uvu/assert'
import { metaReply, type SnapshotHead, snapshotHeadWords, trySyncReplyWords } from '../../../replication/protocol/messages.ts'
import { defaultReplicationSettings } from '../../../replication/protocol/settings.ts'
import { ReplicaMachine } from '../../../replication/replica/machine.ts'
import type { LinkAction, LinkEvent, LinkFacts, LinkState } from '../../../replication/replica/machine-types.ts'
import { newIdentity } from '../../../storage/directory/identity.ts'

export const OWN_RUN = 'a'.repeat(40)
export const MASTER_RUN = 'b'.repeat(40)
export const UPPER_RUN = 'c'.repeat(40)
export const OWN_ID = '1'.repeat(40)
export const OLD_ID = '2'.repeat(40)
export const OLDER_ID = '3'.repeat(40)
export const MASTER_ID = '4'.repeat(40)
export const MASTER = { host: 'upstream', port: 6380, failover: false }
export const META = {
  session: 7,
  replicationId: MASTER_ID,
  past: [],
  runId: MASTER_RUN,
  version: 1,
  databases: 16,
  binlogStart: 0,
  binlogEnd: 500,
  chain: [MASTER_RUN, UPPER_RUN],
}
export const HEAD: SnapshotHead = { id: 'abc', offset: 900, crc: 5, records: 10, bytes: 1000, replicationId: MASTER_ID, past: [] }

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** A replica's state machine on a made-up node. */
export class Bench {
  readonly facts: Mutable<LinkFacts> = {
    monotonicMs: 0,
    random: () => 1,
    settings: defaultReplicationSettings(),
    runId: OWN_RUN,
    databases: 16,
    port: 6379,
    identity: { ...newIdentity(() => 0), replicationId: OWN_ID },
    fullSync: null,
    end: { offset: 300, crc: 0xabcdef01 },
    isEmpty: false,
    copy: null,
    copiedBytes: 0,
    freeBytes: 2 ** 40,
    isPaused: false,
  }
  readonly machine = new ReplicaMachine(this.facts)

  do(event: LinkEvent): readonly LinkAction[] {
    return this.machine.handle(event)
  }

  reply(words: readonly string[] | Error | Buffer): readonly LinkAction[] {
    return this.do({ type: 'reply', reply: Array.isArray(words) ? words.map((word) => Buffer.from(word)) : (words as Error | Buffer) })
  }

  meta(changes: Partial<typeof META> = {}): readonly LinkAction[] {
    return this.reply(metaReply({ ...META, ...changes }))
  }

  allowContinue(offset = this.facts.end.offset): readonly LinkAction[] {
    return this.reply(trySyncReplyWords({ type: 'continue', replicationId: MASTER_ID, offset, past: [{ id: OWN_ID, until: 300 }] }))
  }

  /** Goes to a state by the shortest way. */
  to(state: LinkState): this {
    const { facts } = this
    if (state === 'none') return this
    this.do({ type: 'follow', master: MASTER })
    if (state === 'connecting') return this
    if (state === 'connect') this.do({ type: 'closed', reason: 'refused' })
    else {
      if (state === 'auth') facts.settings.masterPassword = 'secret'
      this.do({ type: 'connected' })
      if (state === 'db_sync' || state === 'installing') facts.fullSync = 'asked for'
      if (state !== 'auth' && state !== 'meta_sync') this.meta()
      if (state === 'db_sync' || state === 'installing') this.reply(snapshotHeadWords(HEAD))
      if (state === 'installing') this.do({ type: 'copied' })
      if (state === 'binlog_sync') {
        this.allowContinue()
        this.do({ type: 'streaming' })
      }
    }
    assert.is(this.machine.state, state)
    return this
  }
}

export const types = (actions: readonly LinkAction[]) => actions.map(({ type }) => type)
export const silent = (actions: readonly LinkAction[]) => types(actions).filter((type) => type !== 'log')
export const sent = (actions: readonly LinkAction[]) =>
  actions.flatMap((action) => (action.type === 'send' ? [action.words.join(' ')] : []))
export const logged = (actions: readonly LinkAction[], level: string) =>
  actions.flatMap((action) => (action.type === 'log' && action.level === level ? [action] : []))
