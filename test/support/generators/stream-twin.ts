/**
 * A plain twin of streams and their groups for model tests: arrays and maps, with ids as numbers of
 * milliseconds. Times are in ms.
 */
import type { Bytes } from '../../../base/bytes.ts'
import { NULL_ARRAY } from '../../../commands/contract/reply.ts'

interface TwinPending {
  consumer: Bytes
  deliveredAt: number
  deliveries: number
}

interface TwinGroup {
  lastId: number
  readonly consumers: Set<Bytes>
  readonly pending: Map<number, TwinPending>
}

interface TwinStream {
  lastId: number
  readonly entries: Map<number, Bytes>
  readonly groups: Map<Bytes, TwinGroup>
}

const text = (id: number) => `${id}-0`
const ascending = (ids: Iterable<number>) => [...ids].sort((a, b) => a - b)

/** The expected content of streams, and the expected replies of their commands. */
export class StreamTwin {
  now = 0
  private readonly streams = new Map<Bytes, TwinStream>()

  /**
   * Runs a command and returns its expected reply: undefined for what is not modelled, an Error for
   * any error.
   */
  run(words: readonly Bytes[]): unknown {
    const [name, first = '', second = '', third = '', fourth = '', fifth = ''] = words
    if (name === 'XGROUP') return this.group(first, this.stream(second), third, fourth)
    if (name === 'XREADGROUP') {
      const [, , , consumer = '', , count = '', , key = '', from = ''] = words
      return this.read(key, second, consumer, Number(count), from)
    }
    const stream = this.stream(first)
    const group = stream.groups.get(second)
    switch (name) {
      case 'XADD':
        return this.add(stream, Number(words.at(-3)), words.at(-1) as Bytes, words.length > 5 ? Number(third) : undefined)
      case 'XLEN':
        return stream.entries.size
      case 'XDEL':
        return words.slice(2).filter((id) => stream.entries.delete(Number(id))).length
      case 'XTRIM':
        return trim(stream, second === 'MAXLEN' ? stream.entries.size - Number(third) : this.countBefore(stream, Number(third)))
      case 'XRANGE':
        return this.range(stream, Number(second), Number(third)).slice(0, Number(fifth))
      case 'XREVRANGE':
        return this.range(stream, Number(third), Number(second)).reverse().slice(0, Number(fifth))
      case 'XACK':
        return group === undefined ? 0 : words.slice(3).filter((id) => group.pending.delete(Number(id))).length
      case 'XCLAIM':
        return group === undefined ? new Error() : this.claim(stream, group, third, Number(fourth), words.slice(5, 7).map(Number))
      case 'XAUTOCLAIM':
        return group === undefined ? new Error() : this.autoclaim(stream, group, third, Number(fourth), Number(fifth), Number(words[7]))
      case 'XPENDING':
        return group === undefined ? new Error() : this.pending(group, Number(third), Number(fifth), words[6])
      case 'DEL':
        return this.streams.delete(first) ? 1 : 0
    }
    return undefined
  }

  private stream(key: Bytes): TwinStream {
    return this.streams.get(key) ?? this.make(key)
  }

  private make(key: Bytes): TwinStream {
    const stream: TwinStream = { lastId: 0, entries: new Map(), groups: new Map() }
    this.streams.set(key, stream)
    return stream
  }

  private add(stream: TwinStream, id: number, value: Bytes, length: number | undefined): unknown {
    if (id <= stream.lastId) return new Error()
    stream.lastId = id
    stream.entries.set(id, value)
    if (length !== undefined) trim(stream, stream.entries.size - length)
    return text(id)
  }

  private countBefore(stream: TwinStream, id: number): number {
    return [...stream.entries.keys()].filter((other) => other < id).length
  }

  private range(stream: TwinStream, from: number, to: number): unknown[] {
    return ascending(stream.entries.keys())
      .filter((id) => id >= from && id <= to)
      .map((id) => this.entry(stream, id))
  }

  private entry(stream: TwinStream, id: number): unknown {
    return [text(id), ['f', stream.entries.get(id)]]
  }

