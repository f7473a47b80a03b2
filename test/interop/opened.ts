/** What a test has opened: closed when it is over, the last first, whatever has become of the test. */

type Close = () => unknown

const closers: Close[] = []

/** Remembers how to close something, and returns it. */
export function opened<T>(what: T, close: (what: T) => unknown): T {
  closers.push(() => close(what))
  return what
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
