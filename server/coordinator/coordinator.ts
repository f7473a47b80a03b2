/**
 * A coordinator: it keeps the map of a cluster and gives each shard a master that is alive.
 *
 *   keys in etcd change, or a tick -> stand for election -> (elected) for each shard:
 *     a handover is wanted          -> FAILOVER on the master, then the map with the new master
 *     the master's lease has ended  -> ask the replicas, choose one, the map with the new master
 *   then the map goes to every node that has an older one.
 *
 * It has no state of its own. Every change of the map is a transaction that requires the map, the
 * election and the key of the dead master to be as they were read. Nodes take their roles from
 * etcd, so a coordinator that is late or has been replaced cannot make two masters.
 */
import { addressText } from '../../base/address-text.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { ClusterKeys } from '../cluster-map/keys.ts'
import { type ClusterMap, MapError, type MapNode, type MapShard, mapOf, nodesOf, textOfMap } from '../cluster-map/map.ts'
import type { NodeReport } from '../cluster-map/node-report.ts'
import type { EtcdValue } from '../etcd/answers.ts'
import type { Etcd } from '../etcd/etcd.ts'
import { EtcdError } from '../etcd/etcd-error.ts'
import { FollowedKeys } from '../etcd/followed-keys.ts'
import { Election } from './election.ts'
import { handOver } from './handover.ts'
import { NodeLeases } from './node-leases.ts'
import { type AskNode, infoFields, NodeFailure } from './node-requests.ts'
import { Pusher } from './pusher.ts'
import { type Candidate, choose } from './succession.ts'

const TICK_MS = 250
const CHECK_MS = 2000

export interface CoordinatorOptions {
  readonly etcd: Pick<Etcd, 'find' | 'findAll' | 'transact' | 'grant' | 'keepAlive' | 'revoke' | 'watch'>
  readonly keys: ClusterKeys
  readonly name: string
  readonly ask: AskNode
  readonly clock: Clock
  readonly log: Log
}

/** The map, with the revision that a change of it must name. */
interface StoredMap {
  readonly map: ClusterMap
  readonly modRevision: number
}

/** Runs a coordinator until it is closed. */
export class Coordinator {
  private readonly options: CoordinatorOptions
  private readonly followed: FollowedKeys
  private readonly election: Election
  private readonly leases: NodeLeases
  private readonly pusher: Pusher
  /** The texts that were logged last, by subject: each is logged once. */
  private readonly told = new Map<string, string>()
  private timer: NodeJS.Timeout | null = null
  private running: Promise<void> = Promise.resolve()
  private isClosed = false

  constructor(options: CoordinatorOptions) {
    this.options = options
    const { etcd, keys, name, ask, clock, log } = options
    this.election = new Election({ etcd, key: keys.coordinator, name, clock, log })
    this.leases = new NodeLeases(keys, clock)
    this.pusher = new Pusher({ ask, clock, log })
    this.followed = new FollowedKeys({
      etcd,
      prefix: keys.prefix,
      retryMs: TICK_MS,
      checkMs: CHECK_MS,
      onChanged: () => this.leases.observe(this.followed.values),
      onFailure: (error) => this.report('etcd', `etcd cannot be followed: ${error.message}`),
    })
  }

  start(): void {
    this.followed.start()
    this.again()
  }

  /** Ends the work and gives the election up. */
  async close(): Promise<void> {
    this.isClosed = true
    if (this.timer !== null) clearTimeout(this.timer)
    await this.running
    await Promise.all([this.followed.close(), this.pusher.close()])
    try {
      await this.election.resign()
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
    }
  }

  private again(): void {
    if (this.isClosed) return
    this.timer = setTimeout(() => {
      this.running = this.pass().then(() => this.again())
    }, TICK_MS)
  }

  private async pass(): Promise<void> {
    if (!this.followed.isRead) return
    const { keys } = this.options
    try {
      await this.election.stand(this.followed.values.get(keys.coordinator) ?? null)
      this.report('etcd', '')
      const stored = this.stored()
      if (!this.election.isElected || stored === null) return
      for (const shard of stored.map.shards) await this.care(shard, stored)
      this.pusher.push(stored.map)
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error
      this.report('etcd', `etcd does not answer: ${error.message}`)
    }
  }

