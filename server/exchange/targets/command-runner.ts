/**
 * Runs the commands of a log on a node that is open offline, as recovery runs those of the binlog:
 * nothing expires meanwhile, and nothing is logged. LevelDB gets the changes by checkpoints.
 */

import { type Bytes, lowerCase } from '../../../base/bytes.ts'
import { ClientError } from '../../../base/client-error.ts'
import { systemClock } from '../../../base/clock.ts'
import type { Command } from '../../../commands/contract/command.ts'
import { wrongArity } from '../../../commands/contract/errors.ts'
import type { Node } from '../../node.ts'
import { ReplayClient } from '../../wiring/replay-client.ts'

/** Commands that change no key, but belong to a log. */
const ALLOWED: ReadonlySet<string> = new Set(['select', 'ping'])
/** Commands that a log may have and that leave nothing behind. */
const IGNORED: ReadonlySet<string> = new Set(['publish', 'spublish', 'replconf', 'script'])
/** Commands between two turns of background work. */
const COMMANDS_PER_TURN = 256
/** Different texts of refusals that are counted by themselves. */
const MAX_TEXTS = 20

export interface CommandCounts {
  commands: number
  /** Commands that failed, by the text of the error. */
  readonly refusals: Map<string, number>
}

/** Runs commands on a node without clients. */
export class CommandRunner {
  private readonly node: Node
  private readonly counts: CommandCounts
  private readonly client = new ReplayClient()
  /** The commands of a transaction that has not ended. */
  private queue: Bytes[][] | null = null

  constructor(node: Node, counts: CommandCounts) {
    this.node = node
    this.counts = counts
  }

  /** Runs a batch. Resolves when the changes that wait for a checkpoint are within their limit. */
  async run(batch: readonly Bytes[][]): Promise<void> {
    for (let from = 0; from < batch.length; from += COMMANDS_PER_TURN) {
      this.runSome(batch.slice(from, from + COMMANDS_PER_TURN))
      await this.settle()
    }
  }

  private runSome(commands: readonly Bytes[][]): void {
    const { keyspace } = this.node.parts.storage
    const resting = keyspace.expiryMode
    keyspace.expiryMode = 'ignore'
    keyspace.setClock(systemClock.wallMs())
    try {
      for (const args of commands) this.take(args)
    } finally {
      keyspace.expiryMode = resting
    }
  }

  /** A transaction without its end has no effect. */
  private take(args: Bytes[]): void {
    const name = lowerCase(args[0] ?? '')
    if (name === 'multi') this.queue = []
    else if (name === 'discard') this.queue = null
    else if (name === 'exec') {
      const queued = this.queue ?? []
      this.queue = null
      for (const command of queued) this.runOne(command)
    } else if (this.queue !== null) this.queue.push(args)
    else this.runOne(args)
  }

  private runOne(args: Bytes[]): void {
    const { executor } = this.node.parts
    const name = lowerCase(args[0] ?? '')
    if (IGNORED.has(name)) return
    this.counts.commands++
    const refusal = refusalOf(name, args.length, executor.runtimes.resolve(args)?.command)
    if (refusal !== null) {
      this.refuse(refusal)
      return
    }
    executor.context.isReplayed = true
    try {
      executor.replay(this.client, args)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      this.refuse(error.message)
    } finally {
      executor.context.isReplayed = false
    }
  }

  private refuse(text: string): void {
    const { refusals } = this.counts
    const kept = refusals.size < MAX_TEXTS || refusals.has(text) ? text : 'other errors'
    refusals.set(kept, (refusals.get(kept) ?? 0) + 1)
  }

  private async settle(): Promise<void> {
    const { storage } = this.node.parts
    do {
      storage.background()
      await new Promise((resolve) => setImmediate(resolve))
    } while (storage.isOverloaded)
  }
}

/** Returns the reason why a command does not run; null if it does. */
function refusalOf(name: string, wordCount: number, command: Command | undefined): string | null {
  if (command === undefined) return `ERR unknown command '${name.slice(0, 40)}'`
  const { arity, flags, run } = command
  if (run === undefined || !(flags.includes('write') || ALLOWED.has(name))) return `ERR '${name}' is no command that an import runs`
  const isArityWrong = arity > 0 ? wordCount !== arity : wordCount < -arity
  return isArityWrong ? wrongArity(name).message : null
}
