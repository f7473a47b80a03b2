/**
 * The one table of configuration keys. The file and flag parsers, CONFIG, `haypile help` and the
 * redaction of secrets read it. It joins the files of keys/ and refuses a bad definition at start.
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

/** Every key, in the order in which `haypile help all` and CONFIG GET * show them. */
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

/** Every name of every key; a key's aliases follow its own name. */
export const configNames: ReadonlyMap<Bytes, ConfigName> = gather(configKeys)

/** Finds a key by name, case-insensitive. */
export function findConfigName(name: Bytes): ConfigName | undefined {
  return configNames.get(lowerCase(name))
}

/** Finds a key by a name that the code itself uses. Throws if there is none. */
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

/** Returns the known name nearest to this one; undefined if none is near. */
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

/**
 * The number of insertions, removals, replacements and swaps of neighbours that turn one word into
 * the other (Damerau's distance without overlapping swaps).
 */
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
