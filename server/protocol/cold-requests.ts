/** Requests of one client that have been decoded, and wait for their keys to be read from disk before they are run. */
import type { Bytes } from '../../base/bytes.ts'
import type { RequestDecoder } from './request-decoder.ts'

export class ColdRequests {
  requests: Bytes[][] = []
  /** It was full before the decoder was empty. */
  isMoreToDecode = false

  /** Throws the decoder's ProtocolError, with the requests before it in place. */
  fill(decoder: RequestDecoder, most: number): void {
    const { requests } = this
    while (requests.length < most) {
      const args = decoder.next()
      if (args === null) break
      requests.push(args)
    }
    this.isMoreToDecode = requests.length >= most
    decoder.retain()
  }

  /** Runs them in order as long as they may be run; whether the decoder has more to go on with now. */
  run(mayRun: () => boolean, run: (args: Bytes[]) => void): boolean {
    const { requests } = this
    this.requests = []
    let next = 0
    while (next < requests.length && mayRun()) run(requests[next++] as Bytes[])
    if (next < requests.length) this.requests = requests.slice(next)
    else if (this.isMoreToDecode && mayRun()) {
      this.isMoreToDecode = false
      return true
    }
    return false
  }
}
