/**
 * Runs work that must not block the server. The command needs later turns, so it waits only on its
 * own: transactions and scripts refuse it.
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
