/**
 * Memory in which the replies of a turn are assembled if they hold many strings. Each string is
 * encoded once. Joining strings instead creates garbage that costs several times as much.
 *
 * The arena consists of pieces. A writer owns the *region* at the end of the current piece and may
 * append until another writer begins a region. A region that was sent at once is released. A piece
 * without held regions is reused. A region that a socket or a sealed turn keeps is never released:
 * its piece is garbage-collected with them.
 */
const PIECE_BYTES = 256 * 1024
/** Free pieces that are kept for reuse. */
const MAX_SPARE = 64

/** One buffer of the arena. */
export class Piece {
  readonly buffer: Buffer
  /** Regions that have not been released. */
  held = 0

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
  }
}

/** The pieces in which replies with many strings are assembled. */
export class ReplyArena {
  piece = new Piece(PIECE_BYTES)
  /** End of the current region. */
  position = 0
  /** The owner of the region at the end. */
  owner: { endRegion(): void } | null = null
  private readonly spare: Piece[] = []

  /** Begins a region with room for `bytes`; it is held until released. */
  beginRegion(owner: { endRegion(): void }, bytes: number): Piece {
    this.owner?.endRegion()
    if (this.piece.held === 0) this.position = 0
    if (this.position + bytes > this.piece.buffer.length) {
      this.piece = (bytes <= PIECE_BYTES ? this.spare.pop() : undefined) ?? new Piece(Math.max(bytes, PIECE_BYTES))
      this.position = 0
    }
    this.piece.held++
    this.owner = owner
    return this.piece
  }

  /** Releases a region that has been sent. */
  release(piece: Piece): void {
    piece.held--
    if (piece.held > 0 || piece === this.piece || piece.buffer.length > PIECE_BYTES || this.spare.length >= MAX_SPARE) return
    this.spare.push(piece)
  }
}
