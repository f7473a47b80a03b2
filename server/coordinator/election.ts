/**
 * The election of a coordinator: a key of etcd that ends with a lease of etcd. The transactions of
 * a coordinator require the revision at which it created the key, so one that has been replaced
 * changes nothing, even if it does not know.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { EtcdValue } from '../etcd/answers.ts'
import type { Etcd, EtcdCondition } from '../etcd/etcd.ts'

/** The time after which another coordinator takes over from one that is silent. */
const TTL_MS = 3000
const RENEWALS = 4

export interface ElectionOptions {
  readonly etcd: Pick<Etcd, 'find' | 'transact' | 'grant' | 'keepAlive' | 'revoke'>
  readonly key: string
  /** A name for people: the host and process. */
  readonly name: string
  readonly clock: Clock
  readonly log: Log
}

/** Takes part in the election of the coordinator. */
export class Election {
  private readonly options: ElectionOptions
  private leaseId: string | null = null
  private renewAtMs = 0
  /** The revision of the key that this coordinator has created; 0 if another is elected. */
  private revision = 0

  constructor(options: ElectionOptions) {
    this.options = options
  }

  get isElected(): boolean {
    return this.revision > 0
  }

  /** The condition of every transaction. REQUIRES: elected. */
  get condition(): EtcdCondition {
    return { key: this.options.key, createRevision: this.revision }
  }

  /** Renews the lease, stands for election. `current` is the last key known. Throws EtcdError. */
  async stand(current: EtcdValue | null): Promise<void> {
    const { etcd, key, name, log } = this.options
    const lease = await this.renewed()
    if (current === null || (this.isElected && current.createRevision !== this.revision)) await this.verify()
    if (this.isElected || (current !== null && current.lease !== lease)) return
    const { isDone, revision } = await etcd.transact({
      conditions: [{ key, createRevision: 0 }],
      operations: [{ put: key, value: name, lease }],
    })
    if (isDone) this.revision = revision
    else await this.verify()
    if (this.isElected) log.info({ name }, 'this coordinator is elected')
  }

  /** Gives the election up, so that another coordinator takes over at once. */
  async resign(): Promise<void> {
    const { leaseId } = this
    this.leaseId = null
    this.revision = 0
    if (leaseId !== null) await this.options.etcd.revoke(leaseId)
  }

  private async renewed(): Promise<string> {
    const { etcd, clock } = this.options
    const sentMs = clock.monotonicMs()
    if (this.leaseId !== null && sentMs < this.renewAtMs) return this.leaseId
    if (this.leaseId === null || (await etcd.keepAlive(this.leaseId)) === 0) this.leaseId = (await etcd.grant(TTL_MS)).id
    this.renewAtMs = sentMs + TTL_MS / RENEWALS
    return this.leaseId
  }

  /** Reads who is elected: the answer to a transaction may have been lost. */
  private async verify(): Promise<void> {
    const { etcd, key, log, name } = this.options
    const wasElected = this.isElected
    const { value } = await etcd.find(key)
    this.revision = value !== null && value.lease === this.leaseId ? value.createRevision : 0
    if (wasElected && !this.isElected) log.warn({ name, elected: value?.value ?? '' }, 'another coordinator is elected, this one waits')
  }
}
