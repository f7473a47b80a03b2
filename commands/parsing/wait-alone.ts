/** What cannot be done while everything stands still: a command that needs turns for it waits for no other, and is refused in transactions and scripts. */
import { type Steps, waitFor } from '../../storage/scan/steps.ts'
import { clientError } from '../core/errors.ts'

export function waitAlone<T>(later: () => Promise<T>): Steps<T> {
  return waitFor<T>({
    later,
    now() {
      throw clientError('ERR this cannot be done inside a transaction or a script')
    },
  })
}
