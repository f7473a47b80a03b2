/** Settings that the process cannot have as high as somebody wants: lowered at the start with a warning, and refused by CONFIG SET. */
import type { Log } from '../../base/log.ts'
import type { Config } from './config.ts'
import { ConfigRefused } from './kinds.ts'

export interface Ceiling {
  readonly name: string
  /** The most that is possible where so much is wanted: that, or less. */
  readonly allowed: (wanted: number) => number
  /** What CONFIG SET is told. */
  readonly refusal: (allowed: number) => string
  /** Why, for the log, behind what has been done. */
  readonly why: string
  /** For the log, beside what was wanted and what is set. */
  readonly fields: Readonly<Record<string, number>>
}

/** Lowers the setting where it has to be, and keeps CONFIG SET within what is possible then. */
export function keepBelow(config: Config, log: Log, { name, allowed, refusal, why, fields }: Ceiling): void {
  const wanted = config.number(name)
  const set = allowed(wanted)
  if (set < wanted) {
    config.setByServer(name, [String(set)])
    log.warn({ wanted, set, ...fields }, `${name} is lowered to ${set}: ${why}`)
  }
  config.onChange(name, (value) => {
    const most = allowed(value as number)
    if (most < (value as number)) throw new ConfigRefused(refusal(most))
  })
}
