/**
 * Clients that take this port for another kind of server: what the server logs, and whether it
 * closes them.
 */
import type { Log } from '../../base/log.ts'
import type { Client } from '../../commands/contract/session.ts'
import type { Stranger } from '../../commands/execution/refusals.ts'

/** Hosts whose attempts to replicate have been logged; a Redis retries every second. */
const MAX_HOSTS = 100

/** Recognises clients that take this port for another kind of server. */
export class Strangers {
  private readonly log: Log
  private readonly hosts = new Set<string>()

  constructor(log: Log) {
    this.log = log
  }

  met(stranger: Stranger, client: Client): void {
    const { address } = client
    if (stranger === 'http') {
      this.log.warn({ address }, 'possible attack: received HTTP on this port, closing the connection')
      client.close('now')
      return
    }
    const host = address.replace(/:\d+$/, '')
    if (this.hosts.has(host) || this.hosts.size >= MAX_HOSTS) return
    this.hosts.add(host)
    this.log.warn({ address }, 'a Redis asks to be a replica of this haypile and is refused: only a haypile can be one')
  }
}
