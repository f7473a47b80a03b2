/** Errors of the simulated disk: those of any file system, and those that a test injects. */

export type Operation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'datasync'
  | 'rename'
  | 'remove'
  | 'makeDirectory'
  | 'syncDirectory'
  | 'freeBytes'

export interface FaultRule {
  readonly operation: Operation
  /** Restricts the rule to matching paths; for a rename, either path. */
  readonly path?: RegExp
  readonly code: 'ENOSPC' | 'EIO' | 'EROFS' | 'EMFILE'
  /** The number of operations that fail, 1 by default. Infinity means until the rule is removed. */
  readonly times?: number
  /** The number of matching operations that succeed first. */
  readonly after?: number
  /** A failing write writes part of its bytes, from none to all. */
  readonly isShortWrite?: boolean
}

const MESSAGES = {
  EBADF: 'bad file descriptor',
  EEXIST: 'file already exists',
  EINVAL: 'invalid argument',
  EIO: 'i/o error',
  EISDIR: 'illegal operation on a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EROFS: 'read-only file system',
} as const

/** Creates an error with the fields of Node's system errors. */
export function systemError(code: keyof typeof MESSAGES, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${MESSAGES[code]}, ${syscall} '${path}'`), { code, syscall, path })
}

/** The rules by which operations fail. */
export class Faults {
  private readonly rules = new Set<{ readonly rule: FaultRule; after: number; times: number }>()

  /** Adds a rule. The returned function removes it. */
  add(rule: FaultRule): () => void {
    const state = { rule, after: rule.after ?? 0, times: rule.times ?? 1 }
    this.rules.add(state)
    return () => void this.rules.delete(state)
  }

  /** The rule that makes this operation fail, if any; counts its use. */
  take(operation: Operation, paths: readonly string[]): FaultRule | undefined {
    for (const state of this.rules) {
      const { rule } = state
      if (rule.operation !== operation || !paths.some((path) => rule.path === undefined || rule.path.test(path))) continue
      if (state.after-- > 0) continue
      if (--state.times <= 0) this.rules.delete(state)
      return rule
    }
    return undefined
  }
}
