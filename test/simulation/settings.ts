/**
 * The settings of a simulated cluster, drawn from its seed, so that seeds differ in more than their
 * course.
 */
import type { ReplicationSettings } from '../../replication/protocol/settings.ts'
import { defaultReplicationSettings } from '../../replication/protocol/settings.ts'
import type { StorageSettings } from '../../storage/storage.ts'
import { DEFAULT_PAGE_LIMITS, type PageLimits } from '../../storage/tree/tree.ts'
import type { Seeded } from '../support/generators/seed.ts'

export const PORT = 6379
export const DATABASES = 3

/**
 * How the master's role may move:
 *
 *   fixed      one master all along: nothing that it acknowledged may be lost
 *   failover   the role moves by FAILOVER only: nothing acknowledged may be lost
 *   free       SLAVEOF at any time: histories fork, and the losing side's writes are dropped
 */
type Roles = 'fixed' | 'failover' | 'free'

export interface ClusterSettings {
  readonly nodes: number
  readonly roles: Roles
  /** Mixed draws a policy for each node. */
  readonly appendfsync: 'always' | 'everysec' | 'mixed'
  /**
   * Uniform gives all groups the same length, so that those of forked histories end at the same
   * offsets.
   */
  readonly writes: 'any' | 'uniform'
  /**
   * The size of the data written before anything else happens, so that a full sync takes more than
   * one chunk.
   */
  readonly preloadBytes: number
  readonly storage: StorageSettings
  readonly pageLimits: PageLimits
  readonly replication: ReplicationSettings
  /** The frequency of each kind of trouble, relative to writes (1); 0 is never. */
  readonly trouble: { readonly network: number; readonly crashes: number; readonly disk: number; readonly clocks: number }
  /** The mean time between two actions, in ms. */
  readonly paceMs: number
}

const KIBIBYTE = 1024

export function drawSettings(chance: Seeded): ClusterSettings {
  const roles = chance.pick<Roles>(['fixed', 'failover', 'free', 'free', 'free'])
  const rarely = () => chance.pick([0, 0.05, 0.15, 0.4])
  const writes = chance.random() < 0.15 ? 'uniform' : 'any'
  const preloadBytes = chance.random() < 0.12 ? 300_000 + chance.integer(1_500_000) : 0
  return {
    nodes: 3 + chance.integer(3),
    roles,
    appendfsync: writes === 'uniform' ? 'everysec' : chance.pick(['always', 'everysec', 'mixed'] as const),
    writes,
    preloadBytes,
    storage: {
      binlog: {
        fileSizeBytes: chance.pick([2, 8, 64]) * KIBIBYTE,
        retentionBytes: chance.pick([0, 16, 128, 4096]) * KIBIBYTE,
        retentionMs: chance.pick([0, 5000, 600_000]),
      },
      checkpoint: {
        binlogBytes: chance.pick([8, 32, 128]) * KIBIBYTE,
        intervalMs: chance.pick([500, 5000, 60_000]),
        dirtyLimitBytes: chance.pick([2 ** 30, 2 ** 30, 256 * KIBIBYTE]),
      },
      cacheBytes: chance.pick([2 ** 30, 20 * KIBIBYTE]),
      databases: DATABASES,
      reserveBytes: chance.pick([0, 16 * KIBIBYTE]),
    },
    pageLimits: chance.pick([DEFAULT_PAGE_LIMITS, { inlineBytes: 100, pageBytes: 200, pageElements: 6 }]),
    replication: {
      ...defaultReplicationSettings(),
      timeoutMs: chance.pick([2000, 4000]),
      pingPeriodMs: chance.pick([200, 500]),
      lagLimitBytes: chance.pick([32, 256, 4096]) * KIBIBYTE,
      forgetAfterMs: chance.pick([1000, 20_000]),
      fullSyncBytesPerSecond: preloadBytes > 0 ? 400 * KIBIBYTE : chance.pick([0, 0, 400 * KIBIBYTE]),
      minReplicas: chance.pick([0, 0, 0, 1]),
      minReplicasMaxLagMs: 2000,
    },
    trouble: {
      network: preloadBytes > 0 ? 0.4 : rarely(),
      crashes: writes === 'uniform' ? 0.5 : chance.pick([0, 0.1, 0.4, 1]),
      disk: rarely(),
      clocks: chance.pick([0, 0.05]),
    },
    paceMs: chance.pick([10, 40, 150]),
  }
}