  private stored(): StoredMap | null {
    const value = this.followed.values.get(this.options.keys.map)
    if (value === undefined) {
      this.report('map', 'the cluster has no map: create it with haypile cluster create')
      return null
    }
    try {
      const map = mapOf(value.value)
      this.report('map', '')
      return { map, modRevision: value.modRevision }
    } catch (error) {
      if (!(error instanceof MapError)) throw error
      this.report('map', `the map in etcd cannot be read, nothing is done: ${error.message}`)
      return null
    }
  }

  private async care(shard: MapShard, stored: StoredMap): Promise<void> {
    if (this.leases.isOver(shard.master.id)) await this.replaceMaster(shard, stored)
    else if (shard.handover !== null) {
      const { ask, log } = this.options
      const outcome = await handOver(shard, { ask, warn: (text) => this.report(shard.master.id, text) })
      if (outcome === 'done') await this.promote(shard, this.memberOf(shard, shard.handover), stored, null)
      else if (outcome === 'refused') {
        log.warn({ master: addressText(shard.master) }, 'the handover is given up: the master stays')
        await this.save(
          { ...stored.map, shards: stored.map.shards.map((one) => (one === shard ? { ...one, handover: null } : one)) },
          stored,
          null,
        )
      }
    } else this.report(shard.master.id, '')
  }

  /** Replaces a master whose lease is over, once every replica that lives has answered. */
  private async replaceMaster(shard: MapShard, stored: StoredMap): Promise<void> {
    const { master } = shard
    const name = addressText(master)
    const value = this.leases.keyOf(master.id)
    const report = this.leases.reportOf(master.id)
    if (value === null || report === null) {
      this.report(master.id, `${name} has no lease and never had one: start it with cluster-etcd`)
      return
    }
    const candidates: Candidate[] = []
    for (const replica of shard.replicas) {
      if (this.leases.isOver(replica.id)) continue
      try {
        candidates.push(await this.candidateOf(replica))
      } catch (error) {
        if (!(error instanceof NodeFailure)) throw error
        this.report(master.id, `${name} has lost its lease; its replica ${error.message}, waiting for its answer or the end of its lease`)
        return
      }
    }
    const choice = choose(report, candidates)
    if ('failure' in choice) this.report(master.id, `${name} has lost its lease and cannot be replaced: ${choice.failure}`)
    else await this.promote(shard, this.memberOf(shard, choice.successor.id), stored, { value, report })
  }

  private async candidateOf(replica: MapNode): Promise<Candidate> {
    const [reply] = await this.options.ask(replica, [['INFO', 'replication']])
    const fields = infoFields(reply)
    return {
      id: replica.id,
      history: fields.get('master_replid') ?? '',
      offset: Number(fields.get('slave_repl_offset') ?? -1),
      isSyncing: fields.get('master_sync_in_progress') === '1',
    }
  }

  private memberOf(shard: MapShard, id: string): MapNode {
    const node = nodesOf(shard).find((one) => one.id === id)
    if (node === undefined) throw new MapError(`${id} is no node of the shard`)
    return node
  }

  private async promote(
    shard: MapShard,
    to: MapNode,
    stored: StoredMap,
    dead: { value: EtcdValue; report: NodeReport } | null,
  ): Promise<void> {
    const replicas = [...shard.replicas.filter((one) => one !== to), shard.master]
    const promoted: MapShard = { ...shard, master: to, replicas, handover: null }
    const shards = stored.map.shards.map((one) => (one === shard ? promoted : one))
    if (!(await this.save({ version: stored.map.version + 1, shards }, stored, dead?.value ?? null))) return
    this.options.log.info(
      {
        from: addressText(shard.master),
        to: addressText(to),
        version: stored.map.version + 1,
        reason: dead === null ? 'handover' : 'the lease of the master has ended',
      },
      'a shard has a new master',
    )
  }

  /** Writes the map unless something has changed. Resolves to true if it is written. */
  private async save(map: ClusterMap, stored: StoredMap, dead: EtcdValue | null): Promise<boolean> {
    const { etcd, keys } = this.options
    const { isDone } = await etcd.transact({
      conditions: [
        { key: keys.map, modRevision: stored.modRevision },
        this.election.condition,
        ...(dead === null ? [] : [{ key: dead.key, modRevision: dead.modRevision }]),
      ],
      operations: [{ put: keys.map, value: textOfMap(map) }],
    })
    return isDone
  }

  /** Logs a text about a subject, unless it was the last one; an empty text is the end of it. */
  private report(subject: string, text: string): void {
    if ((this.told.get(subject) ?? '') === text) return
    this.told.set(subject, text)
    if (text !== '') this.options.log.warn({}, text)
  }
}
