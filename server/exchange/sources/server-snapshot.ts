/**
 * The data of a running server, by the handshake of `redis-cli --rdb`: SYNC makes it send an RDB of
 * one moment. A Redis 7.0 or later, and haypile, send no stream of commands after it (`rdb-only`);
 * with others the connection is closed at the RDB's end.
 */

import { ExchangeRefusal } from '../refusal.ts'
import { type ServerAddress, ServerConnection } from './connection.ts'

const NEWLINE = 10
const MARKED = '$EOF:'

export interface ServerSnapshot {
  /** The RDB's length in bytes; null where its end is marked. */
  readonly sizeBytes: number | null
  readonly chunks: AsyncIterable<Buffer>
}

/** Asks a server for its data. Throws ExchangeRefusal. */
export async function takeServerSnapshot(address: ServerAddress): Promise<ServerSnapshot> {
  const connection = await ServerConnection.open(address)
  try {
    await connection.ask('REPLCONF', 'capa', 'eof')
    await connection.ask('REPLCONF', 'rdb-only', '1') // unknown before Redis 7.0
    await connection.send(Buffer.from('*1\r\n$4\r\nSYNC\r\n'))
    // The server sends newlines until its RDB is ready.
    while ((await connection.readByte()) === NEWLINE) connection.skip(1)
    const line = await connection.readLine()
    if (!line.startsWith('$')) throw ExchangeRefusal.ofUsage(`${address.name} refuses SYNC: ${line.slice(1)}`)
    if (line.startsWith(MARKED)) return { sizeBytes: null, chunks: connection.rest() }
    const sizeBytes = Number(line.slice(1))
    return { sizeBytes, chunks: connection.rest(sizeBytes) }
  } catch (error) {
    connection.close()
    throw error
  }
}