  private group(sub: Bytes, stream: TwinStream, name: Bytes, last: Bytes): unknown {
    const group = stream.groups.get(name)
    if (sub === 'CREATE') {
      if (group !== undefined) return new Error()
      const lastId = last === '$' ? stream.lastId : Number(last)
      stream.groups.set(name, { lastId, consumers: new Set(), pending: new Map() })
      return undefined
    }
    if (sub === 'DESTROY') return stream.groups.delete(name) ? 1 : 0
    if (group === undefined) return new Error()
    if (sub === 'SETID') {
      group.lastId = last === '$' ? stream.lastId : Number(last)
      return undefined
    }
    const isThere = group.consumers.has(last)
    if (sub === 'CREATECONSUMER') {
      group.consumers.add(last)
      return isThere ? 0 : 1
    }
    group.consumers.delete(last)
    const owned = [...group.pending].filter(([, { consumer }]) => consumer === last)
    for (const [id] of owned) group.pending.delete(id)
    return owned.length
  }

  private read(key: Bytes, name: Bytes, consumer: Bytes, count: number, from: Bytes): unknown {
    const stream = this.stream(key)
    const group = stream.groups.get(name)
    if (group === undefined) return new Error()
    group.consumers.add(consumer)
    if (from !== '>') {
      const owned = ascending(group.pending.keys()).filter((id) => id > Number(from) && group.pending.get(id)!.consumer === consumer)
      return [[key, owned.slice(0, count).map((id) => this.again(stream, group, id))]]
    }
    const news = ascending(stream.entries.keys()).filter((id) => id > group.lastId)
    for (const id of news.slice(0, count)) {
      group.pending.set(id, { consumer, deliveredAt: this.now, deliveries: 1 })
      group.lastId = id
    }
    return news.length === 0 ? NULL_ARRAY : [[key, news.slice(0, count).map((id) => this.entry(stream, id))]]
  }

  /** An entry of a consumer's history. */
  private again(stream: TwinStream, group: TwinGroup, id: number): unknown {
    if (!stream.entries.has(id)) return [text(id), NULL_ARRAY]
    const pending = group.pending.get(id)!
    pending.deliveries++
    pending.deliveredAt = this.now
    return this.entry(stream, id)
  }

  private claim(stream: TwinStream, group: TwinGroup, consumer: Bytes, idleMs: number, ids: readonly number[]): unknown {
    group.consumers.add(consumer)
    const claimed: unknown[] = []
    for (const id of ids) {
      const pending = group.pending.get(id)
      if (pending === undefined) continue
      if (!stream.entries.has(id)) group.pending.delete(id)
      else if (idleMs === 0 || this.now - pending.deliveredAt >= idleMs) {
        group.pending.set(id, { consumer, deliveredAt: this.now, deliveries: pending.deliveries + 1 })
        claimed.push(this.entry(stream, id))
      }
    }
    return claimed
  }

  private autoclaim(stream: TwinStream, group: TwinGroup, consumer: Bytes, idleMs: number, from: number, count: number): unknown {
    group.consumers.add(consumer)
    const ids = ascending(group.pending.keys()).filter((id) => id >= from)
    const claimed: unknown[] = []
    const deleted: unknown[] = []
    let attempts = count * 10
    while (attempts-- > 0 && claimed.length + deleted.length < count && ids.length > 0) {
      const id = ids.shift() as number
      if (!stream.entries.has(id)) deleted.push(text(id))
      claimed.push(...(this.claim(stream, group, consumer, idleMs, [id]) as unknown[]))
    }
    return [ids.length === 0 ? '0-0' : text(ids[0] as number), claimed, deleted]
  }

  private pending(group: TwinGroup, from: number, count: number, consumer: Bytes | undefined): unknown {
    return ascending(group.pending.keys())
      .filter((id) => id >= from && (consumer === undefined || group.pending.get(id)!.consumer === consumer))
      .slice(0, count)
      .map((id) => {
        const { consumer: owner, deliveredAt, deliveries } = group.pending.get(id)!
        return [text(id), owner, this.now - deliveredAt, deliveries]
      })
  }
}

/** Removes the `count` oldest entries. */
function trim({ entries }: TwinStream, count: number): number {
  const oldest = ascending(entries.keys()).slice(0, Math.max(0, count))
  for (const id of oldest) entries.delete(id)
  return oldest.length
}
