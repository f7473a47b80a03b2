/**
 * Asks the server's gates whether a command may run now. While nothing is gated, that takes one
 * comparison.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Request } from '../contract/request.ts'
import type { CommandRuntime } from '../contract/runtimes.ts'
import type { Client } from '../contract/session.ts'

/**
 * Says why a command cannot run now: the text of a refusal, or 'hold' to keep the request for
 * later. Null lets it run.
 */
export type Gate = (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => Bytes | 'hold' | null

/** The server's gates as the executor asks them. The server sets `gated` and the functions. */
export class Gating {
  /** The commands before which `gate` must be asked. */
  gated: 'none' | 'writes' | 'all' = 'none'
  gate: Gate = () => null
  /** Like `gate`, without holding: true if a command whose keys became ready can run now. */
  isOpen: (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => boolean = () => true
  /** Returns why a part of a unit is refused; null lets it run. A part is never held. */
  refusal: (runtime: CommandRuntime, args: readonly Bytes[], client: Client) => Bytes | null = () => null

  /** Asks the gate before a request runs. */
  verdictOn({ runtime, args, client }: Request): Bytes | 'hold' | null {
    if (this.gated === 'writes' && !runtime.concernsWrites && client.transaction === null) return null
    return this.gate(runtime, args, client)
  }

  /** True if a blocked command can run now. */
  mayServe({ runtime, args, client }: Request): boolean {
    return this.gated === 'none' || (this.gated === 'writes' && !runtime.isWrite) || this.isOpen(runtime, args, client)
  }
}
