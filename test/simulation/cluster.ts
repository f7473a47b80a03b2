/**
 * A few machines, the network between them, and time. Everything is drawn from one seed and driven
 * by one queue of events, so a seed always gives the same cluster. After each event, the turns that
 * it began end, disks get a few rounds of the event loop, and all invariants are checked.
 */
import { createHash } from 'node:crypto'
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import { fromSeed, type Seeded } from '../support/generators/seed.ts'
import { actOnce } from './actions.ts'
import { Histories, keyOf } from './histories.ts'
import { checkAck, checkCluster, checkFullSync } from './invariants.ts'
import { Network } from './network/network.ts'
import { type NodeHost, SimulatedNode } from './node.ts'
import type { SimulatedProcess } from './process.ts'
import { Schedule, settle } from './schedule.ts'
import type { ServerEnd } from './server-end.ts'
import { type ClusterSettings, drawSettings, PORT } from './settings.ts'
import { StrayConnections } from './stray-connections.ts'
import { preload } from './workload.ts'

const TICK_MS = 100

/** A simulated cluster with its faults, its history and its checks. */
export class Cluster implements NodeHost {
  readonly seed: number
  readonly settings: ClusterSettings
  readonly schedule = new Schedule()
  readonly network: Network
  readonly histories = new Histories()
  readonly chance: Seeded
  readonly nodes: readonly SimulatedNode[]
  /** One line for each thing that happens. */
  readonly history: string[] = []
  /** True once warnings in the log are unexpected. */
  isQuiet = false
  /** True once disks are large again. */
  isHealed = false
  events = 0
  /** Each function removes an injected fault. */
  readonly faults: (() => void)[] = []
  /** Parties that are not nodes: their actions must not matter. */
  readonly strays: StrayConnections
  /** The number of processes that have ended. */
  crashes = 0
  /** Ends of groups whose writes were acknowledged to clients. */
  readonly acknowledged: string[] = []
  /** Ends of groups that masters have logged by themselves, before any client wrote there. */
  readonly unasked = new Set<string>()
  /** True once a master was made to forget its histories. */
  hasForgotten = false
  private hasLost = false
  private failure: unknown = null
  private readonly stopping = new Set<SimulatedNode>()
  private readonly starting = new Set<SimulatedNode>()
  private digest = createHash('sha1')

  constructor(seed: number) {
    this.seed = seed
    this.chance = fromSeed(seed)
    this.settings = drawSettings(this.chance)
    this.network = new Network(this.schedule, fromSeed(this.chance.integer(2 ** 32)))
    this.strays = new StrayConnections(this.network)
    this.nodes = Array.from({ length: this.settings.nodes }, (_, index) => this.makeNode(index))
    const { roles, trouble } = this.settings
    const policies = this.nodes.map(({ name, mustSyncAlways }) => `${name} ${mustSyncAlways ? 'always' : 'everysec'}`)
    this.note(`cluster ${seed}: roles ${roles}, ${policies.join(', ')}, trouble ${JSON.stringify(trouble)}`)
    this.note(JSON.stringify({ ...this.settings.storage, ...this.settings.replication }))
  }

  /** A digest of the whole history: equal for equal clusters. */
  get historyDigest(): string {
    return this.digest.copy().digest('hex')
  }

  /** True if no write that a master acknowledged may be lost. */
  get isLossless(): boolean {
    return this.settings.roles !== 'free' && !this.hasLost
  }

  /** Starts all nodes; the others follow the first one. */
  async begin(): Promise<void> {
    for (const node of this.nodes) {
      node.start()
      const tick = () => {
        node.process?.tick()
        this.schedule.after(TICK_MS, tick)
      }
      this.schedule.after(this.chance.random() * TICK_MS, tick)
    }
    await this.runUntil(() => this.nodes.every(({ isUp }) => isUp), 5000, 'the first start')
    const [first, ...others] = this.nodes as [SimulatedNode, ...SimulatedNode[]]
    for (const [index, node] of others.entries()) {
      const master = index > 0 && this.chance.random() < 0.3 ? (others[index - 1] as SimulatedNode) : first
      node.process?.wake()
      node.process?.replication?.follow(master.ip, PORT, 'partial')
      this.note(`${node.name} follows ${master.name}`)
    }
    if (this.settings.preloadBytes > 0) preload(first.process as SimulatedProcess, this.chance, this.settings.preloadBytes)
  }

  /** Does this many random actions, with their consequences. */
  async run(steps: number): Promise<void> {
    let left = steps
    const act = () => {
      if (left-- <= 0) return
      this.note(`* ${actOnce(this)}`)
      this.schedule.after(-Math.log(1 - this.chance.random()) * this.settings.paceMs, act)
    }
    act()
    while (left >= 0) await this.step()
  }

