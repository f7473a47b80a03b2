/**
 * Publishes keyspace events: `__keyspace@<db>__:<key>` receives the event's name,
 * `__keyevent@<db>__:<event>` the key.
 */
import type { Bytes } from '../../base/bytes.ts'
import {
  EVENT_EXPIRED,
  EVENT_GENERIC,
  EVENT_HASH,
  EVENT_KEY_MISS,
  EVENT_LIST,
  EVENT_NEW,
  EVENT_SET,
  EVENT_SORTED_SET,
  EVENT_STREAM,
  EVENT_STRING,
  type KeyEvents,
} from '../../storage/keyspace/key-events.ts'
import type { PubSub } from './pub-sub.ts'

/**
 * The letters of notify-keyspace-events. `e` (evicted) and `d` (modules) name events that never
 * happen here.
 */
const CLASSES: Readonly<Record<string, number>> = {
  g: EVENT_GENERIC,
  $: EVENT_STRING,
  l: EVENT_LIST,
  s: EVENT_SET,
  h: EVENT_HASH,
  z: EVENT_SORTED_SET,
  x: EVENT_EXPIRED,
  t: EVENT_STREAM,
  m: EVENT_KEY_MISS,
  n: EVENT_NEW,
}
/** `A` means all letters except those for misses and new keys. */
const ALL = 'g$lshzxt'

/** Publishes keyspace events on the channels of notify-keyspace-events. */
export class KeyEventPublisher implements KeyEvents {
  wanted = 0
  private mustPublishByKey = false
  private mustPublishByEvent = false
  private readonly pubsub: PubSub

  constructor(pubsub: PubSub) {
    this.pubsub = pubsub
  }

  /** Sets the value of notify-keyspace-events. Without K or E nothing is published. */
  configure(letters: Bytes): void {
    this.mustPublishByKey = letters.includes('K')
    this.mustPublishByEvent = letters.includes('E')
    this.wanted = 0
    if (!this.mustPublishByKey && !this.mustPublishByEvent) return
    for (const letter of letters.replace('A', ALL)) this.wanted |= CLASSES[letter] ?? 0
  }

  onEvent(database: number, event: Bytes, key: Bytes): void {
    const { pubsub } = this
    if (!pubsub.hasListeners) return
    if (this.mustPublishByKey) pubsub.publish(`__keyspace@${database}__:${key}`, event)
    if (this.mustPublishByEvent) pubsub.publish(`__keyevent@${database}__:${event}`, key)
  }
}
