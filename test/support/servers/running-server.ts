/**
 * A process of the built server on a free port, in a temporary directory. `stop` verifies that its
 * data is clean.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { runCheck } from '../../../server/check-command.ts'
import { WireClient, type WireOptions, type WireReply } from './wire-client.ts'

const MAIN = fileURLToPath(new URL('../../../program/main.js', import.meta.url))
const READY_MS = 180_000
const STOP_MS = 180_000
const POLL_MS = 10

/** The io-threads of all servers of the tests; test/run.ts sets it. */
const { HAYPILE_IO_THREADS } = process.env
const IO_THREADS = HAYPILE_IO_THREADS === undefined ? {} : { 'io-threads': HAYPILE_IO_THREADS }
/** The warm-up takes a fifth of a start, and has a test of its own. */
const TEST_FLAGS = { 'warm-up': 'no', ...IO_THREADS }

export interface ServerOptions {
  /** Configuration flags, as in `{ appendfsync: 'always' }`. */
  readonly flags?: Readonly<Record<string, string | number>>
  /** Words before the flags, such as a configuration file. */
  readonly words?: readonly string[]
  /** An existing directory, which is then not removed. */
  readonly directory?: string
  readonly port?: number
  /** The soft and hard limit of open files. */
  readonly openFiles?: number
  /** The password, or the words, of an AUTH before PING. */
  readonly password?: string | readonly string[]
  /** The words of the AUTH that starts every connection of the test. */
  readonly auth?: readonly string[]
}

/** The fields that the tests read. */
export interface LogLine {
  readonly msg: string
  readonly port?: number
  readonly dir?: string
  readonly keys?: number
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
process.on('SIGTERM', () => process.exit(1))

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
}

/**
 * Returns the first of consecutive ports that were free a moment ago. They lie below the ports that
 * the system gives to connections, since a program takes them again after a restart.
 */
export async function firstOfFreePorts(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000)
    const free = await Promise.all(Array.from({ length: count }, (_, offset) => isFree(first + offset)))
    if (free.every(Boolean)) return first
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Waits until a condition holds. The time limit allows for a busy machine. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, timeoutMs = 180_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`no success within ${timeoutMs} ms: ${what}`)
    await pause(POLL_MS)
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Runs the server program to its end, for starts that should fail. */
export function runProgram(words: readonly string[], timeoutMs = READY_MS): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data
      })
    }
    child.on('close', (status) => {
      clearTimeout(timer)
      running.delete(child)
      resolve({ status, output })
    })
  })
}

/** A process of the built server and its data directory. */
export class RunningServer {
  readonly port: number
  readonly directory: string
  /** The server's log so far, whole lines of JSON. */
  log = ''
  private readonly options: ServerOptions
  private readonly isOwnDirectory: boolean
  private child: ChildProcess | null = null
  private ended: Promise<number | null> = Promise.resolve(null)

  private constructor(options: ServerOptions, port: number) {
    this.options = options
    this.port = port
    this.isOwnDirectory = options.directory === undefined
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'haypile-test-'))
  }

  static async start(options: ServerOptions = {}): Promise<RunningServer> {
    const server = new RunningServer(options, options.port ?? (await freePort()))
    await server.launch()
    return server
  }

  get pid(): number {
    return this.child?.pid ?? 0
  }

  /** Sets the soft limit on open files of the running process (Linux). */
  limitOpenFiles(files: number): void {
    execFileSync('prlimit', ['--pid', String(this.pid), `--nofile=${files}:`])
  }

  get isRunning(): boolean {
    return this.child !== null
  }

  /** The resident memory in bytes; 0 without /proc. */
  get residentBytes(): number {
    try {
      const pages = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))
      return Number(pages?.[1] ?? 0) * 1024
    } catch {
      return 0
    }
  }

  get logLines(): readonly LogLine[] {
    const lines = this.log.split('\n').filter((line) => line.startsWith('{'))
    return lines.map((line) => JSON.parse(line) as LogLine)
  }

  async connect(options: Omit<WireOptions, 'port'> & { port?: number } = {}): Promise<WireClient> {
    const client = await WireClient.connect({ port: this.port, ...options })
    if (this.options.auth !== undefined) await client.call('AUTH', ...this.options.auth)
    return client
  }

  /** Sends one command on a connection of its own. */
  async call(...words: readonly (string | number)[]): Promise<WireReply> {
    const client = await this.connect()
    try {
      return await client.call(...words)
    } finally {
      await client.close()
    }
  }

  /** Starts the process and waits until it answers. */
  async launch(): Promise<void> {
    if (this.child !== null) throw new Error('it is running')
    const flags = Object.entries({ ...TEST_FLAGS, ...this.options.flags }).flatMap(([name, value]) => [`--${name}`, String(value)])
    const words = [...(this.options.words ?? []), '--port', String(this.port), '--dir', this.directory, ...flags]
    const { openFiles } = this.options
    const limited = openFiles === undefined ? [] : ['sh', '-c', `ulimit -n ${openFiles} && exec "$0" "$@"`]
    const [program, ...rest] = [...limited, process.execPath, MAIN, ...words] as [string, ...string[]]
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.child = child
    running.add(child)
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        this.log += data
      })
    }
    this.ended = new Promise((resolve) =>
      child.on('close', (status) => {
        running.delete(child)
        this.child = null
        resolve(status)
      }),
    )
    await until('the server to answer PING', () => this.answers(), READY_MS)
  }

  /** Sends SIGTERM; the process must end with status 0 and leave clean data. */
  async stop(): Promise<void> {
    if (this.child === null) throw new Error('it is not running')
    this.child.kill('SIGTERM')
    await this.stopped(0)
    await this.checkClean()
    this.remove()
  }

  /** Waits for the process to end by itself with a status. */
  async stopped(expected: number): Promise<void> {
    const timer = setTimeout(() => this.child?.kill('SIGKILL'), STOP_MS)
    const status = await this.ended
    clearTimeout(timer)
    assert.is(status, expected, `the server ended with status ${status}; its log:\n${this.log.slice(-4000)}`)
  }

  async kill9(): Promise<void> {
    this.child?.kill('SIGKILL')
    await this.ended
  }

  /** Ends the process, cleanly or not, and starts it again on the same directory and port. */
  async restart(how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.child?.kill(how)
    if (how === 'SIGTERM') await this.stopped(0)
    else await this.ended
    await this.launch()
  }

  /** Runs the checker on the directory. REQUIRES: its server is not running. */
  async checkClean(): Promise<void> {
    let text = ''
    const add = (line: string) => {
      text += line
    }
    const status = await runCheck(this.directory, { output: { out: add, error: add }, hasProgressBar: false })
    assert.is(status, 0, `the data directory is not clean:\n${text}`)
  }

  remove(): void {
    if (this.isOwnDirectory) rmSync(this.directory, { recursive: true, force: true })
  }

  private async answers(): Promise<boolean> {
    if (this.child === null) throw new Error(`the server ended at its start:\n${this.log}`)
    try {
      const client = await this.connect()
      try {
        if (this.options.password !== undefined) await client.call('AUTH', ...[this.options.password].flat())
        return (await client.call('PING')) === 'PONG'
      } finally {
        await client.close()
      }
    } catch {
      return false
    }
  }
}
