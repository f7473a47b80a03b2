/**
 * Passwords. There is one user, `default`, whose password is the configuration's `requirepass`; without one, everyone is let in and any
 * password is right, as for Redis's `nopass` users.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Bytes } from '../storage/bytes.ts'
import { clientError } from './errors.ts'
import type { ConfigPort } from './ports.ts'
import type { Session } from './session.ts'

export const DEFAULT_USER = 'default'

const wrongPassword = () => clientError('WRONGPASS invalid username-password pair or user is disabled.')

/** Whether clients must authenticate. */
export function passwordIsRequired(config: ConfigPort): boolean {
  return config.text('requirepass') !== ''
}

/** Lets the session in, or throws WRONGPASS with the session as it was. */
export function authenticate(session: Session, config: ConfigPort, user: Bytes, password: Bytes): void {
  const wanted = config.text('requirepass')
  const matches = wanted === '' || isSamePassword(wanted, password)
  if (user !== DEFAULT_USER || !matches) throw wrongPassword()
  session.authenticated = true
}

/** Takes the same time wherever the two differ, and however long they are: what is compared are digests. */
function isSamePassword(wanted: Bytes, given: Bytes): boolean {
  return timingSafeEqual(digest(wanted), digest(given))
}

function digest(password: Bytes): Buffer {
  return createHash('sha256').update(password, 'latin1').digest()
}
