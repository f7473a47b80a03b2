/** Passwords are stored only as their SHA-256 in lower-case hexadecimal. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Bytes } from '../../base/bytes.ts'

/** Returns the hash of a password: 64 hexadecimal digits. */
export function passwordHash(password: Bytes): Bytes {
  return createHash('sha256').update(password, 'latin1').digest('hex')
}

export function isPasswordHash(word: Bytes): boolean {
  return /^[0-9a-f]{64}$/.test(word)
}

/** True if a password has one of these hashes. The time does not depend on where they differ. */
export function isOneOf(hashes: readonly Bytes[], password: Bytes): boolean {
  const given = Buffer.from(passwordHash(password), 'latin1')
  let found = false
  for (const hash of hashes) if (timingSafeEqual(Buffer.from(hash, 'latin1'), given)) found = true
  return found
}
