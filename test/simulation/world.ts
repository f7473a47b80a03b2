/**
 * A few machines, the network between them, and time; all of it drawn from one seed and turned by one queue of events, so that the same seed
 * is the same world again. After each event the turns that it began are ended, disks get a few rounds of the event loop, and everything
 * that must hold is checked.
 */
import { createHash } from 'node:crypto'
import type { AckRequest, TrySyncReply, TrySyncRequest } from '../../replication/protocol/messages.ts'
import type { BinlogPosition } from '../../storage/binlog/group.ts'
import { fromSeed, type Seeded } from '../support/generators/seed.ts'
import { actOnce } from './actions.ts'
import { Ghosts } from './ghosts.ts'
import { Histories, keyOf } from './histories.ts'
import { checkAck, checkFullSync, checkWorld } from './invariants.ts'
import { Network } from './network.ts'
import { type NodeHost, SimulatedNode } from './node.ts'
import type { Peer } from './peer.ts'
import type { SimulatedProcess } from './process.ts'
import { Schedule } from './schedule.ts'
import { drawSettings, PORT, type WorldSettings } from './settings.ts'
import { preload } from './workload.ts'

const TICK_MS = 100
/** Rounds of the event loop that disks get after an event. */
const MAX_ROUNDS = 4

export class World implements NodeHost {
  readonly seed: number
  readonly settings: WorldSettings
  readonly schedule = new Schedule()
  readonly network: Network
  readonly histories = new Histories()
  readonly chance: Seeded
  readonly nodes: readonly SimulatedNode[]
  /** One line for everything that happens. */
  readonly history: string[] = []
  /** Complaints are not expected any more. */
  isQuiet = false
  /** Disks are large again. */
  isHealed = false
  events = 0
  /** Each lifts a fault that has been asked for. */
  readonly faults: (() => void)[] = []
  /** Parties that are not nodes: what they do is not to matter. */
  readonly ghosts: Ghosts
  /** Processes that have ended. */
  crashes = 0
  /** Ends of groups whose writes clients were told are there. */
  readonly acknowledged: string[] = []
  /** Ends of groups that masters have logged of themselves before anybody has written there. */
  readonly unasked = new Set<string>()
  /** Somebody has made a master forget its histories. */
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
    this.ghosts = new Ghosts(this.network)
    this.nodes = Array.from({ length: this.settings.nodes }, (_, index) => this.makeNode(index))
    const { roles, trouble } = this.settings
    const policies = this.nodes.map(({ name, syncAlways }) => `${name} ${syncAlways ? 'always' : 'everysec'}`)
    this.note(`world ${seed}: roles ${roles}, ${policies.join(', ')}, trouble ${JSON.stringify(trouble)}`)
    this.note(JSON.stringify({ ...this.settings.storage, ...this.settings.replication }))
  }

  /** Of all that has happened: equal for equal worlds. */
  get historyDigest(): string {
    return this.digest.copy().digest('hex')
  }

  /** Whether nothing that a master acknowledged may be lost. */
  get isLossless(): boolean {
    return this.settings.roles !== 'free' && !this.hasLost
  }

  /** Starts everyone; the first one is master of all. */
  async begin(): Promise<void> {
    for (const node of this.nodes) {
      node.start()
      const tick = () => {
        node.process?.tick()
        this.schedule.after(TICK_MS, tick)
      }
      this.schedule.after(this.chance.random() * TICK_MS, tick)
    }
    await this.until(() => this.nodes.every(({ isUp }) => isUp), 5000, 'the first start')
    const [first, ...others] = this.nodes as [SimulatedNode, ...SimulatedNode[]]
    for (const [index, node] of others.entries()) {
      const master = index > 0 && this.chance.random() < 0.3 ? (others[index - 1] as SimulatedNode) : first
      node.process?.wake()
      node.process?.replication?.follow(master.ip, PORT, 'from where we are')
      this.note(`${node.name} follows ${master.name}`)
    }
    if (this.settings.preloadBytes > 0) preload(first.process as SimulatedProcess, this.chance, this.settings.preloadBytes)
  }

  /** So many things happen, and what comes of them. */
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

  /** Runs until something is so. Fails when that takes longer in simulated time. */
  async until(condition: () => boolean, limitMs: number, what: string, state: () => string = () => ''): Promise<void> {
    const end = this.schedule.nowMs + limitMs
    while (!condition()) {
      if (this.schedule.nowMs > end) throw new Error(`${what} has not come within ${limitMs} ms\n${state()}`)
      await this.step()
    }
  }

  async forMs(ms: number): Promise<void> {
    const end = this.schedule.nowMs + ms
    while (this.schedule.nowMs < end) await this.step()
  }

  takesWrites(node: SimulatedNode): boolean {
    return node.process?.takesWrites === true && (this.settings.roles !== 'fixed' || node === this.nodes[0])
  }

  isStopping(node: SimulatedNode): boolean {
    return this.stopping.has(node)
  }

  /** A graceful end; the node is started again a while later. */
  stop(node: SimulatedNode, how: 'save' | 'nosave'): void {
    this.stopping.add(node)
    this.own(
      node,
      node.stop(how).finally(() => this.stopping.delete(node)),
    )
  }

  /** What goes on beside the events. A failure of a process that has been killed meanwhile is nobody's. */
  own({ process }: SimulatedNode, work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (process?.muted !== true) this.fail(error)
    })
  }

  note(text: string): void {
    const line = `${this.schedule.nowMs.toFixed(3)} ${text}`
    this.history.push(line)
    this.digest.update(`${line}\n`)
  }

  logged(node: SimulatedNode, level: string, text: string, fields: object): void {
    this.note(`${node.name}: [${level}] ${text} ${JSON.stringify(fields)}`)
    if (text.includes('the binlog cannot be read') && this.settings.trouble.disk === 0) this.fail(new Error(`${node.name}: ${text}`))
    if (level !== 'warn' && level !== 'error') return
    node.complaints.set(text, (node.complaints.get(text) ?? 0) + 1)
    if (this.isQuiet) this.fail(new Error(`${node.name} complains though all is well: ${text} ${JSON.stringify(fields)}`))
  }

  /** What a master acknowledged and had not synced may be gone. */
  lostPower({ syncAlways, process }: SimulatedNode): void {
    if (!syncAlways && (process?.isOpen !== true || process.storage.role === 'master')) this.hasLost = true
  }

  acknowledge(node: SimulatedNode, position: string): void {
    if (this.settings.roles !== 'fixed' || node === this.nodes[0]) this.acknowledged.push(position)
  }

  said(node: SimulatedNode, socket: number, bytes: Buffer): void {
    this.ghosts.heard(node.ip, socket, bytes)
  }

  acked(node: SimulatedNode, peer: Peer, ack: AckRequest): void {
    checkAck(this, node, peer, ack)
  }

  refused(node: SimulatedNode, peer: Peer, request: TrySyncRequest, reply: TrySyncReply): void {
    checkFullSync(this, node, peer, request, reply)
  }

  wroteUnasked(position: BinlogPosition): void {
    this.unasked.add(keyOf(position))
  }

  /** What was noticed where nobody can be thrown at. The first one counts. */
  fail(error: unknown): void {
    this.failure ??= error ?? new Error('something failed without an error')
  }

  /** Time and again until nothing more is to be done now. Throws what has gone wrong. */
  async step(): Promise<void> {
    this.events++
    this.schedule.next()
    const rounds = 1 + this.chance.integer(MAX_ROUNDS)
    for (let round = 0; round < rounds; round++) {
      this.endTurns()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.endTurns()
    checkWorld(this)
    if (this.failure !== null) throw this.failure
  }

  private endTurns(): void {
    for (const node of this.nodes) {
      const { process } = node
      node.guarded(() => {
        process?.endTurn()
        node.observe()
      })
      this.bury(node)
      if (node.process === null && !this.starting.has(node)) this.startLater(node)
    }
  }

  private bury(node: SimulatedNode): void {
    if (node.bury()) this.note(`${node.name}: was in the middle of something`)
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
