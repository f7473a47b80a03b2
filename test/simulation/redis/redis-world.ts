/**
 * A simulated Redis, a haypile that follows it, and a haypile that follows that one, with faults on
 * all sides. At every moment the data of the first haypile must be that of its position in the
 * stream of the Redis. After the faults all data must become equal.
 */
import { fromSeed, type Seeded } from '../../support/generators/seed.ts'
import { Network } from '../network/network.ts'
import { Schedule, settle } from '../schedule.ts'
import { type ClusterSettings, drawSettings } from '../settings.ts'
import { FakeRedis } from './fake-redis.ts'
import { HaypileNode } from './haypile-node.ts'
import { actOnce } from './redis-actions.ts'

const TICK_MS = 100
const PING_MS = 500
/** A refused RDB is asked for again after minutes. */
const CONVERGE_MS = 900_000
const SILENCE_MS = 5000

/** A Redis and the nodes that follow it. */
export class RedisWorld {
  readonly seed: number
  readonly chance: Seeded
  readonly schedule = new Schedule()
  readonly network: Network
  readonly settings: ClusterSettings
  readonly redis: FakeRedis
  readonly nodes: readonly [HaypileNode, ...HaypileNode[]]
  readonly password: string
  readonly history: string[] = []
  /** Each function removes an injected fault. */
  readonly faults: (() => void)[] = []
  isHealed = false
  events = 0
  private isQuiet = false
  private failure: unknown = null
  private readonly starting = new Set<HaypileNode>()

  constructor(seed: number) {
    this.seed = seed
    this.chance = fromSeed(seed)
    const { chance, schedule } = this
    this.settings = drawSettings(chance)
    this.settings.replication.minReplicas = 0
    this.network = new Network(schedule, fromSeed(chance.integer(2 ** 32)))
    this.password = chance.random() < 0.3 ? 'secret' : ''
    this.settings.replication.masterPassword = this.password
    const host = { ...this.hooks(), chance, network: this.network, password: this.password, settings: this.settings }
    this.redis = new FakeRedis({ ...host, onAck: () => {} })
    const makeNode = (index: number, masterIp: string) =>
      new HaypileNode(`n${index}`, `10.0.0.${index}`, masterIp, chance.random() < 0.5, { ...host, onLog: this.logHook })
    const first = makeNode(0, this.redis.ip)
    this.nodes = chance.random() < 0.5 ? [first, makeNode(1, first.ip)] : [first]
    this.note(`a Redis and ${this.nodes.length} nodes, seed ${seed}`)
  }

  /** Starts all of it. */
  async begin(): Promise<void> {
    const { chance, schedule, redis } = this
    for (let i = chance.integer(60); i > 0; i--) actOnce(this, 'write')
    for (const node of this.nodes) node.start()
    const tick = () => {
      for (const { process } of this.nodes) process?.tick()
      redis.tick()
      schedule.after(TICK_MS, tick)
    }
    const ping = () => {
      redis.ping()
      schedule.after(PING_MS, ping)
    }
    tick()
    ping()
    await this.runUntil(() => this.nodes.every(({ isUp }) => isUp), 5000, 'the first start')
  }

  /** Does this many random actions. */
  async run(steps: number): Promise<void> {
    let left = steps
    const act = () => {
      if (left-- <= 0) return
      this.note(`* ${actOnce(this, 'any')}`)
      this.schedule.after(-Math.log(1 - this.chance.random()) * this.settings.paceMs, act)
    }
    act()
    while (left >= 0) await this.step()
  }

  /** Ends all faults, and checks that all data becomes equal and stays so. */
  async end(): Promise<void> {
    this.heal()
    const { redis, nodes } = this
    await this.runUntil(() => nodes.every(({ isUp }) => isUp), 20_000, 'the start of all nodes')
    for (const { process } of nodes) process?.storage.checkpointer.request().catch(() => {})
    await this.runForMs(this.settings.replication.timeoutMs + 2000) // detects one-way links
    await this.runUntil(() => this.isInStep, CONVERGE_MS, 'equal data')
    for (let i = 0; i < 5; i++) {
      actOnce(this, 'write')
      await this.runForMs(50)
    }
    redis.askForAcks()
    const { offset } = redis
    await this.runUntil(() => redis.acknowledged.some((applied) => applied >= offset), 5000, 'an acknowledgement')
    await this.runUntil(() => this.isInStep, 5000, 'equal data again')
    this.isQuiet = true
    const before = redis.fullSyncs
    await this.runForMs(SILENCE_MS)
    if (redis.fullSyncs !== before) throw new Error('a full sync has begun though all is well')
    if (!this.isInStep) throw new Error(`the data is no longer equal\n${this.state}`)
    const [{ process }] = nodes
    const failures = process?.replication?.link.view.redis?.failures
    if (failures !== 0) throw new Error(`${failures} commands have failed`)
  }

