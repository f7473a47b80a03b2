/**
 * The threads that own TCP sockets, with `io-threads` 2 or more. All of them listen on the same
 * ports, and the kernel spreads connections over them. They read, write, and encrypt; the main
 * thread runs commands. Unix sockets and outgoing connections belong to the main thread.
 *
 *   client -> socket thread -> ring -> main thread: decode, run, append the group, encode
 *   client <- socket thread <- ring <------------------------------------'
 */
import { rethrowAssertion } from '../../base/assert.ts'
import { errorText } from '../../base/error-text.ts'
import type { Log } from '../../base/log.ts'
import type { Acceptor } from '../network/acceptor.ts'
import type { ListenSettings, TlsSettings } from '../network/listener.ts'
import { SocketThread } from './socket-thread.ts'

const RESTART_AFTER_MS = 1000

export interface SocketThreadsOptions {
  readonly acceptor: Acceptor
  readonly log: Log
}

/** The socket threads of a node; none unless started. */
export class SocketThreads {
  private readonly acceptor: Acceptor
  private readonly log: Log
  private readonly threads = new Set<SocketThread>()
  private restarts = new Set<NodeJS.Timeout>()
  private isStopping = false

  constructor({ acceptor, log }: SocketThreadsOptions) {
    this.acceptor = acceptor
    this.log = log
  }

  /** Starts threads that listen. Rejects with Node's text if one cannot. */
  async start(count: number, settings: ListenSettings, tlsSettings: TlsSettings): Promise<void> {
    await Promise.all(Array.from({ length: count }, () => this.startOne(settings, tlsSettings)))
  }

  /** Stops accepting. Open connections continue. */
  stopListening(): void {
    this.isStopping = true
    for (const timer of this.restarts) clearTimeout(timer)
    for (const thread of this.threads) thread.stopListening()
  }

  async close(): Promise<void> {
    this.stopListening()
    await Promise.all([...this.threads].map((thread) => thread.close()))
    this.threads.clear()
  }

  private async startOne(settings: ListenSettings, tlsSettings: TlsSettings): Promise<void> {
    const { acceptor, log } = this
    const onEnded = (error: string) => {
      if (!this.threads.delete(thread) || this.isStopping) return
      log.error({ error }, 'a socket thread has ended (a bug); its connections are closed, restarting it in a second')
      this.restartLater(settings, tlsSettings)
    }
    const thread = new SocketThread({ acceptor, log, settings, tlsSettings, onEnded })
    const listening = thread.listening()
    this.threads.add(thread)
    try {
      await listening
    } catch (error) {
      this.threads.delete(thread)
      await thread.close()
      throw error
    }
  }

  private restartLater(settings: ListenSettings, tlsSettings: TlsSettings): void {
    const timer = setTimeout(() => {
      this.restarts.delete(timer)
      this.startOne(settings, tlsSettings).catch((error: unknown) => {
        rethrowAssertion(error)
        if (this.isStopping) return
        this.log.error({ error: errorText(error) }, 'cannot restart a socket thread, retrying in a second')
        this.restartLater(settings, tlsSettings)
      })
    }, RESTART_AFTER_MS)
    this.restarts.add(timer)
  }
}
