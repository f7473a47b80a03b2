/**
 * The requests to etcd that a cluster needs: keys, transactions, leases, watches. Keys and values
 * are text. Every method throws EtcdError.
 */
import {
  type EtcdValue,
  encoded,
  endOfPrefix,
  idOf,
  integerOf,
  type JsonObject,
  keyValueOf,
  listOf,
  objectOf,
  revisionOf,
  type WatchMessage,
  watchMessageOf,
} from './answers.ts'
import { EtcdError } from './etcd-error.ts'
import { EtcdGateway, type EtcdStream, type GatewayOptions, type StreamEvents } from './gateway.ts'

/** The keys that a request has read, and the revision of etcd at that moment. */
export interface EtcdRange {
  readonly values: readonly EtcdValue[]
  readonly revision: number
}

/** A condition of a transaction. A revision of 0 means that the key does not exist. */
export type EtcdCondition =
  | { readonly key: string; readonly modRevision: number }
  | { readonly key: string; readonly createRevision: number }

export type EtcdOperation =
  | { readonly put: string; readonly value: string; readonly lease?: string }
  | { readonly delete: string }
  | { readonly read: string }

export interface EtcdTransaction {
  /** All must hold. */
  readonly conditions: readonly EtcdCondition[]
  readonly operations: readonly EtcdOperation[]
}

export interface TransactionResult {
  /** False if a condition did not hold: nothing was done. */
  readonly isDone: boolean
  readonly revision: number
  /** The keys that each `read` found, in their order; null for no key. */
  readonly reads: readonly (EtcdValue | null)[]
}

export interface GrantedLease {
  readonly id: string
  readonly ttlMs: number
}

export interface WatchEvents {
  onMessage(message: WatchMessage): void
  onEnded(error: EtcdError): void
}

/** A client of one etcd. */
export class Etcd {
  private readonly gateway: EtcdGateway

  constructor(options: GatewayOptions) {
    this.gateway = new EtcdGateway(options)
  }

  /** Reads one key. */
  async find(key: string): Promise<{ readonly value: EtcdValue | null; readonly revision: number }> {
    const { values, revision } = await this.range({ key: encoded(key) })
    return { value: values[0] ?? null, revision }
  }

  /** Reads all keys that begin with a prefix. */
  findAll(prefix: string): Promise<EtcdRange> {
    return this.range({ key: encoded(prefix), range_end: endOfPrefix(prefix) })
  }

  /**
   * Runs a transaction. After an `unreachable` error etcd may have executed it. If it has, the
   * conditions no longer hold, and the same transaction changes nothing when it is sent again.
   */
  async transact({ conditions, operations }: EtcdTransaction): Promise<TransactionResult> {
    const isReading = operations.every((operation) => 'read' in operation)
    const answer = await this.gateway.request(
      '/v3/kv/txn',
      { compare: conditions.map(conditionMessage), success: operations.map(operationMessage) },
      isReading ? 'repeatable' : 'once',
    )
    const ranges = listOf(answer.responses, 'responses').map((one) => objectOf(one, 'a response').response_range)
    const reads = ranges.filter((range) => range !== undefined).map((range) => valuesOf(objectOf(range, 'a range'))[0] ?? null)
    return { isDone: answer.succeeded === true, revision: revisionOf(answer), reads }
  }

  async grant(ttlMs: number): Promise<GrantedLease> {
    const answer = await this.gateway.request('/v3/lease/grant', { TTL: Math.ceil(ttlMs / 1000) }, 'once')
    return { id: idOf(answer.ID, 'ID'), ttlMs: integerOf(answer.TTL, 'TTL') * 1000 }
  }

  /** Resolves to the time to live from the request's arrival on, ms; 0 if the lease has ended. */
  async keepAlive(id: string): Promise<number> {
    const answer = await this.gateway.request('/v3/lease/keepalive', { ID: id }, 'repeatable')
    return Math.max(0, integerOf(objectOf(answer.result, 'result').TTL, 'TTL')) * 1000
  }

  /** Ends a lease. A lease that has ended already is no error. */
  async revoke(id: string): Promise<void> {
    try {
      await this.gateway.request('/v3/lease/revoke', { ID: id }, 'repeatable')
    } catch (error) {
      if (!(error instanceof EtcdError) || error.kind !== 'refused') throw error
    }
  }

  /** Follows the keys of a prefix from a revision on. */
  watch(prefix: string, fromRevision: number, { onMessage, onEnded }: WatchEvents): EtcdStream {
    const create = { key: encoded(prefix), range_end: endOfPrefix(prefix), start_revision: String(fromRevision) }
    const events: StreamEvents = { onMessage: (message) => onMessage(watchMessageOf(message)), onEnded }
    return this.gateway.stream('/v3/watch', { create_request: create }, events)
  }

  close(): void {
    this.gateway.close()
  }

  private async range(request: object): Promise<EtcdRange> {
    const answer = await this.gateway.request('/v3/kv/range', request, 'repeatable')
    return { values: valuesOf(answer), revision: revisionOf(answer) }
  }
}

const valuesOf = (range: JsonObject) => listOf(range.kvs, 'kvs').map(keyValueOf)

function conditionMessage(condition: EtcdCondition): object {
  const key = encoded(condition.key)
  return 'modRevision' in condition
    ? { key, target: 'MOD', result: 'EQUAL', mod_revision: String(condition.modRevision) }
    : { key, target: 'CREATE', result: 'EQUAL', create_revision: String(condition.createRevision) }
}

function operationMessage(operation: EtcdOperation): object {
  if ('put' in operation) {
    const { put, value, lease = '0' } = operation
    return { request_put: { key: encoded(put), value: encoded(value), lease } }
  }
  if ('delete' in operation) return { request_delete_range: { key: encoded(operation.delete) } }
  return { request_range: { key: encoded(operation.read) } }
}
