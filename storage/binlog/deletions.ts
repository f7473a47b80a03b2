/** The commands by which the log records the deletion of expired keys and fields. */
import type { Bytes } from '../../base/bytes.ts'

export const keyDeletion = (key: Bytes): Bytes[] => ['DEL', key]

export const fieldDeletion = (key: Bytes, fields: readonly Bytes[]): Bytes[] => ['HDEL', key, ...fields]
