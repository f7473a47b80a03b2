/**
 * Reasons to run no requests of a client.
 *
 *   async    an asynchronous command runs, or keys of the next requests are read from disk
 *   gate     a gate holds the request
 *   stall    the group of the turn could not be written
 *   output   too many replies are unsent, or wait for an fsync
 *   turn     the replies of this turn exceed MAX_TURN_OUTPUT_BYTES
 *   rest     a long reply is not encoded to its end
 */
export type HoldReason = 'async' | 'gate' | 'stall' | 'output' | 'turn' | 'rest'
