/** The installed Redis Sentinel: a group of sentinels around one master, and their view of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, until } from './running-server.ts'
import { WireClient, type WireReply } from './wire-client.ts'

/** The group's name for its master. */
export const GROUP = 'mygroup'

/**
 * Sentinels say hello every two seconds and read INFO every ten. They leave a replica that claims
 * to be a master alone for eight.
 */
const SEEN_MS = 180_000
/** The sentinels' periods, four times as fast. */
const FAST = ['INFO-PERIOD', 2500, 'PUBLISH-PERIOD', 500]

export interface SentinelSettings {
  /** The first master. */
  readonly port: number
  /** Makes the sentinels poll more often than by default. */
  readonly hurry?: 'fast'
  /** More settings: `sentinel <word> <group> ...`. */
  readonly more?: readonly (readonly [word: string, value: string])[]
}

/** A master, replica or sentinel as a sentinel describes it. */
type Described = ReadonlyMap<string, string>

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

class RunningSentinel {
  readonly port: number
  readonly directory: string
  log = ''
  private child: ChildProcess | null = null
  private ended: Promise<unknown> = Promise.resolve()

  private constructor(port: number) {
    this.port = port
    this.directory = mkdtempSync(join(tmpdir(), 'haypile-sentinel-'))
  }

  static async start(settings: SentinelSettings, patience: Patience): Promise<RunningSentinel> {
    const sentinel = new RunningSentinel(await freePort())
    writeFileSync(sentinel.file, configuration(sentinel.port, settings, patience))
    sentinel.launch()
    await until('a sentinel to answer PING', async () => (await sentinel.call('PING').catch(() => null)) === 'PONG')
    if (settings.hurry === 'fast') await sentinel.call('SENTINEL', 'DEBUG', ...FAST)
    return sentinel
  }

  private get file(): string {
    return join(this.directory, 'sentinel.conf')
  }

  private launch(): void {
    const child = spawn('redis-sentinel', [this.file], { cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'] })
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
        resolve(status)
      }),
    )
  }

  async call(...words: readonly (string | number)[]): Promise<WireReply> {
    const client = await WireClient.connect({ port: this.port })
    try {
      return await client.call(...words)
    } finally {
      await client.close()
    }
  }

  /** The reply of SENTINEL MASTER. */
  async master(): Promise<Described> {
    return describe(await this.call('SENTINEL', 'MASTER', GROUP))
  }

  /** The reply of SENTINEL REPLICAS or SENTINELS, by port. */
  async listed(what: 'REPLICAS' | 'SENTINELS'): Promise<ReadonlyMap<number, Described>> {
    const list = (await this.call('SENTINEL', what, GROUP)) as readonly WireReply[]
    return new Map(list.map(describe).map((item) => [Number(item.get('port')), item]))
  }

  async stop(): Promise<void> {
    this.child?.kill('SIGTERM')
    await this.ended
    rmSync(this.directory, { recursive: true, force: true })
  }
}

function describe(reply: WireReply): Described {
  const words = reply as readonly string[]
  return new Map(words.flatMap((word, i) => (i % 2 === 0 ? [[word, words[i + 1] ?? ''] as const] : [])))
}

/**
 * The time until a sentinel considers the master down, and the quorum that must agree before it
 * acts.
 */
interface Patience {
  readonly downAfterMs: number
  readonly quorum: number
}

/**
 * All sentinels are asked and have a vote, but one acts first. Otherwise two may be elected one
 * after the other on a busy machine, and the second would promote the other replica. Sentinels may
 * do that, but the expected outcome would be unclear.
 */
const PATIENCE: readonly Patience[] = [
  { downAfterMs: 3000, quorum: 2 },
  { downAfterMs: 3000, quorum: 3 },
  { downAfterMs: 7000, quorum: 3 },
]
const FAILOVER_TIMEOUT_MS = 6000

function configuration(port: number, { port: master, more = [] }: SentinelSettings, { downAfterMs, quorum }: Patience): string {
  const lines: readonly (readonly [string, string | number])[] = [
    ['down-after-milliseconds', downAfterMs],
    ['failover-timeout', FAILOVER_TIMEOUT_MS],
    ['parallel-syncs', 1],
    ...more,
  ]
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    'protected-mode no',
    `sentinel monitor ${GROUP} 127.0.0.1 ${master} ${quorum}`,
    ...lines.map(([word, value]) => `sentinel ${word} ${GROUP} ${value}`),
    '',
  ].join('\n')
}

/** A group of sentinel processes around one master. */
export class Sentinels {
  readonly all: readonly RunningSentinel[]

  private constructor(all: readonly RunningSentinel[]) {
    this.all = all
  }

  static async start(settings: SentinelSettings): Promise<Sentinels> {
    const all: RunningSentinel[] = []
    for (const patience of PATIENCE) all.push(await RunningSentinel.start(settings, patience))
    return new Sentinels(all)
  }

  get first(): RunningSentinel {
    return this.all[0] as RunningSentinel
  }

  /** For clients that discover the master. */
  get addresses(): { readonly host: string; readonly port: number }[] {
    return this.all.map(({ port }) => ({ host: '127.0.0.1', port }))
  }

  /** The port of the master that a sentinel names. */
  async masterPort(sentinel = this.first): Promise<number> {
    const [, port] = (await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', GROUP)) as readonly string[]
    return Number(port)
  }

  /** Waits until every sentinel names this master. */
  async agreeOn(...ports: readonly number[]): Promise<void> {
    await this.wait(`all sentinels to have one of ${ports.join(', ')} for their master`, async () => {
      const named = await Promise.all(this.all.map((sentinel) => this.masterPort(sentinel)))
      return named.every((port) => port === named[0] && ports.includes(port))
    })
  }

  /**
   * Waits until every sentinel sees a master with exactly these replicas, their links up,
   * and the other sentinels, none of them down.
   */
  async seeAllWell(master: number, replicas: readonly number[]): Promise<void> {
    for (const sentinel of this.all) await this.wait('a sentinel to see all well', () => this.isWell(sentinel, master, replicas))
  }

  private async isWell(sentinel: RunningSentinel, master: number, replicas: readonly number[]): Promise<boolean> {
    const seen = await sentinel.master()
    const followers = await sentinel.listed('REPLICAS')
    const others = await sentinel.listed('SENTINELS')
    return (
      seen.get('port') === String(master) &&
      seen.get('flags') === 'master' &&
      followers.size === replicas.length &&
      replicas.every((port) => isFollowing(followers.get(port), master)) &&
      others.size === this.all.length - 1 &&
      [...others.values()].every((other) => other.get('flags') === 'sentinel')
    )
  }

  /** Waits for an effect of the sentinels; a failure shows their logs. */
  async wait(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(what, condition, SEEN_MS)
    } catch (error) {
      const logs = this.all.map(({ port, log }) => `sentinel ${port}:\n${log.slice(-3000)}`)
      throw new Error(`${(error as Error).message}\n${logs.join('\n')}`)
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((sentinel) => sentinel.stop()))
  }
}

function isFollowing(replica: Described | undefined, master: number): boolean {
  return (
    replica?.get('flags') === 'slave' &&
    replica.get('role-reported') === 'slave' &&
    replica.get('master-link-status') === 'ok' &&
    replica.get('master-port') === String(master)
  )
}
