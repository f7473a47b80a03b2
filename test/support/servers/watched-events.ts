/**
 * The keyspace events of requests to a server, as subscribers there or on a replica receive them. A
 * message published after each request marks the end of its events. notify-keyspace-events must
 * contain E.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { eventText } from '../harness/event-recorder.ts'
import { WireClient, type WireReply } from './wire-client.ts'

/** A server with a subscriber to its keyspace events. */
export class WatchedEvents {
  readonly client: WireClient
  private readonly subscriber: WireClient

  private constructor(client: WireClient, subscriber: WireClient) {
    this.client = client
    this.subscriber = subscriber
  }

  static async of(port: number, subscriberPort = port): Promise<WatchedEvents> {
    const client = await WireClient.connect({ port })
    const subscriber = await WireClient.connect({ port: subscriberPort })
    await subscriber.call('SUBSCRIBE', 'mark')
    await subscriber.call('PSUBSCRIBE', '__keyevent@*')
    return new WatchedEvents(client, subscriber)
  }

  /** The events of each request. */
  async eventsOf(requests: readonly (readonly Bytes[])[]): Promise<string[][]> {
    const replies = this.client.pipeline(requests.flatMap((words) => [words, ['PUBLISH', 'mark', '']]))
    const all: string[][] = []
    for (let events: string[] = []; all.length < requests.length; ) {
      const message = (await this.subscriber.reply()) as readonly WireReply[]
      if (message[0] === 'message') {
        all.push(events)
        events = []
      } else {
        const [, database, event] = /^__keyevent@(\d+)__:(.*)$/.exec(String(message[2])) as RegExpExecArray
        events.push(eventText(Number(database), event as string, String(message[3])))
      }
    }
    await replies
    return all
  }

  async close(): Promise<void> {
    await Promise.all([this.client.close(), this.subscriber.close()])
  }
}
