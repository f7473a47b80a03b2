/** Records keyspace events as words: `set a`, or `1 set a` for a key in database 1. */
import type { Bytes } from '../../../base/bytes.ts'
import type { KeyEvents } from '../../../storage/keyspace/key-events.ts'

const ALL = 0xffff

/** Collects keyspace events until the next call of `take`. */
export class EventRecorder implements KeyEvents {
  wanted: number
  private events: string[] = []

  constructor(wanted = ALL) {
    this.wanted = wanted
  }

  onEvent(database: number, event: Bytes, key: Bytes): void {
    this.events.push(eventText(database, event, key))
  }

  /** The events since the last call. */
  take(): string[] {
    const { events } = this
    this.events = []
    return events
  }
}

export function eventText(database: number, event: Bytes, key: Bytes): string {
  return database === 0 ? `${event} ${key}` : `${database} ${event} ${key}`
}
