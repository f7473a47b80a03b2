/**
 * Registers what a test opens, and closes it when the test is over, passed or failed, the last
 * first.
 */

type Close = () => unknown

const closers: Close[] = []

/** Registers a function that closes `what`, and returns `what`. */
export function opened<T>(what: T, close: (what: T) => unknown): T {
  closers.push(() => close(what))
  return what
}

/**
 * Connects a client of `redis` of any type: the type depends on its protocol, scripts and
 * functions.
 */
export async function open<T extends { on(event: 'error', listener: () => void): unknown; connect(): Promise<unknown>; destroy(): void }>(
  client: T,
): Promise<T> {
  client.on('error', () => {})
  await client.connect()
  return opened(client, () => client.destroy())
}

export async function closeOpened(): Promise<void> {
  let failure: unknown
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) {
    try {
      await close()
    } catch (error) {
      failure = error
    }
  }
  if (failure !== undefined) throw failure
}
