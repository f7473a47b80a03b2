/** Packages that a start does not need are loaded at their first use. */
import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/** Returns what a CommonJS package exports. Throws if it is not installed. */
export function lazyPackage<Exports>(name: string): Exports {
  return load(name) as Exports
}
