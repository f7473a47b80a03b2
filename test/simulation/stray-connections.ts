/**
 * Connections without a live node behind them. One kind repeats the bytes of an old connection
 * after its process has gone on. The other is a second process that claims a node's address.
 * Neither may change anything in the end.
 */
import { FORMAT_VERSION, metaSyncWords } from '../../replication/protocol/messages.ts'
import { encodedLength, readCommand, writeCommand } from '../../storage/binlog/command-codec.ts'
import { randomHex } from '../../storage/directory/identity.ts'
import type { Network, Party, Socket } from './network/network.ts'
import { PORT } from './settings.ts'

/** The limit of recorded bytes for each connection. */
const MAX_RECORDED_BYTES = 4096
const MAX_RECORDED_CONNECTIONS = 30
const CLAIM_EVERY_MS = 250

interface Recording {
  readonly ip: string
  readonly socket: number
  bytes: Buffer
}

/** The connections that repeat old words or claim a node's address. */
export class StrayConnections {
  private readonly network: Network
  private recordings: Recording[] = []
  private sockets: Socket[] = []
  private isOver = false

  constructor(network: Network) {
    this.network = network
  }

  record(ip: string, socket: number, bytes: Buffer): void {
    const known = this.recordings.find((recording) => recording.socket === socket)
    if (known === undefined) {
      this.recordings = [...this.recordings.slice(1 - MAX_RECORDED_CONNECTIONS), { ip, socket, bytes: Buffer.from(bytes) }]
    } else if (known.bytes.length < MAX_RECORDED_BYTES) known.bytes = Buffer.concat([known.bytes, bytes])
  }

  /** Sends the recorded words of a connection to a node again, all of them or a part. */
  repeat(to: string): string {
    const { chance, schedule } = this.network
    // A handover is left out: FAILOVER addresses one node at one moment, and no network delivers it
    // to another.
    const recordings = this.recordings.filter(({ bytes }) => !bytes.includes('FAILOVER'))
    if (recordings.length === 0) return 'no recorded connection to repeat'
    const { ip, socket, bytes } = chance.pick(recordings)
    const part = bytes.subarray(0, 1 + chance.integer(bytes.length))
    const isTwice = chance.random() < 0.3
    const stray = this.dial(ip, to, (open) => {
      if (isTwice) open.send(bytes.subarray(0, readCommand(bytes, 0, bytes.length)?.end ?? 0))
      open.send(part)
    })
    if (chance.random() < 0.7) schedule.after(chance.random() * 3000, () => stray.close())
    return `the bytes of connection ${socket} of ${ip} are sent again to ${to}`
  }

  /** Makes another process repeatedly claim to be the one at an address. */
  claimAddress(ip: string, to: string, tries: number): string {
    const { chance, schedule } = this.network
    const runId = randomHex(chance.random, 40)
    let last: Socket | null = null
    const again = (attempt: number) => {
      last?.close()
      if (attempt > tries || this.isOver) return
      const words = metaSyncWords({ ip: '', port: PORT, runId, attempt, version: FORMAT_VERSION, isFailover: false })
      const bytes = Buffer.alloc(encodedLength(words))
      writeCommand(words, bytes, 0)
      last = this.dial(ip, to, (socket) => socket.send(bytes))
      schedule.after(CLAIM_EVERY_MS * (0.5 + chance.random()), () => again(attempt + 1))
    }
    again(1)
    return `${runId.slice(0, 8)} says ${tries} times to ${to} that it is at ${ip}`
  }

  /** Closes all of them. */
  closeAll(): void {
    this.isOver = true
    for (const socket of this.sockets) socket.close()
  }

  private dial(ip: string, to: string, talk: (socket: Socket) => void): Socket {
    const party: Party = { ip, isMuted: false }
    const socket = this.network.dial(party, to, PORT, { connected: () => talk(socket), data() {}, drained() {}, closed() {} })
    this.sockets = [...this.sockets.filter(({ isOpen }) => isOpen), socket]
    return socket
  }
}
