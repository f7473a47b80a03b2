/**
 * TLS connections whose handshake is under way. Each counts as a client, since it holds a
 * descriptor. The whole handshake must end within HANDSHAKE_TIMEOUT_MS: Node's own timeout restarts
 * with every byte.
 */
import type { Socket } from 'node:net'

/** From the TCP connection to the end of the handshake. */
const HANDSHAKE_TIMEOUT_MS = 10_000

interface Handshake {
  readonly socket: Socket
  readonly timer: NodeJS.Timeout
}

/** TLS connections whose handshake is under way. */
export class Handshakes {
  /** Handshakes in socket threads. */
  elsewhere = 0
  private readonly limitMs: number
  private readonly underWay = new Map<string, Handshake>()

  constructor(limitMs = HANDSHAKE_TIMEOUT_MS) {
    this.limitMs = limitMs
  }

  /** Includes those in socket threads. */
  get count(): number {
    return this.underWay.size + this.elsewhere
  }

  /** Owns the TCP connection until `disown`, or until it is closed. */
  own(socket: Socket): void {
    const key = endpointsOf(socket)
    const timer = setTimeout(() => socket.destroy(), this.limitMs)
    this.underWay.set(key, { socket, timer })
    socket.once('close', () => {
      if (this.underWay.get(key)?.socket === socket) this.release(key)
    })
  }

  /** Forgets the TCP connection under a TLS socket, whose handshake is done. */
  disown(socket: Socket): void {
    this.release(endpointsOf(socket))
  }

  /** Closes all of them. */
  close(): void {
    for (const { socket } of this.underWay.values()) socket.destroy()
    for (const key of [...this.underWay.keys()]) this.release(key)
  }

  private release(key: string): void {
    clearTimeout(this.underWay.get(key)?.timer)
    this.underWay.delete(key)
  }
}

/**
 * Identifies a connection by its two ends. A TCP socket and the TLS socket on it have the same
 * text, and no other open sockets do.
 */
function endpointsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
