/**
 * The flags in a script's first line: `#!lua flags=no-writes,allow-stale`. A script without that
 * line follows the rules of Redis before 7.0.
 */
import type { Bytes } from '../../base/bytes.ts'
import { ClientError, clientError } from '../contract/errors.ts'
import { splitInline } from '../parsing/inline-words.ts'

export interface ScriptFlags {
  readonly mustNotWrite: boolean
  readonly mayRunStale: boolean
  /** True if a node of a cluster must not run it. */
  readonly isForNoCluster: boolean
  readonly mayCrossSlots: boolean
}

/** All flags that Redis knows, in its order. */
export const SCRIPT_FLAGS: readonly Bytes[] = ['no-writes', 'allow-oom', 'allow-stale', 'no-cluster', 'allow-cross-slot-keys']

const FLAGS_EQUAL = 'flags='

export function flagsOf(names: readonly Bytes[]): ScriptFlags {
  return {
    mustNotWrite: names.includes('no-writes'),
    mayRunStale: names.includes('allow-stale'),
    isForNoCluster: names.includes('no-cluster'),
    mayCrossSlots: names.includes('allow-cross-slot-keys'),
  }
}

/** Returns the flags that a script declares; null without a declaration or for an invalid one. */
export function declaredFlags(body: Bytes): ScriptFlags | null {
  if (!body.startsWith('#!')) return null
  try {
    return readShebang(body).flags
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    return null
  }
}

/**
 * Returns the text to compile and the flags. The text keeps the end of the removed first line.
 * `flags` is null without such a line.
 */
export function readShebang(body: Bytes): { readonly code: Bytes; readonly flags: ScriptFlags | null } {
  if (!body.startsWith('#!')) return { code: body, flags: null }
  const end = body.indexOf('\n')
  if (end < 0) throw clientError('ERR Invalid script shebang')
  const [engine, ...options] = splitInline(body.slice(0, end)) ?? []
  if (engine === undefined) throw clientError('ERR Invalid engine in script shebang')
  if (engine !== '#!lua') throw clientError(`ERR Unexpected engine in script shebang: ${engine}`)
  const names: Bytes[] = []
  for (const option of options) {
    if (!option.startsWith(FLAGS_EQUAL)) throw clientError(`ERR Unknown lua shebang option: ${option}`)
    if (option === FLAGS_EQUAL) continue
    for (const name of option.slice(FLAGS_EQUAL.length).split(',')) {
      if (!SCRIPT_FLAGS.includes(name)) throw clientError(`ERR Unexpected flag in script shebang: ${name}`)
      names.push(name)
    }
  }
  return { code: body.slice(end), flags: flagsOf(names) }
}
