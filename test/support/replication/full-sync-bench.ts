/** A master with data, replicas that request a full sync, and the bytes they receive. */
import * as assert from 'uvu/assert'
import { type ChunkRecord, readChunk } from '../../../replication/protocol/chunks.ts'
import { readSnapshotHead, type SnapshotHead } from '../../../replication/protocol/messages.ts'
import { type FakeConnection, id, MasterBench } from './master-bench.ts'

/** The part of a full sync that a replica has received. */
interface Received {
  readonly heads: readonly SnapshotHead[]
  readonly records: readonly ChunkRecord[]
  readonly sequences: readonly number[]
  readonly total: number | null
  readonly waits: number
  readonly errors: readonly string[]
}

export function parse(bytes: Buffer): Received {
  const heads: SnapshotHead[] = []
  const records: ChunkRecord[] = []
  const sequences: number[] = []
  const errors: string[] = []
  let total: number | null = null
  let waits = 0
  let at = 0
  const line = () => {
    const end = bytes.indexOf('\r\n', at)
    const text = bytes.latin1Slice(at, end)
    at = end + 2
    return text
  }
  const bulk = (head: string) => {
    const content = bytes.subarray(at, at + Number(head.slice(1)))
    assert.is(bytes.latin1Slice(at + content.length, at + content.length + 2), '\r\n')
    at += content.length + 2
    return content
  }
  while (at < bytes.length) {
    const head = line()
    if (head === '+WAIT') waits++
    else if (head.startsWith('-')) errors.push(head)
    else if (head.startsWith('*'))
      heads.push(readSnapshotHead(Array.from({ length: Number(head.slice(1)) }, () => bulk(line()).latin1Slice())))
    else {
      const chunk = readChunk(bulk(head))
      records.push(...chunk.records)
      sequences.push(chunk.sequence)
      if (chunk.kind === 'end') total = chunk.total
    }
  }
  return { heads, records, sequences, total, waits, errors }
}

export const keysOf = ({ records }: Received) => records.map(([key]) => key.toString('hex'))

/** A replica that has requested a full sync in a finished turn. */
export function ask(
  bench: MasterBench,
  number = 1,
  snapshot: string | null = null,
  after: string | null = null,
  attempt = 1,
): FakeConnection {
  const connection = bench.connect()
  const { session } = bench.metaSync(connection, { port: 7000 + number, runId: id(number), attempt })
  bench.master.dbSync(connection, { session, snapshot, after })
  bench.turn()
  return connection
}

/** Makes the snapshot that the replicas wait for. */
export async function checkpoint(bench: MasterBench): Promise<void> {
  await bench.engine.checkpoint()
  await bench.engine.settle()
}

export async function filled(options: Parameters<typeof MasterBench.open>[0] = {}, keys = 500, size = 1000): Promise<MasterBench> {
  const bench = await MasterBench.open(options)
  bench.turn(() => {
    for (let i = 0; i < keys; i++) bench.engine.run('SET', `key${i}`, String(i % 10).repeat(size))
  })
  return bench
}
