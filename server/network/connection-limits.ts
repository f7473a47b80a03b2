/** How much of one connection is held in memory. */

/** Replies of one turn past this many bytes make the client wait for the end of the turn; a longer reply is encoded in parts of this size. */
export const TURN_OUTPUT_BYTES = 1024 * 1024
/** Unsent replies past this many bytes hold the client until it has read them. */
export const UNSENT_BYTES = 1024 * 1024
/** Turns whose replies may wait for the disk; past this many the client is held. */
export const MAX_SEALED_TURNS = 1024
/** Received and not run: past this many bytes the socket is not read. */
export const HELD_INPUT_BYTES = 256 * 1024
/** A client that is being closed has so long to read its last replies. */
export const CLOSE_TIMEOUT_MS = 1000
