/** Programs of others, where they are installed. */
import { execFileSync, spawn } from 'node:child_process'
import { RedisServer } from '../support/servers/redis-server.ts'

const { HAYPILE_REQUIRE_INTEROP } = process.env
const RUN_MS = 300_000

/**
 * Returns true if all programs are installed. If one is missing, prints a line that cannot be
 * overlooked, or throws where programs are required.
 */
export function haveTools(what: string, ...programs: readonly string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program))
  if (missing.length === 0) return true
  if (HAYPILE_REQUIRE_INTEROP === '1') throw new Error(`${what}: ${missing.join(', ')} not installed, and HAYPILE_REQUIRE_INTEROP is 1`)
  console.log(
    `SKIPPED ${what}: ${missing.join(', ')} not installed (Debian: redis-server, redis-sentinel, redis-tools, haproxy, lua5.1, etcd-server)`,
  )
  return false
}

/** Returns true if redis-server is installed and can do TLS. Otherwise as haveTools. */
export async function haveTlsOfRedis(what: string): Promise<boolean> {
  if (!haveTools(what, 'redis-server', 'openssl')) return false
  const server = await RedisServer.start()
  const known = (await server.call('CONFIG', 'GET', 'tls-port')) as readonly unknown[]
  await server.stop()
  if (known.length > 0) return true
  if (HAYPILE_REQUIRE_INTEROP === '1') throw new Error(`${what}: redis-server is built without TLS, and HAYPILE_REQUIRE_INTEROP is 1`)
  console.log(`SKIPPED ${what}: redis-server is built without TLS`)
  return false
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT'
  }
}

export interface Ran {
  readonly status: number | null
  readonly out: string
  readonly error: string
}

export interface RunOptions {
  /** All of standard input. */
  readonly input?: string | Buffer | readonly Buffer[]
  /**
   * Returns true when the output is complete; the program is then ended with SIGINT. For programs
   * that run for ever.
   */
  readonly untilOutput?: (out: string) => boolean
}

export function run(program: string, words: readonly (string | number)[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words.map(String), { stdio: ['pipe', 'pipe', 'pipe'] })
    const { input, untilOutput } = options
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS)
    let out = ''
    let error = ''
    child.stdout.on('data', (data: Buffer) => {
      out += data
      if (untilOutput?.(out) === true) child.kill('SIGINT')
    })
    child.stderr.on('data', (data: Buffer) => {
      error += data
    })
    child.stdin.on('error', () => {})
    child.on('error', reject)
    child.on('close', (status) => {
      clearTimeout(timer)
      resolve({ status, out, error })
    })
    if (Array.isArray(input)) for (const part of input) child.stdin.write(part)
    else if (input !== undefined) child.stdin.write(input as string | Buffer)
    // Without input of its own a program sees an open pipe: redis-cli waits on an end of file for
    // some of its modes.
    if (input !== undefined || untilOutput === undefined) child.stdin.end()
  })
}
