/**
 * The check before FAILOVER: does the replica answer on its announced address? A connection of its
 * own sends AUTH and METASYNC ASK, which change nothing on either side. Only an answer with the run
 * id of the replica counts, because the address may belong to another node.
 */
import RedisParser from 'redis-parser'
import type { Bytes } from '../../base/bytes.ts'
import { encodedLength, writeCommand } from '../../storage/binlog/command-codec.ts'
import { inquiryWords, type LinkReply, type MetaSyncRequest, Refusal, readMeta } from '../protocol/messages.ts'
import type { ReplicationSettings } from '../protocol/settings.ts'
import type { Dial, Wire } from '../protocol/wire.ts'

/** The time limit of an inquiry, with or without a timeout of FAILOVER. */
export const INQUIRY_TIMEOUT_MS = 10_000

export interface InquiryOptions {
  readonly dial: Dial
  readonly settings: ReplicationSettings
  readonly host: string
  readonly port: number
  /** The run id of the replica. */
  readonly runId: string
  /** The METASYNC words of this node. */
  readonly introduction: Omit<MetaSyncRequest, 'isFailover'>
  readonly monotonicMs: number
  /**
   * Called once, unless `close` comes first. `failure` is null if the replica answered, else the
   * reason.
   */
  onAnswered(failure: string | null): void
}

/** Checks, on a connection of its own, that a replica answers on its announced address. */
export class Inquiry {
  private readonly options: InquiryOptions
  private readonly deadlineMs: number
  private readonly wire: Wire
  private readonly parser: RedisParser
  private step: 'auth' | 'question' = 'auth'
  private isOver = false

  constructor(options: InquiryOptions) {
    const { dial, host, port, monotonicMs } = options
    this.options = options
    this.deadlineMs = monotonicMs + INQUIRY_TIMEOUT_MS
    const returnReply = (reply: LinkReply) => this.replied(reply)
    this.parser = new RedisParser({
      returnBuffers: true,
      returnReply,
      returnError: returnReply,
      returnFatalError: ({ message }) => this.conclude(`sent no reply: ${message}`),
    })
    this.wire = dial(host, port, {
      onConnected: () => this.connected(),
      onData: (buffer) => {
        if (!this.isOver) this.parser.execute(buffer)
      },
      onClosed: (reason) => this.conclude(`does not answer: ${reason}`),
    })
  }

  /** Applies the time limit. Called on ticks. */
  tick(monotonicMs: number): void {
    if (monotonicMs >= this.deadlineMs) this.conclude(`has not answered within ${INQUIRY_TIMEOUT_MS / 1000} s`)
  }

  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.wire.close()
  }

  private connected(): void {
    if (this.isOver) return
    const { masterUser, masterPassword } = this.options.settings
    if (masterPassword === '') this.ask()
    else this.send(masterUser === '' ? ['AUTH', masterPassword] : ['AUTH', masterUser, masterPassword])
  }

  private ask(): void {
    this.step = 'question'
    this.send(inquiryWords(this.options.introduction))
  }

  private replied(reply: LinkReply): void {
    if (this.isOver) return
    const { runId } = this.options
    if (reply instanceof Error) this.conclude(`answers ${this.step === 'auth' ? 'AUTH' : 'METASYNC'} with: ${reply.message}`)
    else if (this.step === 'auth') this.ask()
    else {
      const there = runIdOf(reply)
      this.conclude(there === runId ? null : `is ${there ?? 'not a haypile'}, the replica is ${runId}`)
    }
  }

  private conclude(failure: string | null): void {
    if (this.isOver) return
    this.close()
    this.options.onAnswered(failure)
  }

  private send(words: readonly Bytes[]): void {
    const data = Buffer.allocUnsafe(encodedLength(words))
    writeCommand(words, data, 0)
    this.wire.send(data)
  }
}

function runIdOf(reply: LinkReply): string | null {
  try {
    return readMeta(reply).runId
  } catch (error) {
    if (error instanceof Refusal) return null
    throw error
  }
}
