/** The texts of denials. */
import type { Bytes } from '../../base/bytes.ts'
import type { Denial, SessionUser } from '../contract/access.ts'

/** Returns the text for clients, without NOPERM. It does not name keys or channels. */
export function denialText(user: SessionUser, { reason, object }: Denial): Bytes {
  if (reason === 'command') return `User ${user.name} has no permissions to run the '${object}' command`
  return `No permissions to access a ${reason}`
}

/** Returns the text of ACL DRYRUN. */
export function detailedDenial(user: SessionUser, denial: Denial): Bytes {
  if (denial.reason === 'command') return denialText(user, denial)
  return `User ${user.name} has no permissions to access the '${denial.object}' ${denial.reason}`
}
