/** Runs the commands of a Redis master on the executor, as requests that no gate stops. */
import type { Bytes } from '../../base/bytes.ts'
import { wrongArity } from '../../commands/contract/errors.ts'
import { ErrorReply } from '../../commands/contract/reply.ts'
import { Request } from '../../commands/contract/request.ts'
import { hasRightArity, runsScript } from '../../commands/contract/runtimes.ts'
import type { Executor } from '../../commands/execution/executor.ts'
import type { UpstreamCommand, UpstreamRunner } from '../../replication/redis-master/upstream-applier.ts'
import type { Keyspace } from '../../storage/keyspace/keyspace.ts'
import { ReplayClient } from './replay-client.ts'

const MAX_SHOWN_CHARACTERS = 64

export function upstreamRunner(executor: Executor, keyspace: Keyspace): UpstreamRunner {
  const { runtimes, gating, clock, units } = executor
  const client = new ReplayClient(0, 'master')
  let gated = gating.gated
  let expiry = keyspace.expiryMode

  /** Returns the error that the command replies with; null without one. */
  const runOne = ({ database, words }: UpstreamCommand): Bytes | null => {
    const runtime = runtimes.resolve(words)
    if (runtime === undefined || !hasRightArity(runtime, words.length)) return `${shown(words)}: ${wrongArity(shown(words)).message}`
    client.database = database
    const reply = executor.runPart(new Request(client, words, runtime))
    return reply instanceof ErrorReply ? `${shown(words)}: ${reply.text}` : null
  }

  return {
    openGates() {
      gated = gating.gated
      expiry = keyspace.expiryMode
      gating.gated = 'none'
      // The master decides when a key expires, and deletes it by a command.
      keyspace.expiryMode = 'ignore'
      clock.partStartMs = clock.monotonicMs()
    },
    closeGates() {
      gating.gated = gated
      keyspace.expiryMode = expiry
    },
    objectionTo(words) {
      const runtime = runtimes.resolve(words)
      const { command } = runtime ?? {}
      if (runtime === undefined || command === undefined || (command.run === undefined && command.steps === undefined)) {
        return `the master's stream has the command ${shown(words)}, which this version does not know`
      }
      if (runsScript(command))
        return `the master replicates ${shown(words)} as a script: set lua-replicate-commands to yes on the master, so that it replicates effects`
      if (command.flags.includes('admin') && !runtime.mayWrite)
        return `the master's stream has the command ${shown(words)}, which no replica runs`
      return null
    },
    run(commands) {
      const errors: Bytes[] = []
      const runAll = () => {
        for (const command of commands) {
          const error = runOne(command)
          if (error !== null) errors.push(error)
        }
        return null
      }
      if (commands.length === 1) runAll()
      else units.runTogether(runAll)
      return errors
    },
  }
}

/** Returns name and subcommand, quoted and cut short. Keys and values stay out of the log. */
function shown(words: readonly Bytes[]): string {
  return JSON.stringify(words[0]?.slice(0, MAX_SHOWN_CHARACTERS) ?? '')
}
