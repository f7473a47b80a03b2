/** Deletions that no command asked for, as the log has them. */
import type { Bytes } from '../../base/bytes.ts'

export const keyDeletion = (key: Bytes): Bytes[] => ['DEL', key]

export const fieldDeletion = (key: Bytes, fields: readonly Bytes[]): Bytes[] => ['HDEL', key, ...fields]
