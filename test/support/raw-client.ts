/** A client that shows replies as the bytes they are: each request is followed by an ECHO that ends what came. */
import * as net from 'node:net'
import type { Bytes } from '../../storage/bytes.ts'
import { encodeCommand } from './wire-client.ts'

const END = 'the end of a reply'
const ENDING = `$${END.length}\r\n${END}\r\n`
const END_COMMAND = encodeCommand('ECHO', END)

export class RawClient {
  private readonly socket: net.Socket
  private received: Bytes = ''
  private resolve: (reply: Bytes) => void = () => {}
  private reject: (error: Error) => void = () => {}

  private constructor(socket: net.Socket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.received += data.latin1Slice()
      if (!this.received.endsWith(ENDING)) return
      const reply = this.received.slice(0, -ENDING.length)
      this.received = ''
      this.resolve(reply)
    })
    socket.on('close', () => this.reject(new Error('connection closed')))
  }

  static connect(port: number): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => resolve(new RawClient(socket)))
      socket.setNoDelay(true)
      socket.once('error', reject)
    })
  }

  /** The bytes that answer a command. Not for use between MULTI and EXEC. */
  ask(...words: readonly (Bytes | number)[]): Promise<Bytes> {
    this.socket.write(Buffer.concat([encodeCommand(...words), END_COMMAND]))
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }

  close(): void {
    this.socket.destroy()
  }
}
