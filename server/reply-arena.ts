/**
 * One piece of memory in which the replies of a turn are put together when they are many strings: each becomes bytes once, where joining
 * strings makes garbage that costs several times as much.
 *
 * Whoever writes has the *region* at the end and may go on until somebody else begins one. What has been sent at once is released, and when
 * nothing is held any more, the next region begins at the front again. What a socket or a sealed turn keeps is left to it: a new piece is
 * taken then.
 */
const PIECE_BYTES = 256 * 1024

export class ReplyArena {
  buffer = Buffer.allocUnsafeSlow(PIECE_BYTES)
  /** Where the present region ends. */
  position = 0
  /** Goes up with every new piece. */
  piece = 0
  /** Who has the region at the end. */
  owner: { endRegion(): void } | null = null
  private held = 0

  /** Begins a region, which is held from now on. */
  begin(owner: { endRegion(): void }): void {
    this.owner?.endRegion()
    if (this.held === 0) this.position = 0
    this.held++
    this.owner = owner
  }

  /** So many regions of a piece have been sent. */
  release(piece: number, regions: number): void {
    if (piece === this.piece) this.held -= regions
  }

  /** Takes a new piece, with room for so many bytes; what is held of the old one stays as it is. */
  renew(bytes: number): void {
    this.piece++
    this.held = 0
    this.position = 0
    this.buffer = Buffer.allocUnsafeSlow(Math.max(bytes, PIECE_BYTES))
  }
}
