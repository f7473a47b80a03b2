/**
 * The messages of replicas that speak Redis's own protocol. They come on an ordinary client
 * connection, after AUTH:
 *
 *   REPLCONF option value [option value ...]   what the replica is and can do (RedisHandshake)
 *   PSYNC replid offset                        requests the stream from the byte of this number on,
 *                                              counted from 1; "?" and -1 request a full sync
 *     -> "+CONTINUE [replid]" and the stream,
 *        or "+FULLRESYNC replid offset", an RDB and the stream
 *   SYNC                                       a full sync in the form of Redis before 2.8: an RDB
 *                                              and the stream, without acknowledgements
 *   REPLCONF ACK offset [FACK offset]          no reply
 *
 *   RDB = "$EOF:" mark(40) CRLF bytes mark(40)   if the replica has announced `capa eof`; its first
 *                                                ACK then begins the stream
 *       / "$" length CRLF bytes
 */
import type { Bytes } from '../../base/bytes.ts'

/** The content of an RDB: `rdb-filter-only` leaves out everything that it does not name. */
export interface RdbContent {
  readonly hasKeys: boolean
  readonly hasLibraries: boolean
}

/** The options of a replica, as its REPLCONF messages have set them. Each message changes it. */
export interface RedisHandshake {
  /** The announced address; empty and 0 where none was announced. */
  ip: Bytes
  port: number
  /** `capa eof`: it finds the end of an RDB by its mark. */
  canReadMark: boolean
  /** `capa psync2`: it takes over the replication id of CONTINUE. */
  canChangeId: boolean
  /** `rdb-only 1`: no stream is wanted. */
  isRdbOnly: boolean
  content: RdbContent
}

export const newHandshake = (): RedisHandshake => ({
  ip: '',
  port: 0,
  canReadMark: false,
  canChangeId: false,
  isRdbOnly: false,
  content: { hasKeys: true, hasLibraries: true },
})

export interface PsyncRequest {
  /** In lower case; `?` names no history. */
  readonly replicationId: Bytes
  /** The replica has everything before this offset of the binlog; -1 where it has nothing. */
  readonly offset: number
}
