/** Objects that the stages of the executor share. A stage picks the members that it uses. */
import type { OpenGroup } from '../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import type { Tracking } from '../clients/tracking.ts'
import type { Context } from '../contract/context.ts'
import type { ServerPort } from '../contract/ports.ts'
import type { Runtimes } from '../contract/runtimes.ts'
import type { CommandClock } from './command-clock.ts'
import type { ExecutorHooks } from './executor-hooks.ts'
import type { Gating } from './gating.ts'
import type { Recorder } from './recorder.ts'
import type { Units } from './units.ts'

/** Objects that the stages of the executor share. */
export interface Shared {
  readonly keyspace: Keyspace
  readonly group: OpenGroup
  readonly server: ServerPort
  readonly hooks: ExecutorHooks
  /** Returns the binlog offset at which the open group will begin. */
  readonly groupStart: () => number
  readonly clock: CommandClock
  readonly recorder: Recorder
  readonly gating: Gating
  readonly runtimes: Runtimes
  readonly context: Context
  readonly units: Units
  readonly tracking: Tracking
}
