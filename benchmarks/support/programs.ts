/**
 * The servers under measurement: separate processes on free ports, in temporary directories.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const HAYPILE_MAIN = fileURLToPath(new URL('../../program/main.js', import.meta.url))
const START_TIMEOUT_MS = 120_000

export type ProgramName = 'haypile' | 'redis'

/** A server that can be started: redis-server, this build of haypile or another build. */
export interface Build {
  readonly name: ProgramName
  /** The name of the build in tables. */
  readonly label: string
  /** The path of haypile's main.js; redis-server has none. */
  readonly mainPath: string | null
}

export interface Program {
  readonly name: ProgramName
  readonly label: string
  readonly version: string
  readonly port: number
  readonly directory: string
  readonly process: ChildProcess
  /** Time from the start of the process to its first answer. */
  readonly startMs: number
}

const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

export function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Returns this build of haypile, or the installed redis-server. */
export function buildOf(name: ProgramName): Build {
  return { name, label: name, mainPath: name === 'haypile' ? HAYPILE_MAIN : null }
}

/** Starts this build of haypile, or the installed redis-server. */
export function startProgram(name: ProgramName, flags: readonly string[] = [], directory?: string): Promise<Program> {
  return startBuild(buildOf(name), flags, directory)
}

/**
 * Starts a server and waits for its first PONG. `directory` is the data directory of an earlier
 * run; without it the server gets a new one.
 */
export async function startBuild({ name, label, mainPath }: Build, flags: readonly string[] = [], directory?: string): Promise<Program> {
  const port = await freePort()
  const dir = directory ?? mkdtempSync(join(tmpdir(), `haypile-bench-${name}-`))
  const common = ['--port', String(port), '--dir', dir, '--appendfsync', 'everysec', ...flags]
  const level = flags.includes('--loglevel') ? [] : ['--loglevel', 'warning']
  const child =
    mainPath !== null
      ? spawn(process.execPath, [mainPath, ...common, ...level], { stdio: ['ignore', 'inherit', 'inherit'] })
      : spawn('redis-server', [...common, '--bind', '127.0.0.1', '--appendonly', 'yes', '--save', ''], {
          stdio: ['ignore', 'ignore', 'inherit'],
        })
  started.add(child)
  child.on('exit', () => started.delete(child))
  const startedAtMs = performance.now()
  const deadlineMs = startedAtMs + START_TIMEOUT_MS
  for (;;) {
    if (child.exitCode !== null) throw new Error(`${name} exited during its start with status ${child.exitCode}`)
    if ((await ask(port, 'PING').catch(() => '')).startsWith('+PONG')) break
    if (performance.now() > deadlineMs) throw new Error(`${name} did not answer within ${START_TIMEOUT_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const startMs = performance.now() - startedAtMs
  const info = await ask(port, 'INFO server')
  const version = /^haypile_version:(\S+)/m.exec(info)?.[1] ?? /^redis_version:(\S+)/m.exec(info)?.[1] ?? '?'
  return { name, label, version, port, directory: dir, process: child, startMs }
}

/** Ends a server. Removes its directory unless `directory` is `keep`. */
export async function endProgram(
  program: Program,
  signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL',
  directory: 'remove' | 'keep' = 'remove',
): Promise<void> {
  const child = program.process
  if (child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
  // Retries: a child process of Redis may still write files.
  if (directory === 'remove') rmSync(program.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
}

/**
 * Sends one inline command. Resolves to a whole bulk string, or otherwise to the first piece of the
 * reply that arrives.
 */
export function ask(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`))
    let text = ''
    socket.on('data', (data) => {
      text += data.latin1Slice()
      const bulk = /^\$(\d+)\r\n/.exec(text)
      if (bulk !== null && text.length < bulk[0].length + Number(bulk[1]) + 2) return
      socket.destroy()
      resolve(text)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('connection closed')))
  })
}

/** Returns a number of a section of INFO, or -1 if the field is missing. */
export async function infoField(program: Program, section: string, field: string): Promise<number> {
  const info = await ask(program.port, `INFO ${section}`)
  return Number(new RegExp(`^${field}:(-?\\d+)`, 'm').exec(info)?.[1] ?? -1)
}

/** Returns resident memory in bytes, or null without /proc. */
export function residentBytes(program: Program): number | null {
  return procField(program, 'status', /^VmRSS:\s+(\d+) kB/m, 1024)
}

/** Returns resident memory without files' pages in bytes, or null without /proc. */
export function anonymousBytes(program: Program): number | null {
  return procField(program, 'status', /^RssAnon:\s+(\d+) kB/m, 1024)
}

/** Returns the peak of resident memory in bytes, or null without /proc. */
export function peakResidentBytes(program: Program): number | null {
  return procField(program, 'status', /^VmHWM:\s+(\d+) kB/m, 1024)
}

/** Returns the bytes that the process has written to disk, or null without /proc. */
export function diskBytesWritten(program: Program): number | null {
  return procField(program, 'io', /^write_bytes: (\d+)/m, 1)
}

/**
 * Returns the disk space of haypile's LevelDB in bytes, counted in blocks. The binlog is not
 * included: it is kept for replicas.
 */
export function levelBytes(program: Program): number {
  let bytes = 0
  for (const entry of readdirSync(program.directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && basename(entry.parentPath) === 'db') bytes += blockBytes(join(entry.parentPath, entry.name))
  }
  return bytes
}

/** Returns 0 for a file that was removed meanwhile. */
function blockBytes(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512
}

function procField(program: Program, file: string, pattern: RegExp, unit: number): number | null {
  try {
    const found = pattern.exec(readFileSync(`/proc/${program.process.pid}/${file}`, 'utf8'))?.[1]
    return found === undefined ? null : Number(found) * unit
  } catch {
    return null
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}
