/** One socket thread, as the main thread sees it. */
import { Worker } from 'node:worker_threads'
import type { Log } from '../../base/log.ts'
import type { Acceptor } from '../network/acceptor.ts'
import type { ListenSettings, OnData, TlsSettings } from '../network/listener.ts'
import { Channel, newChannelMemory } from './channel.ts'
import { type Endpoints, FROM_THREAD, MAX_SLOTS, STOP_LISTENING, type ThreadData, type ThreadMessage, TO_THREAD } from './messages.ts'
import { MAX_PAYLOAD_BYTES, type RingReader } from './ring.ts'
import { RingSocket } from './ring-socket.ts'

const NOTHING = ''
/** Received bytes are copied here, so that requests may refer to them as to any read. */
const shared = Buffer.allocUnsafeSlow(MAX_PAYLOAD_BYTES)

export interface ThreadOptions {
  readonly acceptor: Acceptor
  readonly log: Log
  readonly settings: ListenSettings
  readonly tlsSettings: TlsSettings
  /** Called when the thread has ended by itself. Its connections are closed then. */
  readonly onEnded: (error: string) => void
}

interface OpenSocket {
  readonly socket: RingSocket
  readonly onData: OnData
}

/** A thread that owns sockets. */
export class SocketThread {
  private readonly options: ThreadOptions
  private readonly worker: Worker
  private readonly channel: Channel
  private readonly sentCounts = new Int32Array(new SharedArrayBuffer(MAX_SLOTS * 4))
  private readonly open: (OpenSocket | undefined)[] = []
  private readonly shaking = new Set<number>()
  private isClosing = false
  private error = 'no error'

  constructor(options: ThreadOptions) {
    this.options = options
    const memory = newChannelMemory()
    const { settings, tlsSettings } = options
    const workerData: ThreadData = { memory, sentCounts: this.sentCounts, settings, tlsSettings }
    this.worker = new Worker(new URL('./thread-program.js', import.meta.url), { workerData, execArgv: [] })
    this.channel = new Channel({
      inbox: memory.toMain,
      outbox: memory.toThread,
      afterBatch: queueMicrotask, // replies of a turn wake the thread once
      onFrame: (frame) => this.obey(frame),
      onRoom: () => {},
    })
    this.worker.on('error', (error) => {
      this.error = String(error)
    })
    this.worker.on('exit', () => this.ended())
    this.channel.start()
  }

  /** Resolves when the thread listens. Rejects with Node's text if it cannot. */
  listening(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.worker.on('message', (message: ThreadMessage) => {
        if (message.what === 'listening') resolve()
        else if (message.what === 'failed') reject(new Error(message.error))
        else this.options.log[message.level](message.fields, message.text)
      })
      this.worker.once('exit', () => reject(new Error(`the thread ended: ${this.error}`)))
    })
  }

  stopListening(): void {
    this.worker.postMessage(STOP_LISTENING)
  }

  /** Ends the thread and closes its sockets. */
  async close(): Promise<void> {
    this.isClosing = true
    this.channel.close()
    await this.worker.terminate()
  }

  private obey(frame: RingReader): void {
    const { kind, slot } = frame
    if (kind === FROM_THREAD.received) {
      const length = frame.end - frame.start
      frame.bytes.copy(shared, 0, frame.start, frame.end)
      this.open[slot]?.onData(shared, length)
    } else if (kind === FROM_THREAD.opened) this.opened(slot, JSON.parse(frame.bytes.latin1Slice(frame.start, frame.end)))
    else if (kind === FROM_THREAD.asking) this.asked(slot)
    else if (kind === FROM_THREAD.closed) this.closed(slot)
    else if (kind === FROM_THREAD.ended) this.open[slot]?.socket.inputEnded()
    else if (kind === FROM_THREAD.sent) this.open[slot]?.socket.reported()
  }

  private opened(slot: number, endpoints: Endpoints): void {
    this.endHandshake(slot)
    const socket = new RingSocket(this.channel, slot, this.sentCounts, endpoints)
    const onData = this.options.acceptor.accept({ socket, isUnix: false, isTls: endpoints.isTls })
    this.open[slot] = { socket, onData: onData ?? (() => {}) }
  }

  private asked(slot: number): void {
    const { acceptor } = this.options
    if (!acceptor.mayShakeHands()) {
      this.channel.send(TO_THREAD.destroy, slot, NOTHING)
      return
    }
    acceptor.handshakes.elsewhere++
    this.shaking.add(slot)
    this.channel.send(TO_THREAD.admit, slot, NOTHING)
  }

  private closed(slot: number): void {
    this.endHandshake(slot)
    this.channel.send(TO_THREAD.forget, slot, NOTHING)
    const closed = this.open[slot]
    this.open[slot] = undefined
    closed?.socket.gone()
  }

  private endHandshake(slot: number): void {
    if (this.shaking.delete(slot)) this.options.acceptor.handshakes.elsewhere--
  }

  private ended(): void {
    if (this.isClosing) return
    this.isClosing = true
    this.channel.close()
    for (const slot of [...this.shaking]) this.endHandshake(slot)
    const lost = this.open.splice(0)
    for (const closed of lost) closed?.socket.gone()
    this.options.onEnded(this.error)
  }
}
