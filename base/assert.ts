/**
 * An assertion states a condition that only a bug can make false. Assertions are always on: a bug
 * ends the process before damage is written.
 *
 * No `catch` continues after a failed assertion. The program ends at the failure (`endOnFailure`).
 * In an embedded server the error propagates like that of any other bug, and each `catch` that
 * continues after other errors calls `rethrowAssertion` first. Conditions that a client, a peer or
 * the disk can cause are errors instead: ClientError, a refusal, DamageError.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

let end: (error: AssertionError) => void = () => {}

/**
 * Sets the function that runs at a failed assertion, before its error is thrown. The program sets
 * one that exits. An embedded server sets none, because it must not end the process of its host.
 */
export function endOnFailure(handler: (error: AssertionError) => void): void {
  end = handler
}

/**
 * Throws AssertionError unless the condition holds. The text is constant, so that it costs nothing
 * where the condition holds.
 */
export function assert(condition: boolean, text: string): asserts condition {
  if (!condition) fail(text)
}

/** Returns a value that is neither undefined nor null; throws AssertionError otherwise. */
export function must<T>(value: T, text = 'a value is missing'): NonNullable<T> {
  if (value === undefined || value === null) fail(text)
  return value
}

/**
 * Returns the element at an index; throws AssertionError if the array has none. Code that runs for
 * each request calls `must(array[index])` instead: the array access in `at` is shared by all
 * callers, so V8 cannot specialize it.
 */
export function at<T>(array: readonly T[], index: number): NonNullable<T> {
  return must(array[index], 'an index is outside of its array')
}

/**
 * Rethrows an AssertionError; returns for any other error. Called first in a `catch` that
 * continues.
 */
export function rethrowAssertion(error: unknown): void {
  if (error instanceof AssertionError) throw error
}

function fail(text: string): never {
  const error = new AssertionError(`assertion failed: ${text}`)
  end(error)
  throw error
}
