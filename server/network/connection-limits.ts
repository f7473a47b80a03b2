/** Limits of the memory that one connection uses. */

/** Unsent replies beyond this hold the client until it has read them. */
export const MAX_UNSENT_BYTES = 1024 * 1024
/** Turns whose replies may wait for an fsync. Beyond this the client is held. */
export const MAX_SEALED_TURNS = 1024
/** Received input that has not run. Beyond this the socket is not read. */
export const MAX_HELD_INPUT_BYTES = 256 * 1024
/** Time that a client has to read its last replies while it is being closed. */
export const CLOSE_TIMEOUT_MS = 1000
