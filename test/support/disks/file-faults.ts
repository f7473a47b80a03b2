/** Errors of the simulated disk: those that any file system gives, and those that a test asks for. */

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
  /** Only files whose path matches; of a rename, either path. */
  readonly path?: RegExp
  readonly code: 'ENOSPC' | 'EIO' | 'EROFS' | 'EMFILE'
  /** How many operations fail; 1 unless told. Infinity: until the rule is lifted. */
  readonly times?: number
  /** So many matching operations succeed first. */
  readonly after?: number
  /** A failing write leaves a part of its bytes, from none to all. */
  readonly shortWrite?: boolean
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

/** An error with the fields of Node's. */
export function systemError(code: keyof typeof MESSAGES, syscall: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${MESSAGES[code]}, ${syscall} '${path}'`), { code, syscall, path })
}

export class Faults {
  private readonly rules = new Set<{ readonly rule: FaultRule; after: number; times: number }>()

  /** The function lifts the rule. */
  add(rule: FaultRule): () => void {
    const state = { rule, after: rule.after ?? 0, times: rule.times ?? 1 }
    this.rules.add(state)
    return () => void this.rules.delete(state)
  }

  /** The rule by which this operation fails, if any; counts it. */
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
