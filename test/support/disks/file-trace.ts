/**
 * Replays the file operations of a real process, recorded by strace, on a simulated disk. That disk
 * can lose unsynced pages, sizes and names, in any order. LevelDB's own operations are included.
 */
import { readFileSync } from 'node:fs'
import type { File } from '../../../base/files.ts'
import type { MemoryFiles } from './memory-files.ts'

/** The string limit given to strace, which cuts longer ones. */
const MAX_STRING_BYTES = 300_000
const CALLS = 'openat,close,write,pwrite64,writev,pwritev,rename,unlink,rmdir,mkdir,ftruncate,fsync,fdatasync'

/** The words that run a program under strace and record its operations in a file. */
export const straceWords = (trace: string): string[] => [
  '-f',
  '-xx',
  '-s',
  String(MAX_STRING_BYTES),
  '-e',
  `trace=${CALLS}`,
  '-e',
  'signal=none',
  '-o',
  trace,
]

interface Call {
  readonly name: string
  readonly args: string
  readonly result: number
}

/**
 * The operations of one process below a directory, which becomes the root of the simulated disk.
 */
export class FileTrace {
  /** The number of `+OK` replies sent. */
  acknowledged = 0
  private readonly files: MemoryFiles
  private readonly base: string
  private readonly open = new Map<number, { readonly path: string; readonly file: File | null; offset: number }>()
  private readonly begun = new Map<string, string>()
  private readonly syncs = new Map<string, () => void>()

  constructor(files: MemoryFiles, base: string) {
    this.files = files
    this.base = base
    files.holdSyncs()
  }

  /**
   * Replays all operations. `after` is called after each operation that changes what a power loss
   * may leave.
   */
  replay(trace: string, after: () => void): void {
    for (const line of readFileSync(trace, 'latin1').split('\n')) {
      const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? []
      if (thread === undefined || text === undefined || text.startsWith('+++') || text.startsWith('---')) continue
      const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)
      if (text.endsWith('<unfinished ...>')) {
        const head = text.slice(0, -'<unfinished ...>'.length)
        this.begun.set(thread, head)
        this.beginSync(thread, head)
        continue
      }
      const whole = resumed === null ? text : `${this.begun.get(thread)}${resumed[1]}`
      if (resumed === null) this.beginSync(thread, text)
      const [, name, args, result] = /^(\w+)\((.*)\) += (-?\d+)/.exec(whole) ?? []
      if (name === undefined || Number(result) < 0) continue
      if (this.replayCall(thread, { name, args: (args as string).trim(), result: Number(result) })) after()
    }
  }

  /** A sync does not cover bytes written after it began. */
  private beginSync(thread: string, text: string): void {
    const fd = /^(?:fsync|fdatasync)\((\d+)/.exec(text)?.[1]
    const file = fd === undefined ? undefined : this.open.get(Number(fd))?.file
    if (file === undefined || file === null) return
    void file.datasync()
    this.syncs.set(thread, (Reflect.get(this.files, 'held') as (() => void)[]).pop() as () => void)
  }

  private replayCall(thread: string, { name, args, result }: Call): boolean {
    const { files } = this
    if (name === 'openat') return this.replayOpen(args, result)
    if (name === 'close') return !this.open.delete(Number(args))
    const fd = Number(/^\d+/.exec(args)?.[0] ?? -1)
    const entry = this.open.get(fd)
    const [first, second] = stringsOf(args)
    switch (name) {
      case 'write':
      case 'writev':
      case 'pwrite64':
      case 'pwritev': {
        const bytes = Buffer.concat(stringsOf(args))
        if (entry === undefined) {
          this.acknowledged += bytes.toString('latin1').split('+OK\r\n').length - 1
          return false
        }
        if (entry.file === null) return false
        if (bytes.length < result) throw new Error(`a write of ${result} bytes is cut short in the trace: ${entry.path}`)
        const at = name.startsWith('p') ? Number(/, (\d+)$/.exec(args)?.[1]) : entry.offset
        entry.file.writeSync([bytes.subarray(0, result)], at)
        if (!name.startsWith('p')) entry.offset += result
        return true
      }
      case 'ftruncate':
        entry?.file?.truncateSync(Number(/, (\d+)$/.exec(args)?.[1]))
        return entry !== undefined
      case 'fsync':
      case 'fdatasync': {
        if (entry === undefined) return false
        if (entry.file === null) files.syncDirectorySync(entry.path)
        else this.syncs.get(thread)?.()
        this.syncs.delete(thread)
        return true
      }
      case 'mkdir':
        return this.runInside(first, (path) => files.makeDirectorySync(path))
      case 'unlink':
        return this.runInside(first, (path) => files.removeSync(path))
      case 'rmdir':
        return this.runInside(first, (path) => files.removeTreeSync(path))
      case 'rename':
        return this.runInside(first, (from) => files.renameSync(from, this.pathOf(second) as string))
      default:
        return false
    }
  }

  private replayOpen(args: string, fd: number): boolean {
    this.open.delete(fd)
    const path = this.pathOf(stringsOf(args)[0])
    if (path === null || path.endsWith('/reserve')) return false
    const { files } = this
    const isThere = files.existsSync(path)
    if (isThere && isDirectory(files, path)) this.open.set(fd, { path, file: null, offset: 0 })
    else {
      const mode =
        args.includes('O_TRUNC') || (args.includes('O_CREAT') && !isThere) ? 'create' : args.includes('O_RDONLY') ? 'read' : 'update'
      this.open.set(fd, { path, file: files.openSync(path, mode), offset: 0 })
    }
    return args.includes('O_CREAT')
  }

  private runInside(name: Buffer | undefined, run: (path: string) => void): boolean {
    const path = this.pathOf(name)
    if (path === null || path.endsWith('/reserve')) return false
    run(path)
    return true
  }

  /** The path on the simulated disk; null outside of the traced directory. */
  private pathOf(name: Buffer | undefined): string | null {
    const path = String(name)
    if (path === this.base) return '/'
    return path.startsWith(`${this.base}/`) ? path.slice(this.base.length) : null
  }
}

function isDirectory(files: MemoryFiles, path: string): boolean {
  try {
    files.listSync(path)
    return true
  } catch {
    return false
  }
}

/** The strings of a call, which strace's -xx prints in hex. */
function stringsOf(args: string): Buffer[] {
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map(([, hex = '']) => Buffer.from(hex.replaceAll('\\x', ''), 'hex'))
}
