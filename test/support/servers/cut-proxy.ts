/**
 * A breakable network between a replica and its master: a TCP proxy. Its links can fall silent in
 * one or both directions without a sign to either side. They can also be reset, be delayed, or
 * break after a number of bytes.
 *
 * While a link is silent, one end sees nothing of the other, including its close: the connection is
 * half open.
 */
import * as net from 'node:net'

export type Direction = 'up' | 'down'

/** One connection through the proxy. */
export class ProxiedLink {
  /** The number of bytes passed on from the master. */
  downBytes = 0
  /** Everything the replica has sent, as text. */
  sent = ''
  private readonly proxy: CutProxy
  private readonly replica: net.Socket
  private readonly master: net.Socket
  private readonly silent = new Set<Direction>()
  private isCut = false

  constructor(proxy: CutProxy, replica: net.Socket, port: number) {
    this.proxy = proxy
    this.replica = replica
    this.master = net.connect({ port, host: '127.0.0.1', noDelay: true })
    replica.setNoDelay(true)
    replica.on('data', (data: Buffer) => this.up(data))
    this.master.on('data', (data: Buffer) => this.down(data))
    for (const socket of [replica, this.master]) socket.on('error', () => {})
    replica.on('close', () => this.closeOther(this.master))
    this.master.on('close', () => this.closeOther(replica))
  }

  get isSilent(): boolean {
    return this.silent.size > 0
  }

  get isOpen(): boolean {
    return !this.replica.destroyed && !this.master.destroyed
  }

  /** Stops passing bytes on; the systems' socket buffers fill. */
  silence(...directions: readonly Direction[]): void {
    for (const direction of directions.length === 0 ? (['up', 'down'] as const) : directions) this.silent.add(direction)
    if (this.silent.has('up')) this.replica.pause()
    if (this.silent.has('down')) this.master.pause()
  }

  restore(): void {
    this.silent.clear()
    if (this.replica.destroyed || this.master.destroyed) {
      this.cut()
      return
    }
    this.replica.resume()
    this.master.resume()
  }

  /** Resets both ends. */
  cut(): void {
    this.isCut = true
    this.replica.resetAndDestroy()
    this.master.resetAndDestroy()
    this.proxy.forget(this)
  }

  private up(data: Buffer): void {
    this.sent += data.latin1Slice()
    this.proxy.checkWatches(this)
    if (this.isCut) return
    if (this.silent.has('up')) this.replica.unshift(data)
    else this.pass(data, this.replica, this.master)
  }

  private down(data: Buffer): void {
    const room = this.proxy.cutAfter - this.downBytes
    const passed = data.length > room ? data.subarray(0, room) : data
    this.downBytes += passed.length
    this.pass(passed, this.master, this.replica)
    if (data.length < room) return
    this.proxy.cutAfter = Number.POSITIVE_INFINITY
    // An orderly end, so that the bytes passed on do arrive.
    this.isCut = true
    this.replica.end()
    this.master.resetAndDestroy()
    this.proxy.forget(this)
  }

  private pass(data: Buffer, from: net.Socket, to: net.Socket): void {
    if (this.proxy.delayMs > 0) {
      setTimeout(() => to.write(data), this.proxy.delayMs)
      return
    }
    if (to.write(data)) return
    from.pause()
    to.once('drain', () => {
      if (!this.silent.has(from === this.replica ? 'up' : 'down')) from.resume()
    })
  }

  private closeOther(other: net.Socket): void {
    if (this.isSilent || this.isCut) return
    other.destroy()
    this.proxy.forget(this)
  }
}

interface Watch {
  readonly word: string
  readonly act: (link: ProxiedLink) => void
}

/** A TCP proxy in front of a master, whose links a test can break. */
export class CutProxy {
  /** The number of bytes from the master after which the next link breaks. */
  cutAfter = Number.POSITIVE_INFINITY
  delayMs = 0
  /** True if the proxy accepts new connections. */
  isOpen = true
  readonly links = new Set<ProxiedLink>()
  /** The number of links so far. */
  linkCount = 0
  private readonly server: net.Server
  private watches: Watch[] = []

  private constructor(masterPort: number) {
    this.server = net.createServer((socket) => {
      if (!this.isOpen) {
        socket.resetAndDestroy()
        return
      }
      this.linkCount++
      this.links.add(new ProxiedLink(this, socket, masterPort))
    })
  }

  static async start(masterPort: number): Promise<CutProxy> {
    const proxy = new CutProxy(masterPort)
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port
  }

  /** The newest link. */
  get link(): ProxiedLink {
    const link = [...this.links].at(-1)
    if (link === undefined) throw new Error('no link goes through the proxy')
    return link
  }

  /**
   * Resolves with the next link on which a replica sends a word; `act` runs before the word is
   * passed on.
   */
  when(word: string, act: (link: ProxiedLink) => void = () => {}): Promise<ProxiedLink> {
    const known = new Set([...this.links].filter((link) => link.sent.includes(word)))
    return new Promise((resolve) => {
      const watch = {
        word,
        act: (link: ProxiedLink) => {
          if (known.has(link)) return
          this.watches = this.watches.filter((other) => other !== watch)
          act(link)
          resolve(link)
        },
      }
      this.watches.push(watch)
    })
  }

  cut(): void {
    for (const link of [...this.links]) link.cut()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  checkWatches(link: ProxiedLink): void {
    for (const { word, act } of [...this.watches]) if (link.sent.includes(word)) act(link)
  }

  forget(link: ProxiedLink): void {
    this.links.delete(link)
  }
}
