/** The sources of the repository as the tidy tests read them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'

/**
 * The repository: the directory that this file was compiled from, or the working directory if it
 * was compiled elsewhere.
 */
const compiledFrom = fileURLToPath(new URL('../../../..', import.meta.url))
export const ROOT = existsSync(join(compiledFrom, 'storage', 'storage.ts')) ? compiledFrom : process.cwd()

export const LAYERS = ['base', 'rdb', 'storage', 'lua', 'replication', 'commands', 'server', 'test', 'benchmarks']

export interface Source {
  /** Relative to the repository's root, with slashes. */
  readonly path: string
  readonly layer: string
  readonly text: string
  /** The text without comments and without quoted text on one line. */
  readonly code: string
}

export function sources(): Source[] {
  const found: Source[] = []
  for (const layer of LAYERS) {
    const names = existsSync(join(ROOT, layer)) ? readdirSync(join(ROOT, layer), { recursive: true, encoding: 'utf8' }) : []
    for (const name of names.filter((candidate) => candidate.endsWith('.ts')).sort()) {
      const text = readFileSync(join(ROOT, layer, name), 'utf8')
      found.push({ path: slashed(join(layer, name)), layer, text, code: codeOf(text) })
    }
  }
  return found
}

export const slashed = (path: string) => path.replaceAll('\\', '/')

function codeOf(text: string): string {
  const withoutComments = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, '')).replace(/(^|\s)\/\/.*$/gm, '$1')
  return withoutComments.replace(/'(?:[^'\\\n]|\\.)*'/g, "''")
}

export const isProduct = ({ layer }: Source) => layer !== 'test' && layer !== 'benchmarks'

/** `path:line: what` for each match of a pattern in the code of files. */
export function matches(among: readonly Source[], pattern: RegExp, of: (source: Source) => string = (source) => source.code): string[] {
  return among.flatMap((source) =>
    of(source)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${source.path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

export function importsOf({ text }: Source): string[] {
  return [...text.matchAll(/^(?:import|export)\b[^'\n]*(?:\n[^'\n]*)*?from '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm)].map(
    (match) => (match[1] ?? match[2] ?? match[3]) as string,
  )
}

/** Fails with a list if anything was found. */
export function none(what: string, found: readonly string[]): void {
  assert.is(found.length, 0, `${what}:\n  ${found.join('\n  ')}`)
}
