/**
 * The memory in which the replies of a turn are put together when they are many strings: each becomes bytes once, where joining strings makes
 * garbage that costs several times as much.
 *
 * It comes in pieces. Whoever writes has the *region* at the end of the present piece and may go on until somebody else begins one. A region that
 * has been sent at once is released, and a piece of which no region is held is used again. What a socket or a sealed turn keeps is never released:
 * its piece goes when they do.
 */
const PIECE_BYTES = 256 * 1024
/** Pieces that wait to be used again. */
const MAX_SPARE = 64

export class Piece {
  readonly buffer: Buffer
  /** Regions that have not been released. */
  held = 0

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
  }
}

export class ReplyArena {
  piece = new Piece(PIECE_BYTES)
  /** Where the present region ends. */
  position = 0
  /** Who has the region at the end. */
  owner: { endRegion(): void } | null = null
  private readonly spare: Piece[] = []

  /** Begins a region, which is held from now on, with room for so many bytes. */
  begin(owner: { endRegion(): void }, bytes: number): Piece {
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

  /** A region of the piece has been sent. */
  release(piece: Piece): void {
    piece.held--
    if (piece.held > 0 || piece === this.piece || piece.buffer.length > PIECE_BYTES || this.spare.length >= MAX_SPARE) return
    this.spare.push(piece)
  }
}
