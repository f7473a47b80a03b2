/**
 * The one table of configuration keys. The file and flag parsers, CONFIG, `haypile help` and the
 * redaction of secrets read it. It joins the files of keys/ and refuses a bad definition at start.
 */
import { at } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { type ConfigKey, defaultOf, type KeyName } from './key.ts'
import { clusterKeys } from './keys/cluster.ts'
import { clusterLeaseKeys } from './keys/cluster-lease.ts'
import { collectionKeys } from './keys/collections.ts'
import { compatibilityKeys } from './keys/compatibility.ts'
import { networkKeys } from './keys/network.ts'
import { pikaKeys } from './keys/pika.ts'
import { replicationKeys } from './keys/replication.ts'
import { serverKeys } from './keys/server.ts'
import { storageKeys } from './keys/storage.ts'
import { userKeys } from './keys/users.ts'

/** Every key, in the order in which `haypile help all` and CONFIG GET * show them. */
const KEYS = [
  ...networkKeys,
  ...userKeys,
  ...serverKeys,
  ...storageKeys,
  ...collectionKeys,
  ...replicationKeys,
  ...clusterKeys,
  ...clusterLeaseKeys,
  ...compatibilityKeys,
  ...pikaKeys,
] as const

export const configKeys: readonly ConfigKey[] = KEYS

type Key = (typeof KEYS)[number]

/** The type of each key's value. */
export type ConfigValues = { readonly [K in Key as K['name']]: ReturnType<K['kind']['parse']> }

type AliasOf<K> = K extends { readonly aliases?: readonly (infer A)[] }
  ? A extends Bytes
    ? A
    : A extends { readonly name: infer N extends Bytes }
      ? N
      : never
  : never

/** A value as a program may give it. Every value may be spelled as in a file. */
type OptionOf<V> =
  | (string & Record<never, never>)
  | (V extends number | boolean | Bytes ? V : never)
  | (Bytes extends V ? number : 'yes' extends V ? boolean : never)

/** Values by each key's name or alias, as a program gives them. */
export type ConfigOptions = {
  readonly [K in Key as K['name'] | AliasOf<K>]?: OptionOf<ReturnType<K['kind']['parse']>>
}

/** A key's own name. The code names keys by it. */
export type ConfigName = keyof ConfigValues

/** The names of the keys whose values are of the type. */
export type ConfigNameOf<V> = { [N in ConfigName]: ConfigValues[N] extends V ? N : never }[ConfigName]

/** Every name of every key; a key's aliases follow its own name. */
export const configNames: ReadonlyMap<Bytes, KeyName> = gather(configKeys)

/** Finds a key by name, case-insensitive. */
export function findConfigName(name: Bytes): KeyName | undefined {
  return configNames.get(lowerCase(name))
}

/** Finds a key by a name that the code itself uses. Throws if there is none. */
export function requireConfigKey(name: ConfigName): ConfigKey {
  const found = configNames.get(name)
  if (found === undefined) throw new Error(`no configuration key is called ${name}`)
  return found.key
}

function gather(keys: readonly ConfigKey[]): Map<Bytes, KeyName> {
  const names = new Map<Bytes, KeyName>()
  const add = (name: KeyName) => {
    if (!/^[a-z0-9_-]+$/.test(name.name)) throw new Error(`configuration key ${name.name}: bad name`)
    if (names.has(name.name)) throw new Error(`two configuration keys are called ${name.name}`)
    names.set(name.name, name)
  }
  for (const key of keys) {
    key.kind.parse([defaultOf(key, { memoryBytes: 2 ** 30 })], undefined)
    add({ name: key.name, key, times: 1, isHidden: key.hidden === true })
    for (const alias of key.aliases ?? [])
      if (typeof alias === 'string') add({ name: alias, key, times: 1, isHidden: key.hidden === true })
      else add({ name: alias.name, key, times: alias.times, isHidden: true })
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
      let cost = Math.min(at(row, j - 1) + 1, at(last, j) + 1, at(last, j - 1) + (same ? 0 : 1))
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) cost = Math.min(cost, at(beforeLast, j - 2) + 1)
      row.push(cost)
    }
    beforeLast = last
    last = row
  }
  return at(last, to.length)
}
