/**
 * What a test has opened: closed when it is over, the last first, whatever has become of the test.
 */

type Close = () => unknown

const closers: Close[] = []

/** Remembers how to close something, and returns it. */
export function opened<T>(what: T, close: (what: T) => unknown): T {
  closers.push(() => close(what))
  return what
}

/**
 * Connects a client of `redis`, of whatever type: that type depends on its protocol, scripts and
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
