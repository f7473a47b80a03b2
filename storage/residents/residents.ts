/**
 * The ring of resident entries and pages of one database, in no order, through which the clock hand
 * of eviction moves (the CLOCK algorithm). Adding and removing is O(1); dropping a database drops
 * its ring.
 */
import { assert, must } from '../../base/assert.ts'
import type { Resident } from './resident.ts'

/** The ring of resident entries and pages of one database, for the clock hand. */
export class Residents {
  bytes = 0
  private readonly ring: Resident[] = []
  private hand = 0
  private packingHand = 0

  get length(): number {
    return this.ring.length
  }

  at(index: number): Resident {
    return must(this.ring[index])
  }

  add(resident: Resident, sizeBytes: number): void {
    assert(resident.ringIndex < 0, 'a resident is added once')
    resident.ringIndex = this.ring.length
    this.ring.push(resident)
    this.bytes += sizeBytes
  }

  remove(resident: Resident, sizeBytes: number): void {
    assert(this.ring[resident.ringIndex] === resident, 'a resident is removed at its own index')
    const last = must(this.ring.pop())
    if (last !== resident) {
      this.ring[resident.ringIndex] = last
      last.ringIndex = resident.ringIndex
    }
    resident.ringIndex = -1
    assert(last === resident || this.ring[last.ringIndex] === last, 'a resident that was moved knows its new place')
    this.bytes -= sizeBytes
    assert(this.bytes >= 0, 'the memory of residents is not negative')
  }

  /** The number of residents between the hand and the end of the ring. */
  get leftInRound(): number {
    return Math.max(0, this.ring.length - this.hand)
  }

  startRound(): void {
    this.hand = 0
  }

  /**
   * Moves the hand over at most `steps` residents and evicts clean ones until `enough` bytes are
   * freed. A resident used since the hand's last visit stays, unless `spared` is 'nothing'. Returns
   * the bytes freed.
   */
  advanceHand(steps: number, landedGeneration: number, enough: number, spared: 'used' | 'nothing' = 'used'): number {
    const before = this.bytes
    for (; steps > 0 && this.ring.length > 0 && before - this.bytes < enough; steps--) {
      if (this.hand >= this.ring.length) this.hand = 0
      const resident = must(this.ring[this.hand])
      assert(resident.ringIndex === this.hand, 'a resident knows its place in the ring')
      if (resident.generation > landedGeneration) this.hand++
      else if (resident.isReferenced && spared === 'used') {
        resident.isReferenced = false
        this.hand++
      } else {
        const { length } = this.ring
        resident.evict() // the last resident takes its place in the ring
        // its pages are evicted first
        if (spared === 'nothing' && this.ring.length === length) this.hand++
      }
    }
    return before - this.bytes
  }

  /**
   * Moves the hand of packing over at most `steps` residents and packs the clean ones that were not
   * used since its last visit, where they can be packed. Returns their number.
   */
  packSome(steps: number, landedGeneration: number): number {
    const before = this.ring.length
    for (let left = steps; left > 0 && this.ring.length > 0; left--) {
      if (this.packingHand >= this.ring.length) this.packingHand = 0
      const resident = must(this.ring[this.packingHand])
      // The last resident takes the place of one that is packed.
      if (resident.generation > landedGeneration || !resident.pack()) this.packingHand++
    }
    return before - this.ring.length
  }
}
