/** The options of a link, and its node as the state machine sees it. */
import type { Clock, Random } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Storage } from '../../storage/storage.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import type { Dial } from '../protocol/wire.ts'
import { RedisLink, type RedisLinkOptions, type RedisMasterPorts } from '../redis-master/redis-link.ts'
import type { LinkReplayer } from './applier.ts'
import type { FullSyncTarget } from './full-sync-target.ts'
import type { LinkEvent, LinkFacts } from './machine-types.ts'

export interface ReplicaLinkOptions {
  readonly storage: Storage
  readonly replayer: LinkReplayer
  /** The parts to follow a Redis; without them, a master that is a Redis is refused. */
  readonly redisPorts?: RedisMasterPorts
  readonly dial: Dial
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly settings: ReplicationSettings
  readonly runId: string
  readonly databases: number
  /** The port that clients use to reach this node. */
  port(): number
  /** Requests a turn. Called before anything changes. */
  wake(): void
  /** Called after the role, the link, its chain of masters or the pause of writes has changed. */
  onChanged(): void
  /** True if every append is fsynced at once. */
  syncAlways(): boolean
  /** True while clients are paused: received groups wait as well. */
  isHeld(): boolean
}

/** Returns the facts; each property is read at its use. */
export function linkFacts(
  options: ReplicaLinkOptions,
  target: FullSyncTarget,
  link: { isPaused(): boolean; unfit(): string | null },
): LinkFacts {
  const { storage, clock, random, settings, runId, databases } = options
  return {
    random,
    settings,
    runId,
    databases,
    mayFollowRedis: options.redisPorts !== undefined,
    get monotonicMs() {
      return clock.monotonicMs()
    },
    get port() {
      return options.port()
    },
    get identity() {
      return storage.identity
    },
    get fullSync() {
      return storage.identity.fullSync ?? link.unfit()
    },
    get end() {
      return storage.binlog.end
    },
    get isEmpty() {
      return storage.binlog.end.offset === 0 && storage.keyspace.keyCount === 0
    },
    get copy() {
      return target.resume
    },
    get copiedBytes() {
      return target.progress?.bytes ?? 0
    },
    get freeBytes() {
      return storage.diskSpace.freeBytes
    },
    get isPaused() {
      return link.isPaused()
    },
  }
}

/** Returns the part of a link that speaks with a Redis; null if this node cannot follow one. */
export function redisLinkOf(
  options: ReplicaLinkOptions,
  calls: Pick<RedisLinkOptions, 'onCopied' | 'onInstalled' | 'onCopyFailed' | 'onRoom'>,
  link: { send(bytes: Buffer): void; handle(event: LinkEvent): void },
): RedisLink | null {
  const { redisPorts: ports } = options
  if (ports === undefined) return null
  return new RedisLink({
    ...options,
    ...calls,
    ports,
    requestTurn: () => options.wake(),
    port: () => options.port(),
    syncAlways: () => options.syncAlways(),
    send: (bytes) => link.send(bytes),
    onStreaming: () => link.handle({ type: 'streaming' }),
    onFailed: (reason) => link.handle({ type: 'failed', reason }),
  })
}
