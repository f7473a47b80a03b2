/** A redis-server process on a free port, in a temporary directory. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, until } from './running-server.ts'
import { WireClient, type WireReply } from './wire-client.ts'

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
    writeFileSync(this.file, '# written by hand\n')
    const { child, ended } = this.spawn()
    this.child = child
    this.ended = ended
  }

  private get file(): string {
    return join(this.directory, 'redis.conf')
  }

  private spawn(): { child: ChildProcess; ended: Promise<void> } {
    const { port, words, fileBlocks } = this
    const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', this.directory, '--save', '']
    const limited = `ulimit -f ${fileBlocks} && trap '' XFSZ && exec "$0" "$@"`
    const child = spawn('sh', ['-c', limited, 'redis-server', this.file, ...where, ...words], { stdio: 'ignore' })
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

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** The current lines of its configuration file. */
  get config(): readonly string[] {
    return readFileSync(this.file, 'utf8').split('\n')
  }

  async kill9(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }

  /** Starts a killed process again on the same directory and port. */
  async launch(): Promise<void> {
    Object.assign(this, this.spawn())
    if (!(await this.isUp())) throw new Error('redis-server does not start again')
  }

  /** Ends the process with SIGKILL and starts it again on the same directory and port. */
  async restart(): Promise<void> {
    await this.kill9()
    await this.launch()
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
