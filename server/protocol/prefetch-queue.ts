/** Decoded requests of one client that wait until their keys have been read from disk. */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Request } from '../../commands/contract/request.ts'
import type { RequestDecoder } from './request-decoder.ts'

/** Decoded requests of one client that wait until their keys have been read from disk. */
export class PrefetchQueue {
  requests: Bytes[][] = []
  /** True if `fill` stopped at its limit, so that the decoder may hold more requests. */
  hasMoreToDecode = false

  /** Throws the decoder's ProtocolError; the requests before it remain. */
  fill(decoder: RequestDecoder, most: number): void {
    const { requests } = this
    while (requests.length < most) {
      const args = decoder.next()
      if (args === null) break
      requests.push(args)
    }
    this.hasMoreToDecode = requests.length >= most
    decoder.retain()
  }

  /** Adds requests that the connection has decoded and may not run now. */
  keep(requests: readonly Bytes[][]): void {
    this.requests.push(...requests)
    this.hasMoreToDecode = false
  }

  /**
   * Runs requests in order, each in `request`, while `mayRun` allows. Returns true if the decoder
   * holds more that may run now.
   */
  run(request: Request, mayRun: () => boolean, run: () => void): boolean {
    const { requests } = this
    this.requests = []
    let next = 0
    while (next < requests.length && mayRun()) {
      request.fill(must(requests[next++]), null, 0, 0)
      run()
    }
    if (next < requests.length) this.requests = requests.slice(next)
    else if (this.hasMoreToDecode && mayRun()) {
      this.hasMoreToDecode = false
      return true
    }
    return false
  }
}
