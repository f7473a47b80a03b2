/**
 * Heartbeats to idle Redis replicas, and questions to all of them.
 *
 * A pulse is a group that changes nothing. All replicas get it, and the translator turns it into a
 * request for an acknowledgement. A node that is a replica itself appends nothing, nor does a
 * master whose role may still be taken: they send newlines, which are no part of the binlog.
 */
import type { MasterOptions } from '../master/master-options.ts'
import type { RedisReplica } from './redis-replica.ts'

/** Appends pulses and sends newlines. */
export class Pulses {
  private readonly options: Pick<MasterOptions, 'storage' | 'settings' | 'mayPulse' | 'wake'>
  private isDue = false
  /** The offset after the last pulse. */
  private lastEnd = -1

  constructor(options: Pulses['options']) {
    this.options = options
  }

  /** Requests a pulse at the next flush, when the group of the turn has been appended. */
  request(): void {
    const { storage, wake } = this.options
    if (storage.role !== 'master') return
    this.isDue = true
    wake()
  }

  /** Appends a requested pulse, unless the last group is one. */
  flush(): void {
    if (!this.isDue) return
    const { storage, mayPulse, wake } = this.options
    this.isDue = false
    if (storage.role !== 'master' || storage.binlog.end.offset === this.lastEnd || !mayPulse() || !storage.pulse()) return
    this.lastEnd = storage.binlog.end.offset
    wake()
  }

  /**
   * Sends heartbeats to replicas that were sent nothing for repl-ping-replica-period. Returns those
   * that take no more newlines: they have to connect again.
   */
  tick(replicas: Iterable<RedisReplica>, monotonicMs: number): RedisReplica[] {
    const { storage, settings, mayPulse } = this.options
    const { offset } = storage.binlog.end
    const idle = [...replicas].filter(({ stream }) => {
      return stream !== null && stream.offset === offset && monotonicMs - stream.sentMs >= settings.pingPeriodMs
    })
    if (idle.length === 0) return []
    const isReplica = storage.role === 'replica'
    if (isReplica || !mayPulse()) {
      const full = idle.filter(({ stream }) => stream?.sendNewline() === false)
      return isReplica ? full : [] // a master may soon pulse again
    }
    this.lastEnd = -1
    this.request()
    return []
  }
}
