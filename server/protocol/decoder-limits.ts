/** The limits on the size of a request, which CONFIG SET changes. */

/** Shared by all connections; CONFIG SET changes it in place. */
export interface DecoderLimits {
  /** proto-max-bulk-len. MAX_BYTES_LENGTH is the upper bound. */
  maxBulkBytes: number
  maxArguments: number
  /** Limit of an inline line, and of any header line. */
  maxInlineBytes: number
  /** True if no password is needed, so that unauthenticated clients have the usual limits. */
  readonly isOpen: boolean
}

export function defaultDecoderLimits(): DecoderLimits {
  return { maxBulkBytes: 512 * 1024 * 1024, maxArguments: 1024 * 1024, maxInlineBytes: 64 * 1024, isOpen: false }
}
