/** The errors that an RDB file or a DUMP payload can cause. */

/**
 * An RDB that is not accepted. `damaged`: the bytes break the grammar, or lie. `refused`: the bytes
 * may be right, and haypile does not take them, such as the type of a module.
 */
export class RdbError extends Error {
  override readonly name = 'RdbError'
  readonly kind: 'damaged' | 'refused'
  /** The position in bytes from the first byte of the file or payload. */
  readonly offset: number

  constructor(kind: 'damaged' | 'refused', offset: number, text: string) {
    super(`RDB ${kind} at byte ${offset}: ${text}`)
    this.kind = kind
    this.offset = offset
  }
}

export const damagedAt = (offset: number, text: string): RdbError => new RdbError('damaged', offset, text)
export const refusedAt = (offset: number, text: string): RdbError => new RdbError('refused', offset, text)
