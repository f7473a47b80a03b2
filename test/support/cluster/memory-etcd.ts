/** The keys of an etcd in memory, with revisions, conditions and failures that a test sets. */
import type { EtcdChange, EtcdValue } from '../../../server/etcd/answers.ts'
import type { Etcd, EtcdCondition, EtcdOperation, EtcdTransaction, TransactionResult, WatchEvents } from '../../../server/etcd/etcd.ts'
import { EtcdError } from '../../../server/etcd/etcd-error.ts'

type Requests = Pick<Etcd, 'find' | 'findAll' | 'transact' | 'grant' | 'keepAlive' | 'revoke' | 'watch'>

/** An etcd of one member that never fails unless told to. */
export class MemoryEtcd implements Requests {
  readonly keys = new Map<string, EtcdValue>()
  revision = 1
  /** `away`: nothing is executed. `unheard`: requests are executed, and their answers are lost. */
  state: 'well' | 'away' | 'unheard' = 'well'
  /** Ids of the leases that have not ended. */
  readonly leases = new Set<string>()
  transactions = 0
  /** All requests, with those that failed. */
  requests = 0
  private readonly watches = new Set<{ readonly prefix: string; readonly events: WatchEvents }>()
  private lastLease = 0

  put(key: string, value: string, lease = '0'): void {
    this.revision++
    this.write(key, value, lease)
  }

  watch(prefix: string, _fromRevision: number, events: WatchEvents) {
    const watch = { prefix, events }
    this.watches.add(watch)
    return { close: () => void this.watches.delete(watch) }
  }

  async find(key: string) {
    return this.answer(() => ({ value: this.keys.get(key) ?? null, revision: this.revision }))
  }

  async findAll(prefix: string) {
    return this.answer(() => ({ values: [...this.keys.values()].filter(({ key }) => key.startsWith(prefix)), revision: this.revision }))
  }

  async transact({ conditions, operations }: EtcdTransaction): Promise<TransactionResult> {
    return this.answer(() => {
      this.transactions++
      if (!conditions.every((condition) => this.holds(condition))) return { isDone: false, revision: this.revision, reads: [] }
      for (const operation of operations) this.requireLease(operation)
      if (operations.some((operation) => !('read' in operation))) this.revision++
      const reads = operations.flatMap((operation) => this.apply(operation))
      return { isDone: true, revision: this.revision, reads }
    })
  }

  async grant(ttlMs: number) {
    return this.answer(() => {
      this.lastLease++
      this.leases.add(String(this.lastLease))
      return { id: String(this.lastLease), ttlMs }
    })
  }

  async keepAlive(id: string): Promise<number> {
    return this.answer(() => (this.leases.has(id) ? 1000 : 0))
  }

  async revoke(id: string): Promise<void> {
    this.endLease(id)
  }

  /** Ends a lease, and with it the keys that have it. */
  endLease(id: string): void {
    this.leases.delete(id)
    this.revision++
    for (const { key, lease } of this.keys.values()) if (lease === id) this.remove(key)
  }

  private async answer<T>(run: () => T): Promise<T> {
    await Promise.resolve()
    this.requests++
    if (this.state === 'away') throw new EtcdError('unreachable', 'no etcd')
    const result = run()
    if (this.state === 'unheard') throw new EtcdError('unreachable', 'no answer')
    return result
  }

  private requireLease(operation: EtcdOperation): void {
    if (!('put' in operation) || operation.lease === undefined || this.leases.has(operation.lease)) return
    throw new EtcdError('refused', 'requested lease not found')
  }

  private holds(condition: EtcdCondition): boolean {
    const value = this.keys.get(condition.key)
    if ('modRevision' in condition) return (value?.modRevision ?? 0) === condition.modRevision
    return (value?.createRevision ?? 0) === condition.createRevision
  }

  private apply(operation: EtcdOperation): (EtcdValue | null)[] {
    if ('read' in operation) return [this.keys.get(operation.read) ?? null]
    if ('delete' in operation) this.remove(operation.delete)
    else this.write(operation.put, operation.value, operation.lease ?? '0')
    return []
  }

  private write(key: string, value: string, lease: string): void {
    const createRevision = this.keys.get(key)?.createRevision ?? this.revision
    const entry = { key, value, createRevision, modRevision: this.revision, lease }
    this.keys.set(key, entry)
    this.tell({ key, value: entry })
  }

  private remove(key: string): void {
    if (this.keys.delete(key)) this.tell({ key, value: null })
  }

  /** Tells watches of a change, later. */
  private tell(change: EtcdChange): void {
    const { revision } = this
    for (const { prefix, events } of this.watches)
      if (change.key.startsWith(prefix)) queueMicrotask(() => events.onMessage({ revision, changes: [change], isCancelled: false }))
  }
}
