/** The words of a Redis master to a link whose connection a test holds. */
import type { Bytes } from '../../../base/bytes.ts'
import { RdbWriter } from '../../../rdb/writer.ts'
import { until } from '../harness/engine.ts'
import { encoded } from './groups.ts'
import type { LinkBench } from './link-bench.ts'

export const REDIS_ID = 'ab'.repeat(20)
export const NEW_REDIS_ID = 'cd'.repeat(20)
export const MARK = 'm'.repeat(40)

/** An RDB of strings in database 0. */
export function rdbOf(entries: Readonly<Record<string, Bytes>>): Buffer {
  const writer = new RdbWriter({ version: 10, mayCompress: false })
  writer.begin()
  const chunks = [...writer.write({ kind: 'database', index: 0 })]
  for (const [key, value] of Object.entries(entries)) {
    chunks.push(
      ...writer.write({ kind: 'key', key, expireAtMs: null, value: { type: 'string', sizeBytes: value.length, pieces: [value] } }),
    )
  }
  return Buffer.concat([...chunks, ...writer.end()])
}

export const streamOf = (...commands: readonly (readonly Bytes[])[]) => Buffer.concat(commands.map(encoded))

/** Answers METASYNC as a Redis, then the requests that follow it. */
export function answer(bench: LinkBench, ...lines: readonly string[]): void {
  bench.receive("-ERR unknown command 'METASYNC', with args beginning with: \r\n")
  for (const line of lines) bench.receive(`${line}\r\n`)
}

/** Connects, and answers as a Redis up to PSYNC. Returns what the link has sent. */
export function upToPsync(bench: LinkBench): string[] {
  bench.wire.events.onConnected()
  answer(bench, '+PONG', '+OK', '+OK')
  return bench.takeSent()
}

/** Gives a full sync by its length, and waits until the stream has begun. */
export async function fullSync(bench: LinkBench, rdb: Buffer, offset: number, after: Buffer = Buffer.alloc(0)): Promise<void> {
  bench.receive(Buffer.concat([Buffer.from(`+FULLRESYNC ${REDIS_ID} ${offset}\r\n$${rdb.length}\r\n`), rdb, after]))
  await until(() => bench.link.isUp, 'the stream')
  bench.link.flush()
}
