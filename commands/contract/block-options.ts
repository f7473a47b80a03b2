/** The conditions under which a blocked command runs again or times out. */
import type { Bytes } from '../../base/bytes.ts'
import type { Reply } from './reply.ts'

export interface BlockOptions {
  readonly keys: readonly Bytes[]
  /** The awaited type, such as KIND_LIST: a key of another type is not ready. */
  readonly kind: number
  /** 0: no time-out. */
  readonly timeoutMs: number
  /** The reply at the time-out. */
  readonly onTimeout: Reply
  /** The words to run again instead of the request's. XREAD's `$` becomes an id, for example. */
  readonly args?: readonly Bytes[]
  /** Also run again when a key is deleted or changes its type. */
  readonly wakesOnDelete?: true
  /**
   * Clients with the same label wait for the same thing, such as a consumer group. If one finds
   * nothing, the others are not tried.
   */
  readonly waitGroup?: Bytes
  /** Called when the client is no longer blocked, for whatever reason. */
  readonly ended?: () => void
}
