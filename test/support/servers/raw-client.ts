/**
 * A client that shows replies as raw bytes. An ECHO follows each request and marks the end of its
 * reply.
 */
import * as net from 'node:net'
import type { Bytes } from '../../../base/bytes.ts'
import { encodeCommand } from './wire-client.ts'

const END = 'the end of a reply'

/** The request that marks the end, and its reply. */
interface Ending {
  readonly request: readonly Bytes[]
  readonly reply: Bytes
}

const ECHO: Ending = { request: ['ECHO', END], reply: `$${END.length}\r\n${END}\r\n` }
/** The ending for a busy server, which still answers RESET. */
export const RESET: Ending = { request: ['RESET'], reply: '+RESET\r\n' }

/** A connection that returns replies as raw bytes. */
export class RawClient {
  private readonly socket: net.Socket
  private readonly ending: Ending
  private received: Bytes = ''
  private resolve: (reply: Bytes) => void = () => {}
  private reject: (error: Error) => void = () => {}

  private constructor(socket: net.Socket, ending: Ending) {
    this.socket = socket
    this.ending = ending
    socket.on('data', (data) => {
      this.received += data.latin1Slice()
      if (!this.received.endsWith(ending.reply)) return
      const reply = this.received.slice(0, -ending.reply.length)
      this.received = ''
      this.resolve(reply)
    })
    socket.on('close', () => this.reject(new Error('connection closed')))
  }

  static connect(port: number, ending = ECHO): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(new RawClient(socket, ending)))
      socket.setNoDelay(true)
      socket.once('error', reject)
    })
  }

  /** The bytes that answer a command. Not for use between MULTI and EXEC. */
  ask(...words: readonly (Bytes | number)[]): Promise<Bytes> {
    return this.askAll([words])
  }

  /** The bytes that answer several commands in a row, such as those from MULTI to EXEC. */
  askAll(requests: readonly (readonly (Bytes | number)[])[]): Promise<Bytes> {
    this.socket.write(Buffer.concat([...requests, this.ending.request].map((words) => encodeCommand(...words))))
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  close(): void {
    this.socket.destroy()
  }
}
