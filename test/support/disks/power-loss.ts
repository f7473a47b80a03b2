/**
 * The effect of a power loss on unsynced writes. Every cell of a simulated disk (a page, a file's
 * size) keeps its durable version and each version written since. A power loss picks one of them
 * for every cell separately, so any subset of the writes may be durable, in any order.
 */
import type { Random } from '../../../base/clock.ts'

export interface PowerLoss {
  readonly random: Random
  /**
   * The part of unsynced data that is lost: 0 for none, 1 for all, otherwise the chance of each
   * cell.
   */
  readonly loss: number
}

/**
 * Draws one crash. Sometimes all or nothing is lost, mostly something between, with a preference
 * for a little.
 */
export function powerLoss(random: Random): PowerLoss {
  const mood = random()
  if (mood < 1 / 8) return { random, loss: 0 }
  if (mood < 2 / 8) return { random, loss: 1 }
  return { random, loss: random() ** 4 }
}

/** Draws whether an atomic change, such as one of a directory, became durable. */
export function survives({ random, loss }: PowerLoss): boolean {
  return random() >= loss
}

/** The versions of one cell of a simulated disk, from the durable to the current one. */
export class Versions<T> {
  /** Oldest first. The first version is durable, the last is the one that reads return. */
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

  /**
   * Completes a sync that was called at `time`. It does not write what a failed sync abandoned
   * before.
   */
  completeSync(time: number): void {
    let index = this.list.length - 1
    // A sync called later may have ended earlier.
    while (index > 0 && this.list[index]!.time > time) index--
    if (this.list[index]!.time > this.abandonedUntil) this.list.splice(0, index)
  }

  /**
   * Fails a sync that was called at `time`. The kernel reports that once and treats the pages as
   * clean from then on, as Linux does.
   */
  failSync(time: number): void {
    this.abandonedUntil = Math.max(this.abandonedUntil, time)
  }

  copy(): Versions<T> {
    const copy = new Versions(this.durable)
    copy.list.splice(0, 1, ...this.list)
    copy.abandonedUntil = this.abandonedUntil
    return copy
  }

  /**
   * The version that is found after a power loss, with an older one if the write of it was torn.
   */
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
