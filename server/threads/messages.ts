/**
 * The messages between the main thread and a socket thread: the kinds of frames on their rings. A
 * frame's slot is the connection's number in its thread. The main thread decides on everything; a
 * socket thread only does as told, and tells what happens on its sockets.
 */
import type { ListenSettings, TlsSettings } from '../network/listener.ts'

/** Frames of a socket thread. */
export const FROM_THREAD = {
  /** A TCP connection asks to begin its TLS handshake. */
  asking: 0,
  /** A connection is open. Payload: its `Endpoints` as JSON. */
  opened: 1,
  /** Bytes were received. */
  received: 2,
  /** The client sends nothing more. */
  ended: 3,
  /** The connection is closed. No frame of the slot follows until the main thread forgets it. */
  closed: 4,
  /** Everything before `reportSent` is in the kernel. */
  sent: 5,
} as const

/** Frames of the main thread. */
export const TO_THREAD = {
  /** The TLS handshake may begin. */
  admit: 0,
  /** Bytes to send. */
  send: 1,
  /** Bytes to send together with the following ones. */
  sendMore: 2,
  /** Asks for `sent`. */
  reportSent: 3,
  pause: 4,
  resume: 5,
  /** Close once everything is sent. */
  finish: 6,
  destroy: 7,
  /** The main thread has seen `closed`: the slot may be used again. */
  forget: 8,
} as const

/** The ends of a connection. */
export interface Endpoints {
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly isTls: boolean
}

/** The shared memory of a channel. */
export interface ChannelMemory {
  readonly toMain: SharedArrayBuffer
  readonly toThread: SharedArrayBuffer
}

/** The data that the thread starts with. */
export interface ThreadData {
  readonly memory: ChannelMemory
  readonly sentCounts: Int32Array
  readonly settings: ListenSettings
  readonly tlsSettings: TlsSettings
}

/** Messages of the thread beside its rings. */
export type ThreadMessage =
  | { readonly what: 'listening' }
  | { readonly what: 'failed'; readonly error: string }
  | { readonly what: 'log'; readonly level: 'warn' | 'info'; readonly fields: object; readonly text: string }

/** The message that makes the thread stop listening. */
export const STOP_LISTENING = 'stop listening'

/** Connections of one thread at a time: places in the shared memory of sent bytes. */
export const MAX_SLOTS = 2 ** 20
