/**
 * Answers of etcd's JSON gateway as values. The gateway writes 64-bit integers as decimal text,
 * keys and values in base64, and leaves out what is zero or empty.
 */
import { EtcdError } from './etcd-error.ts'

/** The members of answers that are read. */
type Member =
  | 'header'
  | 'revision'
  | 'key'
  | 'value'
  | 'create_revision'
  | 'mod_revision'
  | 'lease'
  | 'type'
  | 'kv'
  | 'kvs'
  | 'events'
  | 'canceled'
  | 'compact_revision'
  | 'result'
  | 'responses'
  | 'response_range'
  | 'succeeded'
  | 'ID'
  | 'TTL'
  | 'error'
  | 'code'
  | 'grpc_code'
  | 'message'

/** An object of an answer, whose members may be anything. */
export type JsonObject = { readonly [M in Member]?: unknown }

/** A key with its value. */
export interface EtcdValue {
  readonly key: string
  readonly value: string
  /** The revision of the key's creation, and of its last change. */
  readonly createRevision: number
  readonly modRevision: number
  /** The id of the lease that the key ends with, in decimal; `0` for none. */
  readonly lease: string
}

/** A change of one key. A null value is a deletion. */
export interface EtcdChange {
  readonly key: string
  readonly value: EtcdValue | null
}

/** A message of a watch. */
export interface WatchMessage {
  readonly revision: number
  readonly changes: readonly EtcdChange[]
  /** True if etcd has ended the watch, as it does if it has dropped the watch's revision. */
  readonly isCancelled: boolean
}

const notEtcd = (what: string) => new EtcdError('refused', `the answer is not one of etcd: ${what}`)

export function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notEtcd(`${what} is no object`)
  return value as JsonObject
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw notEtcd(`${what} is no list`)
  return value
}

/** Reads a text; a missing one is empty. */
export function textOf(value: unknown, what: string): string {
  if (value === undefined || value === null) return ''
  if (typeof value !== 'string') throw notEtcd(`${what} is no text`)
  return value
}

/** Reads an integer of up to 53 bits, as number or text; a missing one is 0. */
export function integerOf(value: unknown, what: string): number {
  const number = value === undefined ? 0 : typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw notEtcd(`${what} is no integer`)
  return number
}

/** Reads an id of 64 bits, which stays text; a missing one is `0`. */
export function idOf(value: unknown, what: string): string {
  const text = value === undefined ? '0' : String(value)
  if (!/^-?\d{1,20}$/.test(text)) throw notEtcd(`${what} is no id`)
  return text
}

export const encoded = (text: string) => Buffer.from(text, 'utf8').toString('base64')
const decoded = (value: unknown, what: string) => Buffer.from(textOf(value, what), 'base64').toString('utf8')

export function keyValueOf(answer: unknown): EtcdValue {
  const { key, value, create_revision: created, mod_revision: modified, lease } = objectOf(answer, 'a key')
  return {
    key: decoded(key, 'a key'),
    value: decoded(value, 'a value'),
    createRevision: integerOf(created, 'create_revision'),
    modRevision: integerOf(modified, 'mod_revision'),
    lease: idOf(lease, 'lease'),
  }
}

export function revisionOf({ header }: JsonObject): number {
  const { revision } = objectOf(header ?? {}, 'header')
  return integerOf(revision, 'revision')
}

export function watchMessageOf(answer: JsonObject): WatchMessage {
  const result = objectOf(answer.result, 'the message of a watch')
  const { events, canceled, compact_revision: compacted } = result
  return {
    revision: revisionOf(result),
    changes: listOf(events, 'events').map(changeOf),
    isCancelled: canceled === true || compacted !== undefined,
  }
}

function changeOf(event: unknown): EtcdChange {
  const { type, kv } = objectOf(event, 'an event')
  const value = keyValueOf(kv)
  return { key: value.key, value: type === 'DELETE' ? null : value }
}

/** Returns the end of the range of keys that begin with a prefix, as etcd wants it. */
export function endOfPrefix(prefix: string): string {
  const bytes = Buffer.from(prefix, 'utf8')
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) + 1
  return bytes.toString('base64')
}
