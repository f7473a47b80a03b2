/**
 * DUMP, and the payloads of values. A payload has version 10, that of Redis 7.0; that of a hash
 * whose fields have deadlines has version 12, that of Redis 7.4.
 */
import { payloadChunks } from '../../rdb/writer.ts'
import { hasFieldDeadlines, rdbValueOf } from '../../storage/exchange/outgoing.ts'
import type { Value } from '../../storage/values/value.ts'
import { type Command, command, firstKey } from '../contract/command.ts'
import type { ServerPort } from '../contract/ports.ts'
import { BulkChunks } from '../contract/reply.ts'

/** Lists and streams up to this size are divided into nodes as Redis does. */
const MAX_HELD_BYTES = 16 * 1024 * 1024

/** Returns the payload of a value in chunks. */
export function payloadOf(value: Value, { config }: ServerPort, versions: 'any' | 'redis 7.0'): readonly Buffer[] {
  const { chunks } = payloadChunks(rdbValueOf(value), {
    version: versions === 'any' && hasFieldDeadlines(value) ? 12 : 10,
    mayCompress: config.flag('rdbcompression'),
    limits: {
      listNodeSize: config.number('list-max-listpack-size'),
      streamNodeEntries: config.number('stream-node-max-entries'),
      streamNodeBytes: config.number('stream-node-max-bytes'),
      heldBytes: MAX_HELD_BYTES,
    },
  })
  return chunks
}

const dump = command({
  name: 'dump',
  group: 'generic',
  since: '2.6.0',
  summary: 'Returns a serialized representation of the value stored at a key.',
  complexity:
    'O(1) to access the key and additional O(N*M) to serialize it, where N is the number of Redis objects composing the value and M their average size. For small string values the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1).',
  syntax: 'DUMP key',
  arity: 2,
  flags: ['readonly'],
  keys: firstKey('RO', 'access'),
  tips: ['nondeterministic_output'],
  run({ db, server }, args) {
    const value = db.read(args[1])?.value ?? null
    if (value === null) return null
    const chunks = payloadOf(value, server, 'any')
    return new BulkChunks(
      chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      chunks,
    )
  },
})

export const dumps: readonly Command[] = [dump]
