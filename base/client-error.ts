/** The error that a client can cause. */

/**
 * An error that a client can cause. Its message is Redis's exact error text, which begins with a
 * code such as WRONGTYPE. A command throws it before it changes anything, and the executor turns it
 * into a reply.
 */
export class ClientError extends Error {
  override readonly name: string = 'ClientError'
}
