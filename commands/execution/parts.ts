/** Runs the parts of a unit: the requests of an EXEC, and the commands that a script calls. */
import { ErrorReply, type Reply } from '../contract/reply.ts'
import type { Request } from '../contract/request.ts'
import type { Invocation } from './invocation.ts'
import type { Shared } from './shared.ts'

type PartsDependencies = Pick<Shared, 'clock' | 'context' | 'gating' | 'recorder' | 'units'>

/** Runs the parts of a unit. */
export class Parts {
  private readonly clock: Shared['clock']
  private readonly context: Shared['context']
  private readonly gating: Shared['gating']
  private readonly recorder: Shared['recorder']
  private readonly units: Shared['units']
  private readonly invocation: Invocation

  constructor({ clock, context, gating, recorder, units }: PartsDependencies, invocation: Invocation) {
    this.clock = clock
    this.context = context
    this.gating = gating
    this.recorder = recorder
    this.units = units
    this.invocation = invocation
  }

  /** Runs a request as a part of the current unit. If it fails, the reply is an ErrorReply. */
  run(request: Request): Reply {
    const { runtime } = request
    const gate = runtime.isWrite && !request.client.isScript ? this.gating.refusal(request) : null
    const refusal = gate ?? this.units.refusalOf(runtime)
    if (refusal !== null) {
      this.recorder.recordRefusal(runtime, refusal)
      return new ErrorReply(refusal)
    }
    this.recorder.show(request, 'before')
    const { mayBlock } = this.context
    this.context.mayBlock = false
    const reply = this.invocation.invoke(request)
    this.context.mayBlock = mayBlock
    this.recorder.recordRun(request, this.clock.measurePart())
    this.recorder.show(request, 'after')
    return reply
  }
}
