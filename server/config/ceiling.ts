/**
 * Settings that the machine limits. At the start the server lowers them with a warning; CONFIG SET
 * refuses a higher value.
 */
import type { Log } from '../../base/log.ts'
import type { Config } from './config.ts'
import { ConfigRefused } from './kinds.ts'
import type { ConfigNameOf } from './table.ts'

export interface Ceiling {
  readonly name: ConfigNameOf<number>
  /** Returns the highest possible value up to `wanted`. */
  readonly allowed: (wanted: number) => number
  /** Returns the error text of CONFIG SET. */
  readonly refusal: (allowed: number) => string
  /** The reason, which the log line gives after the change. */
  readonly why: string
  /** Fields of the log line, beside `wanted` and `set`. */
  readonly fields: Readonly<Record<string, number>>
}

/**
 * Lowers the setting where it is too high, and makes CONFIG SET refuse values that are too high.
 */
export function keepBelow(config: Config, log: Log, { name, allowed, refusal, why, fields }: Ceiling): void {
  const wanted = config.number(name)
  const set = allowed(wanted)
  if (set < wanted) {
    config.setByServer(name, [String(set)])
    log.warn({ wanted, set, ...fields }, `${name} is lowered to ${set}: ${why}`)
  }
  config.onChange(name, (value) => {
    const most = allowed(value)
    if (most < value) throw new ConfigRefused(refusal(most))
  })
}
