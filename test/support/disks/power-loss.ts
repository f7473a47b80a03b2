/**
 * What a power loss leaves of things that were written and not synced. Every cell of a simulated disk (a page, a file's size) keeps what
 * is on the medium and each version written over it since; a power loss picks one of them for every cell on its own, so that any
 * subset of the writes may have reached the medium, in any order.
 */
import type { Random } from '../../../base/clock.ts'

export interface PowerLoss {
  readonly random: Random
  /** How much of what was not synced is lost: 0 nothing, 1 all of it, between them the chance of each cell. */
  readonly loss: number
}

/** One crash: now and then all or nothing is lost, mostly something between, with a preference for a little. */
export function powerLoss(random: Random): PowerLoss {
  const mood = random()
  if (mood < 1 / 8) return { random, loss: 0 }
  if (mood < 2 / 8) return { random, loss: 1 }
  return { random, loss: random() ** 4 }
}

/** Whether a thing that is there or not, such as a change of a directory, reached the medium. */
export function survives({ random, loss }: PowerLoss): boolean {
  return random() >= loss
}

export class Versions<T> {
  /** Oldest first; the first is on the medium, the last is what reads see. */
  private readonly list: { readonly time: number; readonly value: T }[]
  private abandonedUntil = -1

  constructor(durable: T) {
    this.list = [{ time: -1, value: durable }]
  }

  get current(): T {
    return this.list[this.list.length - 1]!.value
  }

  get durable(): T {
    return this.list[0]!.value
  }

  write(time: number, value: T): void {
    this.list.push({ time, value })
  }

  /** A sync that was called at `time` is done. What a failed sync gave up before is not written by a later one. */
  settle(time: number): void {
    let index = this.list.length - 1
    while (index > 0 && this.list[index]!.time > time) index-- // another sync, called later, may have ended before
    if (this.list[index]!.time > this.abandonedUntil) this.list.splice(0, index)
  }

  /** A sync called at `time` failed: the kernel reports that once, and takes the pages for clean from then on (as Linux does). */
  abandon(time: number): void {
    this.abandonedUntil = Math.max(this.abandonedUntil, time)
  }

  copy(): Versions<T> {
    const copy = new Versions(this.durable)
    copy.list.splice(0, 1, ...this.list)
    copy.abandonedUntil = this.abandonedUntil
    return copy
  }

  /** The version that the medium has after a power loss, and an older one where the write of it was torn. */
  survivor({ random, loss }: PowerLoss): { readonly value: T; readonly tornOver?: T } {
    const last = this.list.length - 1
    if (last === 0 || loss === 1) return { value: this.durable }
    if (random() < loss) {
      const index = Math.floor(random() * this.list.length)
      if (index === 0) return { value: this.durable }
      return { value: this.list[index]!.value, tornOver: this.list[Math.floor(random() * index)]!.value }
    }
    return { value: this.current }
  }
}
