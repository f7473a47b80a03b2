/** The connected clients: look-up, monitors, and the actions of the CLIENT command. */
import type { Bytes } from '../../base/bytes.ts'
import type { BlockedClients } from '../../commands/blocking/blocked-clients.ts'
import type { ClientsPort } from '../../commands/contract/ports.ts'
import type { Session } from '../../commands/contract/session.ts'
import type { Gates } from '../loop/gates.ts'
import { describeClient } from './client-line.ts'
import type { Connection } from './connection.ts'
import type { Monitors } from './monitors.ts'

/** The clients blocked in WAIT and WAITAOF. */
export interface WaitingClients {
  has(session: Session): boolean
  /** Ends a client's wait. Returns false if it was not waiting. */
  unblock(session: Session, how: 'timeout' | 'error'): boolean
}

export interface ClientRegistryOptions {
  readonly blocked: BlockedClients
  readonly waiters: WaitingClients
  readonly gates: Gates
  readonly monitors: Monitors
  readonly monotonicMs: () => number
}

/** The connected clients by id. */
export class ClientRegistry implements ClientsPort {
  readonly connections = new Map<number, Connection>()
  /** The link to this node's master, which is not among the connections. */
  master: Session | null = null
  private readonly monitors: Monitors
  private readonly blocked: BlockedClients
  private readonly waiters: WaitingClients
  private readonly gates: Gates
  private readonly monotonicMs: () => number

  constructor(options: ClientRegistryOptions) {
    this.blocked = options.blocked
    this.waiters = options.waiters
    this.gates = options.gates
    this.monitors = options.monitors
    this.monotonicMs = options.monotonicMs
  }

  all(): Iterable<Session> {
    return this.master === null ? this.connections.values() : [...this.connections.values(), this.master]
  }

  find(id: number): Session | undefined {
    return this.connections.get(id) ?? (this.master?.id === id ? this.master : undefined)
  }

  /** Query and output buffers of all clients, in bytes. */
  get bufferBytes(): number {
    let sum = 0
    for (const client of this.connections.values()) sum += client.queryBufferBytes() + client.outputBufferBytes()
    return sum
  }

  add(connection: Connection): void {
    this.connections.set(connection.id, connection)
  }

  remove(connection: Connection): void {
    this.connections.delete(connection.id)
    this.gates.forget(connection)
    this.monitors.delete(connection)
  }

  describe(session: Session): Bytes {
    const isBlocked = this.blocked.has(session) || this.waiters.has(session)
    return describeClient(session, this.monotonicMs(), isBlocked ? 'blocked' : 'free')
  }

  pause(durationMs: number, what: 'all' | 'write'): void {
    this.gates.pause(this.monotonicMs() + durationMs, what)
  }

  unpause(): void {
    this.gates.unpause()
  }

  monitor(session: Session): void {
    const connection = this.connections.get(session.id)
    if (connection === undefined) return
    connection.isMonitoring = true
    this.monitors.add(connection)
  }

  stopMonitoring(session: Session): void {
    const connection = this.connections.get(session.id)
    if (connection === undefined) return
    connection.isMonitoring = false
    this.monitors.delete(connection)
  }

  unblock(session: Session, how: 'timeout' | 'error'): boolean {
    return this.blocked.unblock(session, how) || this.waiters.unblock(session, how)
  }
}
