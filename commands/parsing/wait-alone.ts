/**
 * Waits for work that ends in a later turn and must not block the server. In a transaction or a
 * script, where no command can wait, it is an error.
 */
import { type Steps, waitFor } from '../../storage/scan/steps.ts'
import { clientError } from '../contract/errors.ts'

export function waitAlone<T>(later: () => Promise<T>): Steps<T> {
  return waitFor<T>({
    later,
    now() {
      throw clientError('ERR command not allowed inside a transaction or a script')
    },
  })
}
