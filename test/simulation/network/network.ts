/**
 * A network of machines, with the promises of TCP and its limits.
 *
 *   kept      bytes of a direction arrive in order, each once, until the connection ends
 *   not kept  that they arrive at all, when and in which pieces;
 *             that a side learns of the other's end
 *
 * A machine is known by its ip; a party is a process on it. A muted party has died: nothing
 * that it still does gets out.
 */
import type { Seeded } from '../../support/generators/seed.ts'
import type { Schedule } from '../schedule.ts'
import { Pipe } from './pipe.ts'

const DIAL_TIMEOUT_MS = 10_000

export interface Party {
  readonly ip: string
  isMuted: boolean
}

export interface SocketEvents {
  connected(): void
  data(bytes: Buffer): void
  drained(): void
  closed(reason: string): void
}

const NO_EVENTS: SocketEvents = { connected() {}, data() {}, drained() {}, closed() {} }

/** One end of a connection. */
export class Socket {
  readonly party: Party
  readonly id: number
  readonly network: Network
  /** The other end, once it exists. */
  peer: Socket | null = null
  events: SocketEvents = NO_EVENTS
  isOpen = true
  /** Its machine has lost power: it will answer nothing, and later bytes are refused. */
  isGone = false
  readonly out: Pipe

  constructor(network: Network, party: Party, id: number) {
    this.network = network
    this.party = party
    this.id = id
    this.out = new Pipe({
      schedule: network.schedule,
      chance: network.chance,
      latencyMs: () => network.latencyMs(),
      isBlocked: () => this.peer === null || network.isPartitioned(this.party.ip, this.peer.party.ip),
      deliver: (bytes) => {
        if (this.peer?.isOpen === true && !this.peer.isGone) this.peer.events.data(bytes)
      },
      onEnd: (reason) => this.peer?.fail(reason),
      onDrained: () => {
        if (this.isOpen) this.events.drained()
      },
    })
  }

  send(bytes: Buffer): void {
    if (!this.isOpen || this.party.isMuted) return
    const { peer, network } = this
    if (peer?.isGone === true && network.isPowered(peer.party.ip)) {
      network.schedule.after(network.latencyMs(), () => this.fail('ECONNRESET: the machine has started anew'))
    }
    this.out.send(bytes)
  }

  get unsentBytes(): number {
    return this.out.unsentBytes
  }

  pause(): void {
    if (this.peer !== null) this.peer.out.isPaused = true
  }

  resume(): void {
    if (this.peer === null || !this.peer.out.isPaused) return
    this.peer.out.isPaused = false
    this.peer.out.kick()
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.events = NO_EVENTS
    if (!this.party.isMuted) this.out.finish('the other side closed the connection')
  }

  /** Ends the connection for this side. */
  fail(reason: string): void {
    if (!this.isOpen) return
    const { events } = this
    this.close()
    events.closed(reason)
  }
}

/** The machines' connections, and the faults between them. */
export class Network {
  readonly schedule: Schedule
  readonly chance: Seeded
  /** Connections with two ends, by the end that dialled. */
  dialled: Socket[] = []
  /** The longest occasional delay, in ms. */
  slowMs = 0
  /** Addresses that refuse connections for now, even if a process runs there. */
  readonly refusing = new Set<string>()
  private readonly listeners = new Map<string, { readonly party: Party; accept(socket: Socket): SocketEvents }>()
  private readonly unpowered = new Set<string>()
  private readonly partitions = new Set<string>()
  private sockets = 0

  constructor(schedule: Schedule, chance: Seeded) {
    this.schedule = schedule
    this.chance = chance
  }

  latencyMs(): number {
    const { chance } = this
    const usual = 0.05 + chance.random() * 2
    return this.slowMs > 0 && chance.random() < 0.2 ? usual + chance.random() * this.slowMs : usual
  }

  listen(party: Party, port: number, accept: (socket: Socket) => SocketEvents): void {
    this.listeners.set(`${party.ip}:${port}`, { party, accept })
  }

  dial(party: Party, host: string, port: number, events: SocketEvents): Socket {
    const socket = new Socket(this, party, ++this.sockets)
    socket.events = events
    this.schedule.after(this.latencyMs(), () => this.connect(socket, host, port, this.schedule.nowMs + DIAL_TIMEOUT_MS))
    return socket
  }

  /** Ends a process with its connections and listeners. */
  kill(party: Party): void {
    party.isMuted = true
    for (const [address, listener] of this.listeners) if (listener.party === party) this.listeners.delete(address)
    for (const socket of this.socketsOf(party)) {
      socket.isOpen = false
      socket.events = NO_EVENTS
      socket.out.tear()
      socket.out.finish('ECONNRESET: the process has ended')
    }
  }

  /** Cuts a machine's power: the other ends see nothing. */
  cutPower(party: Party): void {
    party.isMuted = true
    this.unpowered.add(party.ip)
    for (const [address, listener] of this.listeners) if (listener.party === party) this.listeners.delete(address)
    for (const socket of this.socketsOf(party)) {
      socket.isOpen = false
      socket.isGone = true
      socket.events = NO_EVENTS
      socket.out.tear()
    }
  }

  power(ip: string): void {
    this.unpowered.delete(ip)
  }

  isPowered(ip: string): boolean {
    return !this.unpowered.has(ip)
  }

  partition(a: string, b: string): void {
    this.partitions.add(pairOf(a, b))
  }

  rejoin(a: string, b: string): void {
    this.partitions.delete(pairOf(a, b))
    for (const socket of this.dialled) for (const end of [socket, socket.peer]) end?.out.kick()
  }

  isPartitioned(a: string, b: string): boolean {
    return this.partitions.has(pairOf(a, b))
  }

  /** Ends the faults. Bytes already held back or lost stay so. */
  heal(): void {
    this.slowMs = 0
    this.refusing.clear()
    this.partitions.clear()
    for (const socket of this.dialled) for (const end of [socket, socket.peer]) end?.out.kick()
  }

  private socketsOf(party: Party): Socket[] {
    return this.dialled
      .flatMap((socket) => [socket, socket.peer])
      .filter((socket): socket is Socket => socket?.party === party && socket.isOpen)
  }

  private connect(socket: Socket, host: string, port: number, untilMs: number): void {
    if (!socket.isOpen || socket.party.isMuted) return
    const { schedule } = this
    const isSilent = !this.isPowered(host) || this.isPartitioned(socket.party.ip, host)
    if (isSilent) {
      if (schedule.nowMs >= untilMs) socket.fail(`connect ETIMEDOUT ${host}:${port}`)
      else schedule.after(250, () => this.connect(socket, host, port, untilMs))
      return
    }
    const listener = this.refusing.has(`${host}:${port}`) ? undefined : this.listeners.get(`${host}:${port}`)
    if (listener === undefined) {
      socket.fail(`connect ECONNREFUSED ${host}:${port}`)
      return
    }
    const accepted = new Socket(this, listener.party, ++this.sockets)
    accepted.peer = socket
    socket.peer = accepted
    this.dialled = this.dialled.filter((other) => other.isOpen || other.peer?.isOpen === true)
    this.dialled.push(socket)
    accepted.events = listener.accept(accepted)
    schedule.after(this.latencyMs(), () => {
      if (socket.isOpen) socket.events.connected()
      socket.out.kick()
    })
  }
}

const pairOf = (a: string, b: string) => (a < b ? `${a} ${b}` : `${b} ${a}`)
