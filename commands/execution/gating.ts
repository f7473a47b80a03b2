/**
 * Asks the server's gates whether a command may run now. While nothing is gated, that takes one
 * comparison.
 */
import type { Bytes } from '../../base/bytes.ts'
import type { Request } from '../contract/request.ts'

/** The server's gates, which judge requests while anything is gated. */
export interface RequestGates {
  /**
   * Says why a request cannot run now: the text of a refusal, or 'hold' to keep it for later. Null
   * lets it run.
   */
  ask(request: Request): Bytes | 'hold' | null
  /** Like `ask`, without holding. Returns true if a command whose keys became ready can run now. */
  admit(request: Request): boolean
  /** Returns why a part of a unit is refused; null lets it run. A part is never held. */
  refusal(request: Request): Bytes | null
}

/** Gates that let every request run. */
export const OPEN_GATES: RequestGates = { ask: () => null, admit: () => true, refusal: () => null }

/** The server's gates as the executor asks them. */
export class Gating {
  /** The requests that the gates must judge. The gates set it after each change of state. */
  gated: 'none' | 'writes' | 'all' = 'none'
  private readonly gates: RequestGates

  constructor(gates: RequestGates) {
    this.gates = gates
  }

  /** Asks the gates before a request runs. */
  verdictOn(request: Request): Bytes | 'hold' | null {
    if (this.gated === 'writes' && !request.runtime.isWriteGated && request.client.transaction === null) return null
    return this.gates.ask(request)
  }

  /** True if a blocked command can run now. */
  mayServe(request: Request): boolean {
    return this.gated === 'none' || (this.gated === 'writes' && !request.runtime.isWrite) || this.gates.admit(request)
  }

  /** Returns why a part of a unit is refused; null lets it run. */
  refusal(request: Request): Bytes | null {
    return this.gated === 'none' ? null : this.gates.refusal(request)
  }
}
