/** A redis-server process on a free port, in a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, until } from './running-server.ts'
import { WireClient } from './wire-client.ts'

/**
 * Another process may take the port between its choice and its use; then the start is retried with
 * another port.
 */
const ATTEMPTS = 5

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A process of redis-server. */
export class RedisServer {
  readonly port: number
  private child: ChildProcess
  private ended: Promise<void>
  private readonly directory: string
  private readonly words: readonly string[]
  private readonly fileBlocks: number | 'unlimited'

  private constructor(port: number, words: readonly string[], fileBlocks: number | 'unlimited') {
    this.port = port
    this.words = words
    this.fileBlocks = fileBlocks
    this.directory = mkdtempSync(join(tmpdir(), 'haypile-redis-'))
    const { child, ended } = this.spawn()
    this.child = child
    this.ended = ended
  }

  private spawn(): { child: ChildProcess; ended: Promise<void> } {
    const { port, words, fileBlocks } = this
    const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', this.directory, '--save', '']
    const limited = `ulimit -f ${fileBlocks} && trap '' XFSZ && exec "$0" "$@"`
    const child = spawn('sh', ['-c', limited, 'redis-server', ...where, ...words], { stdio: 'ignore' })
    running.add(child)
    const ended = new Promise<void>((resolve) =>
      child.on('close', () => {
        running.delete(child)
        resolve()
      }),
    )
    return { child, ended }
  }

  /**
   * `words` are flags, as in `['--maxmemory', '1mb']`. `fileBlocks` limits the size of files, in
   * blocks of 512 bytes.
   */
  static async start(words: readonly string[] = [], fileBlocks: number | 'unlimited' = 'unlimited'): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), words, fileBlocks)
      if (await server.isUp()) return server
      await server.stop()
      if (attempt === ATTEMPTS) throw new Error(`redis-server does not start with ${words.join(' ')}`)
    }
  }

  /** Ends the process with SIGKILL and starts it again on the same directory and port. */
  async restart(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
    Object.assign(this, this.spawn())
    if (!(await this.isUp())) throw new Error('redis-server does not start again')
  }

  connect(): Promise<WireClient> {
    return WireClient.connect({ port: this.port })
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Waits until this process listens; false if it has ended. */
  private async isUp(): Promise<boolean> {
    let isUp = false
    await until('redis-server to answer', async () => {
      if (!running.has(this.child)) return true
      const client = await this.connect().catch(() => null)
      if (client === null) return false
      isUp = String(await client.call('INFO', 'server')).includes(`process_id:${this.child.pid}\r\n`)
      await client.close()
      return isUp || !running.has(this.child)
    })
    return isUp
  }
}
