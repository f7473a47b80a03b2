/**
 * Key prefixes whose changes clients subscribe to (CLIENT TRACKING with BCAST), and the keys
 * changed since the last notification.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Session } from '../contract/session.ts'
import type { SessionTracker } from '../contract/tracking.ts'

interface Prefix {
  readonly trackers: Set<SessionTracker>
  /** Changed keys with the session that changed each last; null if no request did. */
  changed: Map<Bytes, Session | null>
}

/** The key prefixes of CLIENT TRACKING with BCAST, and their changed keys. */
export class Broadcasts {
  private readonly prefixes = new Map<Bytes, Prefix>()
  private hasChanged = false

  get prefixCount(): number {
    return this.prefixes.size
  }

  add(tracker: SessionTracker, name: Bytes): void {
    let prefix = this.prefixes.get(name)
    if (prefix === undefined) {
      prefix = { trackers: new Set(), changed: new Map() }
      this.prefixes.set(name, prefix)
    }
    prefix.trackers.add(tracker)
    tracker.prefixes.add(name)
  }

  remove(tracker: SessionTracker): void {
    for (const name of tracker.prefixes) {
      const prefix = this.prefixes.get(name)
      prefix?.trackers.delete(tracker)
      if (prefix?.trackers.size === 0) this.prefixes.delete(name)
    }
    tracker.prefixes.clear()
  }

  note(key: Bytes, by: Session | null): void {
    for (const [name, { changed }] of this.prefixes) {
      if (!key.startsWith(name)) continue
      changed.set(key, by)
      this.hasChanged = true
    }
  }

  /** Notifies each client once for each prefix, in byte order, with the changed keys. */
  notifyAll(notify: (trackers: readonly SessionTracker[], keys: readonly Bytes[]) => void): void {
    if (!this.hasChanged) return
    this.hasChanged = false
    for (const name of [...this.prefixes.keys()].sort()) {
      const prefix = this.prefixes.get(name)
      if (prefix === undefined || prefix.changed.size === 0) continue
      const { changed, trackers } = prefix
      prefix.changed = new Map()
      const keys = [...changed.keys()].sort()
      notify(
        [...trackers].filter(({ options }) => !options.mustSkipOwn),
        keys,
      )
      for (const tracker of trackers) {
        if (!tracker.options.mustSkipOwn) continue
        const ofOthers = keys.filter((key) => changed.get(key) !== tracker.session)
        if (ofOthers.length > 0) notify([tracker], ofOthers)
      }
    }
  }
}
