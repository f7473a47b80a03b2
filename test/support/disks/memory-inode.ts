/**
 * The content of a file on the simulated disk, by pages. Bytes past the size are zero in every
 * page's current version.
 */
import { type PowerLoss, Versions } from './power-loss.ts'

export const PAGE_BYTES = 4096

const ZEROS = Buffer.alloc(PAGE_BYTES)

/** Null is a hole: zeros that take no space. */
type Page = Buffer | null

/** A file's pages and size, each with its versions. */
export class Inode {
  private readonly pages: Versions<Page>[] = []
  private length = new Versions<number>(0)
  private allocatedPages = 0

  get size(): number {
    return this.length.current
  }

  /** The bytes allocated on the disk. */
  get allocatedBytes(): number {
    return this.allocatedPages * PAGE_BYTES
  }

  /** Writes what `roomBytes` of new pages allow. Returns the number of bytes written. */
  write(time: number, bytes: Buffer, position: number, roomBytes: number): number {
    let written = 0
    let room = Math.floor(roomBytes / PAGE_BYTES)
    while (written < bytes.length) {
      const index = Math.floor((position + written) / PAGE_BYTES)
      const start = (position + written) % PAGE_BYTES
      const page = this.page(index)
      if (page.current === null && room-- <= 0) break
      const part = bytes.subarray(written, written + PAGE_BYTES - start)
      const next = Buffer.from(page.current ?? ZEROS)
      part.copy(next, start)
      this.replace(page, time, next)
      written += part.length
    }
    if (position + written > this.size && written > 0) this.length.write(time, position + written)
    return written
  }

  read(position: number, length: number): Buffer {
    const result = Buffer.alloc(Math.max(0, Math.min(length, this.size - position)))
    for (let done = 0; done < result.length; ) {
      const start = (position + done) % PAGE_BYTES
      const page = this.pages[Math.floor((position + done) / PAGE_BYTES)]?.current ?? ZEROS
      done += page.copy(result, done, start)
    }
    return result
  }

  truncate(time: number, length: number): void {
    if (length < this.size) this.zeroFrom(time, length)
    if (length !== this.size) this.length.write(time, length)
  }

  /** Completes a sync that was called at `time`. */
  completeSync(time: number): void {
    this.length.completeSync(time)
    for (const page of this.pages) page.completeSync(time)
  }

  /** Fails a sync that was called at `time`. */
  failSync(time: number): void {
    this.length.failSync(time)
    for (const page of this.pages) page.failSync(time)
  }

  copy(): Inode {
    const copy = new Inode()
    copy.length = this.length.copy()
    for (const page of this.pages) copy.pages.push(page.copy())
    copy.allocatedPages = this.allocatedPages
    return copy
  }

  /** The file after a power loss, which decides about the size and each page separately. */
  afterPowerLoss(crash: PowerLoss): Inode {
    const after = new Inode()
    const size = this.length.survivor(crash).value
    const pageCount = Math.ceil(size / PAGE_BYTES)
    for (let index = 0; index < pageCount; index++) {
      const survivor = this.page(index).survivor(crash)
      const page = survivor.tornOver === undefined ? survivor.value : this.torn(index, survivor.value, survivor.tornOver, crash)
      after.pages.push(new Versions(cut(page, size - index * PAGE_BYTES)))
      if (after.pages[index]!.current !== null) after.allocatedPages++
    }
    after.length = new Versions(size)
    return after
  }

  /**
   * A torn page: a prefix of the change, then the old bytes, or zeros where nothing was synced.
   * Synced bytes beside the write stay intact.
   */
  private torn(index: number, newer: Page, older: Page, { random }: PowerLoss): Buffer {
    const before = older ?? ZEROS
    const after = newer ?? ZEROS
    let first = 0
    let last = PAGE_BYTES
    while (first < PAGE_BYTES && before[first] === after[first]) first++
    while (last > first && before[last - 1] === after[last - 1]) last--
    const page = Buffer.from(before)
    if (random() < 0.5) page.fill(0, Math.min(PAGE_BYTES, Math.max(0, this.length.durable - index * PAGE_BYTES)))
    after.copy(page, 0, 0, first + Math.floor(random() * (last - first + 1)))
    return page
  }

  private page(index: number): Versions<Page> {
    while (this.pages.length <= index) this.pages.push(new Versions<Page>(null))
    return this.pages[index]!
  }

  private replace(page: Versions<Page>, time: number, next: Page): void {
    this.allocatedPages += Number(next !== null) - Number(page.current !== null)
    page.write(time, next)
  }

  private zeroFrom(time: number, length: number): void {
    for (let index = Math.floor(length / PAGE_BYTES); index < this.pages.length; index++) {
      const page = this.pages[index]!
      if (page.current !== null) this.replace(page, time, cut(page.current, length - index * PAGE_BYTES))
    }
  }
}

/** A page with only its first `length` bytes; a hole if there are none. */
function cut(page: Page, length: number): Page {
  if (page === null || length <= 0) return null
  if (length >= PAGE_BYTES) return page
  return Buffer.from(page).fill(0, length)
}
