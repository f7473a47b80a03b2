/** Processes of etcd on free ports, in temporary directories: one, or three that form a cluster. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, until } from '../servers/running-server.ts'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Short, so that tests need not wait long for an election. */
const TIMES = ['--heartbeat-interval', '50', '--election-timeout', '500']

interface MemberWords {
  readonly name: string
  readonly clientPort: number
  readonly peerPort: number
  readonly cluster: string
}

/** A process of etcd. */
export class EtcdMember {
  readonly clientPort: number
  private readonly words: readonly string[]
  private readonly directory: string
  private child: ChildProcess | null = null
  private ended: Promise<void> = Promise.resolve()

  constructor({ name, clientPort, peerPort, cluster }: MemberWords) {
    this.clientPort = clientPort
    this.directory = mkdtempSync(join(tmpdir(), 'haypile-etcd-'))
    const [client, peer] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`]
    this.words = [
      ...['--name', name, '--data-dir', join(this.directory, 'data'), '--log-level', 'error', ...TIMES],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', cluster],
    ]
  }

  get url(): string {
    return `http://127.0.0.1:${this.clientPort}`
  }

  launch(): void {
    const child = spawn('etcd', this.words, { stdio: 'ignore' })
    this.child = child
    running.add(child)
    this.ended = new Promise((resolve) =>
      child.on('close', () => {
        running.delete(child)
        resolve()
      }),
    )
  }

  /** SIGSTOP freezes the process, SIGCONT lets it run on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.child?.kill(name)
  }

  async kill9(): Promise<void> {
    this.child?.kill('SIGKILL')
    await this.ended
  }

  async stop(): Promise<void> {
    await this.kill9()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Sends a request to this member. Null if it does not answer. */
  async ask(path: string, body: object): Promise<Readonly<Record<string, unknown>> | null> {
    try {
      const answer = await fetch(`${this.url}${path}`, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(1000) })
      return answer.ok ? ((await answer.json()) as Record<string, unknown>) : null
    } catch {
      return null
    }
  }

  async isLeader(): Promise<boolean> {
    const status = (await this.ask('/v3/maintenance/status', {})) as { leader?: string; header?: { member_id?: string } } | null
    return status?.leader !== undefined && status.leader === status.header?.member_id
  }
}

/** The members of one etcd. */
export class EtcdServers {
  readonly members: readonly EtcdMember[]

  private constructor(members: readonly EtcdMember[]) {
    this.members = members
  }

  /** Resolves when the members have a leader. */
  static async start(count: 1 | 3 = 1): Promise<EtcdServers> {
    const ports = await Promise.all(Array.from({ length: count * 2 }, () => freePort()))
    const peers = ports.slice(count)
    const cluster = peers.map((port, i) => `m${i}=http://127.0.0.1:${port}`).join(',')
    const servers = new EtcdServers(
      peers.map((peerPort, i) => new EtcdMember({ name: `m${i}`, clientPort: ports[i] ?? 0, peerPort, cluster })),
    )
    for (const member of servers.members) member.launch()
    await servers.leader()
    return servers
  }

  /** The endpoints as `cluster-etcd` takes them. */
  get urls(): string {
    return this.members.map(({ url }) => url).join(',')
  }

  /** The member of a list of one. */
  get only(): EtcdMember {
    return this.members[0] as EtcdMember
  }

  /** Waits for a leader. */
  async leader(): Promise<EtcdMember> {
    let leader: EtcdMember | undefined
    await until('a leader of etcd', async () => {
      const are = await Promise.all(this.members.map((member) => member.isLeader()))
      leader = this.members[are.indexOf(true)]
      return leader !== undefined
    })
    return leader as EtcdMember
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()))
  }
}
