/**
 * The one table of configuration keys, read by the file and flag parsers, CONFIG, --help and the redaction of secrets. It is gathered from
 * config-keys-*.ts and refuses a bad definition at start.
 */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { type ConfigKey, type ConfigName, defaultOf } from './key.ts'
import { collectionKeys } from './keys/collections.ts'
import { compatibilityKeys } from './keys/compatibility.ts'
import { networkKeys } from './keys/network.ts'
import { pikaKeys } from './keys/pika.ts'
import { replicationKeys } from './keys/replication.ts'
import { serverKeys } from './keys/server.ts'
import { storageKeys } from './keys/storage.ts'
import { userKeys } from './keys/users.ts'

/** Every key, in the order in which --help and CONFIG GET * show them. */
export const configKeys: readonly ConfigKey[] = [
  ...networkKeys,
  ...userKeys,
  ...serverKeys,
  ...storageKeys,
  ...collectionKeys,
  ...replicationKeys,
  ...compatibilityKeys,
  ...pikaKeys,
]

/** Every name by which a key can be called, aliases after the key's own. */
export const configNames: ReadonlyMap<Bytes, ConfigName> = gather(configKeys)

/** The key of a name in any case. */
export function findConfigName(name: Bytes): ConfigName | undefined {
  return configNames.get(lowerCase(name))
}

/** The key of a name that the code itself uses. */
export function requireConfigKey(name: string): ConfigKey {
  const found = configNames.get(name)
  if (found === undefined) throw new Error(`no configuration key is called ${name}`)
  return found.key
}

function gather(keys: readonly ConfigKey[]): Map<Bytes, ConfigName> {
  const names = new Map<Bytes, ConfigName>()
  const add = (name: ConfigName) => {
    if (!/^[a-z0-9_-]+$/.test(name.name)) throw new Error(`configuration key ${name.name}: bad name`)
    if (names.has(name.name)) throw new Error(`two configuration keys are called ${name.name}`)
    names.set(name.name, name)
  }
  for (const key of keys) {
    key.kind.parse([defaultOf(key, { memoryBytes: 2 ** 30 })], undefined)
    add({ name: key.name, key, times: 1, hidden: key.hidden === true })
    for (const alias of key.aliases ?? [])
      if (typeof alias === 'string') add({ name: alias, key, times: 1, hidden: key.hidden === true })
      else add({ name: alias.name, key, times: alias.times, hidden: true })
  }
  return names
}

/** The known name that looks most like this one; undefined where none does. */
export function nearestConfigName(name: Bytes): Bytes | undefined {
  const lower = lowerCase(name).slice(0, 64)
  let best: Bytes | undefined
  let least = Math.max(2, Math.floor(lower.length / 3)) + 1
  for (const known of configNames.keys()) {
    const distance = editDistance(lower, known)
    if (distance < least) {
      least = distance
      best = known
    }
  }
  return best
}

/** Insertions, removals, replacements and swaps of neighbours that turn one into the other (Damerau's distance, no overlapping swaps). */
function editDistance(from: Bytes, to: Bytes): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      let cost = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) cost = Math.min(cost, beforeLast[j - 2]! + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return last[to.length]!
}