  /** Ends all processes. */
  close(): void {
    for (const { process } of this.nodes) if (process !== null) this.network.kill(process)
  }

  async runUntil(condition: () => boolean, limitMs: number, what: string): Promise<void> {
    const end = this.schedule.nowMs + limitMs
    while (!condition()) {
      if (this.schedule.nowMs > end) throw new Error(`${what} has not come within ${limitMs} ms\n${this.state}`)
      await this.step()
    }
  }

  async runForMs(ms: number): Promise<void> {
    const end = this.schedule.nowMs + ms
    while (this.schedule.nowMs < end) await this.step()
  }

  note(text: string): void {
    this.history.push(`${this.schedule.nowMs.toFixed(3)} ${text}`)
  }

  /** Keeps an error that no caller can receive. The first one counts. */
  fail(error: unknown): void {
    this.failure ??= error ?? new Error('something failed without an error')
  }

  private heal(): void {
    this.note('all faults are over')
    this.isHealed = true
    this.network.heal()
    this.redis.refusal = null
    this.redis.spoiled = []
    for (const lift of this.faults.splice(0)) lift()
    for (const { disk } of this.nodes) {
      disk.files.onOperation = undefined
      disk.files.capacityBytes = 2 ** 40
      disk.files.releaseSyncs()
    }
  }

  private get isInStep(): boolean {
    const { redis, nodes } = this
    const [first] = nodes
    const position = first.process?.isOpen === true ? first.process.storage.followed.position : null
    if (position === null || first.process?.replication?.link.isUp !== true) return false
    const { content } = redis.data
    if (!redis.isPresent(position.replicationId, position.offset) || first.content !== content) return false
    const end = first.process.storage.binlog.end.offset
    return nodes.every((node) => node.isUp && node.process?.storage.binlog.end.offset === end && node.content === content)
  }

  private get state(): string {
    const lines = this.nodes.map(({ name, process }) => {
      if (process === null || process.replication === null) return `${name}: not up`
      const { storage, replication } = process
      return `${name}: ${storage.role} at ${storage.binlog.end.offset}, position ${JSON.stringify(storage.followed.position)}, link ${JSON.stringify(replication.link.view)}`
    })
    return [`the Redis: ${this.redis.replicationId} at ${this.redis.offset}`, ...lines].join('\n')
  }

  private hooks() {
    return {
      note: (text: string) => this.note(text),
      fail: (error: unknown) => this.fail(error),
      stateAt: (replicationId: string, offset: number) => this.redis.stateAt(replicationId, offset),
    }
  }

  private readonly logHook = (node: HaypileNode, level: string, text: string, fields: object) => {
    this.note(`${node.name}: [${level}] ${text} ${JSON.stringify(fields)}`)
    if (this.isQuiet && (level === 'warn' || level === 'error'))
      this.fail(new Error(`${node.name} complains though all is well: ${text} ${JSON.stringify(fields)}`))
  }

  /** Runs one event with all that follows from it. Throws a failure. */
  private async step(): Promise<void> {
    this.events++
    this.schedule.next()
    await settle(this.chance, () => this.endTurns())
    if (this.failure !== null) throw this.failure
  }

  private endTurns(): void {
    for (const node of this.nodes) {
      const { process } = node
      node.guard(() => {
        process?.endTurn()
        if (process?.isMuted !== true) node.check()
      })
      node.removeDead()
      if (node.process === null && !this.starting.has(node)) this.startLater(node)
    }
  }

  private startLater(node: HaypileNode): void {
    this.starting.add(node)
    this.schedule.after(this.chance.random() * (this.chance.random() < 0.7 ? 200 : 4000), () => {
      this.starting.delete(node)
      if (this.isHealed) node.disk.files.capacityBytes = 2 ** 40
      if (node.process === null) node.start()
    })
  }
}
