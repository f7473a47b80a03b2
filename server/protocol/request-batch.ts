/** Requests that have been decoded ahead of running, from one read of a client's socket. */
import type { Bytes } from '../../base/bytes.ts'
import type { Request } from '../../commands/contract/request.ts'
import type { RequestDecoder } from './request-decoder.ts'

// hot: every request passes through a batch

/** Requests decoded ahead at most. */
const MAX_REQUESTS = 32

const NO_WORDS: Bytes[] = []

/** Requests that have been decoded ahead of running. */
export class RequestBatch {
  count = 0
  /** The number of requests that `nextInto` has returned. */
  private taken = 0
  /** The words of each request, below `count`. */
  readonly words: Bytes[][] = new Array<Bytes[]>(MAX_REQUESTS).fill(NO_WORDS)
  /** The buffer that holds the canonical encoding of all requests; null for none. */
  private buffer: Buffer | null = null
  /** The place of each request in `buffer`. */
  private readonly starts: number[] = new Array<number>(MAX_REQUESTS).fill(0)
  private readonly ends: number[] = new Array<number>(MAX_REQUESTS).fill(0)
  /** True from `newBatch` to `end`. */
  isInUse = false

  /**
   * Decodes the next requests. Returns false if there is none. Only requests that are complete and
   * canonical in the read buffer are decoded ahead, so an error concerns the first one. Throws
   * ProtocolError.
   */
  fill(decoder: RequestDecoder): boolean {
    this.count = 0
    this.taken = 0
    const first = decoder.next()
    if (first === null) return false
    this.buffer = decoder.rawBuffer
    this.add(first, decoder)
    if (this.buffer === null) return true
    while (this.count < MAX_REQUESTS) {
      const words = decoder.nextWhole()
      if (words === null) break
      this.add(words, decoder)
    }
    return true
  }

  private add(words: Bytes[], { rawStart, rawEnd }: RequestDecoder): void {
    const { count } = this
    this.words[count] = words
    this.starts[count] = rawStart
    this.ends[count] = rawEnd
    this.count = count + 1
  }

  /** Fills `request` with the next request. Returns false if none is left. */
  nextInto(request: Request): boolean {
    const { taken } = this
    if (taken === this.count) return false
    request.fill(this.words[taken] as Bytes[], this.buffer, this.starts[taken] as number, this.ends[taken] as number)
    this.taken = taken + 1
    return true
  }

  /** Returns the words of the requests that have not been taken. */
  rest(): Bytes[][] {
    return this.words.slice(this.taken, this.count)
  }

  /** Drops the words, which may be large. */
  end(): void {
    this.words.fill(NO_WORDS)
    this.count = 0
    this.taken = 0
    this.buffer = null
    this.isInUse = false
  }
}
