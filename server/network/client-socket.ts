/**
 * A client's socket as its connection sees it. Node's sockets are one kind. The others belong to a
 * socket thread (`server/threads/ring-socket.ts`).
 */
import type { Socket } from 'node:net'

type SocketFields = Pick<
  Socket,
  'remoteAddress' | 'remotePort' | 'destroyed' | 'writable' | 'writableLength' | 'writableNeedDrain' | 'bytesRead'
>

/** The part of a socket that clients' connections use. */
export interface ClientSocket extends SocketFields {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  /** True if a Buffer may be reused once `write` has returned. */
  readonly mayReuseWritten?: boolean
  on(event: 'drain' | 'error' | 'end' | 'close', listener: () => void): unknown
  once(event: 'close', listener: () => void): unknown
  /** Strings are bytes: the encoding is latin1. */
  write(bytes: string, encoding: 'latin1'): unknown
  write(bytes: Buffer): unknown
  cork(): void
  uncork(): void
  pause(): unknown
  resume(): unknown
  /** Sends the remaining bytes and the end. */
  end(onFinished: () => void): unknown
  destroySoon(): void
  destroy(): unknown
}