  /** Runs until a condition holds. Fails after a limit of simulated time. */
  async runUntil(condition: () => boolean, limitMs: number, what: string, state: () => string = () => ''): Promise<void> {
    const end = this.schedule.nowMs + limitMs
    while (!condition()) {
      if (this.schedule.nowMs > end) throw new Error(`${what} has not come within ${limitMs} ms\n${state()}`)
      await this.step()
    }
  }

  async runForMs(ms: number): Promise<void> {
    const end = this.schedule.nowMs + ms
    while (this.schedule.nowMs < end) await this.step()
  }

  takesWrites(node: SimulatedNode): boolean {
    return node.process?.takesWrites === true && (this.settings.roles !== 'fixed' || node === this.nodes[0])
  }

  isStopping(node: SimulatedNode): boolean {
    return this.stopping.has(node)
  }

  /** Stops a node gracefully, and starts it again a while later. */
  stop(node: SimulatedNode, how: 'save' | 'nosave'): void {
    this.stopping.add(node)
    this.supervise(
      node,
      node.stop(how).finally(() => this.stopping.delete(node)),
    )
  }

  /**
   * Runs work beside the events. A failure counts only if its process has not been killed
   * meanwhile.
   */
  supervise({ process }: SimulatedNode, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (process?.isMuted !== true) this.fail(error)
    })
  }

  note(text: string): void {
    const line = `${this.schedule.nowMs.toFixed(3)} ${text}`
    this.history.push(line)
    this.digest.update(`${line}\n`)
  }

  onLog(node: SimulatedNode, level: string, text: string, fields: object): void {
    this.note(`${node.name}: [${level}] ${text} ${JSON.stringify(fields)}`)
    if (text.includes('the binlog cannot be read') && this.settings.trouble.disk === 0) this.fail(new Error(`${node.name}: ${text}`))
    if (level !== 'warn' && level !== 'error') return
    node.complaints.set(text, (node.complaints.get(text) ?? 0) + 1)
    if (this.isQuiet) this.fail(new Error(`${node.name} complains though all is well: ${text} ${JSON.stringify(fields)}`))
  }

  /** Notes that writes which a master acknowledged without a sync may be lost. */
  onPowerLoss({ mustSyncAlways, process }: SimulatedNode): void {
    if (!mustSyncAlways && (process?.isOpen !== true || process.storage.role === 'master')) this.hasLost = true
  }

  onAcknowledged(node: SimulatedNode, position: string): void {
    if (this.settings.roles !== 'fixed' || node === this.nodes[0]) this.acknowledged.push(position)
  }

  onSent(node: SimulatedNode, socket: number, bytes: Buffer): void {
    this.strays.record(node.ip, socket, bytes)
  }

  onAck(node: SimulatedNode, end: ServerEnd, ack: AckRequest): void {
    checkAck(this, node, end, ack)
  }

  onFullSync(node: SimulatedNode, end: ServerEnd, request: TrySyncRequest, reply: TrySyncReply): void {
    checkFullSync(this, node, end, request, reply)
  }

  onUnaskedWrite(position: BinlogPosition): void {
    this.unasked.add(keyOf(position))
  }

  /** Keeps an error that no caller can receive. The first one counts. */
  fail(error: unknown): void {
    this.failure ??= error ?? new Error('something failed without an error')
  }

  /** Runs one event with all that follows from it. Throws a failure of the cluster. */
  async step(): Promise<void> {
    this.events++
    this.schedule.next()
    await settle(this.chance, () => this.endTurns())
    checkCluster(this)
    if (this.failure !== null) throw this.failure
  }

  private endTurns(): void {
    for (const node of this.nodes) {
      const { process } = node
      node.guard(() => {
        process?.endTurn()
        node.observe()
      })
      this.removeDead(node)
      if (node.process === null && !this.starting.has(node)) this.startLater(node)
    }
  }

  private removeDead(node: SimulatedNode): void {
    if (node.removeDead()) this.note(`${node.name}: died during an operation`)
    if (node.process === null && !this.starting.has(node)) this.crashes++
  }

  private makeNode(index: number): SimulatedNode {
    const { appendfsync } = this.settings
    return new SimulatedNode(
      `n${index}`,
      `10.0.0.${index}`,
      appendfsync === 'mixed' ? this.chance.random() < 0.5 : appendfsync === 'always',
      this,
    )
  }

  private startLater(node: SimulatedNode): void {
    this.starting.add(node)
    this.schedule.after(this.chance.random() * (this.chance.random() < 0.7 ? 200 : 4000), () => {
      this.starting.delete(node)
      if (this.isHealed) node.disk.files.capacityBytes = 2 ** 40
      if (node.process === null) node.start()
    })
  }
}
