/**
 * An import into a running server: RESTORE for each key and FUNCTION LOAD for each library, many at
 * a time. Replies are matched with requests in order; refusals are counted by their text.
 */
import { rethrowAssertion } from '../../../base/assert.ts'
import type { Bytes } from '../../../base/bytes.ts'
import type { RdbItem, RdbValue } from '../../../rdb/values.ts'
import { payloadChunks } from '../../../rdb/writer.ts'
import type { ExportSummary, ItemBatches } from '../items.ts'
import { commandOf, type ServerAddress, ServerConnection } from '../sources/connection.ts'
import { libraryCommand } from './key-commands.ts'

/** Requests and their bytes that may wait for replies. */
const MAX_WAITING = 4096
const MAX_WAITING_BYTES = 8 * 1024 * 1024
const MAX_UNSENT_BYTES = 64 * 1024
/** Different texts of refusals that are counted by themselves. */
const MAX_TEXTS = 20
const OTHER_TEXT = 'other errors'

export interface ServerImport {
  readonly address: ServerAddress
  /** True: keys and libraries that exist are replaced. */
  readonly mustReplace: boolean
  readonly onProgress: () => void
}

/** The numbers of an import into a server. */
export interface ServerImportSummary extends ExportSummary {
  /** The refused keys and libraries, by the server's text. */
  readonly refusals: Map<string, number>
  commands: number
}

/** A request that waits for its reply. */
interface Waiting {
  readonly kind: 'key' | 'library' | 'select' | 'command'
  readonly bytes: number
}

/** Commands as they come from a log. */
export type CommandBatches = AsyncIterable<readonly Bytes[][]>

/** Sends all items, and then all commands. Rejects if the connection breaks. */
export async function importIntoServer(
  batches: ItemBatches,
  commands: CommandBatches | null,
  summary: ServerImportSummary,
  request: ServerImport,
): Promise<void> {
  const connection = await ServerConnection.open(request.address)
  try {
    await new Sender(connection, summary, request).sendAll(batches, commands)
  } finally {
    connection.close()
  }
}

class Sender {
  private readonly connection: ServerConnection
  private readonly summary: ServerImportSummary
  private readonly request: ServerImport
  private readonly waiting: Waiting[] = []
  private waitingBytes = 0
  /** Requests that are gathered for one write. */
  private unsent: Buffer[] = []
  private unsentBytes = 0
  /** The database that the next keys belong to, and the one that is selected. */
  private database = 0
  private selected: number | null = null
  /** Ends the wait of the reader or of the sender. */
  private wake: (() => void) | null = null
  private hasSentAll = false
  private failure: unknown = null

  constructor(connection: ServerConnection, summary: ServerImportSummary, request: ServerImport) {
    this.connection = connection
    this.summary = summary
    this.request = request
  }

  async sendAll(batches: ItemBatches, commands: CommandBatches | null): Promise<void> {
    const reading = this.readReplies().catch((error: unknown) => {
      rethrowAssertion(error)
      this.failure = error
      this.wakeOther()
    })
    for await (const items of batches) {
      for (const item of items) await this.sendItem(item)
      this.request.onProgress()
    }
    if (commands !== null) await this.sendCommands(commands)
    await this.flush()
    this.hasSentAll = true
    this.wakeOther()
    await reading
    if (this.failure !== null) throw this.failure
  }

  private async sendItem(item: RdbItem): Promise<void> {
    const { address, mustReplace } = this.request
    if (item.kind === 'database') this.database = address.database ?? item.index
    else if (item.kind === 'library') {
      await this.post('library', [libraryCommand(item.code, mustReplace)])
    } else if (item.kind === 'key') {
      const index = address.database ?? this.database
      if (this.selected !== index) await this.post('select', [commandOf(['SELECT', String(index)])])
      this.selected = index
      if (item.value.type === 'hash' && item.value.count === 0) this.summary.expired++
      else await this.post('key', restoreOf(item.key, item.expireAtMs ?? 0, item.value, mustReplace))
    }
  }

  private async sendCommands(batches: CommandBatches): Promise<void> {
    // A log begins in database 0.
    if (this.selected !== null) await this.post('select', [commandOf(['SELECT', '0'])])
    for await (const batch of batches) {
      for (const words of batch) await this.post('command', [commandOf(words)])
      this.request.onProgress()
    }
  }

  private async post(kind: Waiting['kind'], buffers: readonly Buffer[]): Promise<void> {
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0)
    while (this.failure === null && (this.waiting.length >= MAX_WAITING || this.waitingBytes >= MAX_WAITING_BYTES)) {
      await this.flush()
      await this.pause()
    }
    if (this.failure !== null) throw this.failure
    this.waiting.push({ kind, bytes })
    this.waitingBytes += bytes
    this.unsent.push(...buffers)
    this.unsentBytes += bytes
    if (this.unsentBytes >= MAX_UNSENT_BYTES) await this.flush()
  }

  private async flush(): Promise<void> {
    if (this.unsentBytes === 0) return
    const bytes = Buffer.concat(this.unsent)
    this.unsent = []
    this.unsentBytes = 0
    await this.connection.send(bytes)
    this.wakeOther()
  }

  private async readReplies(): Promise<void> {
    for (;;) {
      while (this.waiting.length === 0) {
        if (this.hasSentAll) return
        await this.pause()
      }
      const reply = await this.connection.readReply()
      const answered = this.waiting.shift()
      if (answered === undefined) return
      this.waitingBytes -= answered.bytes
      this.count(answered.kind, reply)
      this.wakeOther()
    }
  }

  private count(kind: Waiting['kind'], reply: Bytes): void {
    const { summary } = this
    if (reply.startsWith('-')) {
      const { refusals } = summary
      const text = refusals.size < MAX_TEXTS || refusals.has(reply.slice(1)) ? reply.slice(1) : OTHER_TEXT
      refusals.set(text, (refusals.get(text) ?? 0) + 1)
    }
    if (kind === 'command') summary.commands++
    else if (reply.startsWith('-')) return
    else if (kind === 'key') summary.keys++
    else if (kind === 'library') summary.libraries++
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.wake
      this.wake = () => {
        before?.()
        resolve()
      }
    })
  }

  private wakeOther(): void {
    const { wake } = this
    this.wake = null
    wake?.()
  }
}

/** Returns RESTORE with an absolute deadline. */
function restoreOf(key: Bytes, expireAtMs: number, value: RdbValue, mustReplace: boolean): Buffer[] {
  // Only version 12 holds deadlines of fields, and only Redis 7.4 and haypile read it.
  const version = value.type === 'hash' && value.minDeadlineMs !== null ? 12 : 10
  const { chunks } = payloadChunks(value, { version })
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const options = ['ABSTTL', ...(mustReplace ? ['REPLACE'] : [])]
  const head = ['RESTORE', key, String(expireAtMs)].map(bulk).join('')
  return [
    Buffer.from(`*${4 + options.length}\r\n${head}$${length}\r\n`, 'latin1'),
    ...chunks,
    Buffer.from(`\r\n${options.map(bulk).join('')}`, 'latin1'),
  ]
}

const bulk = (word: Bytes): Bytes => `$${word.length}\r\n${word}\r\n`
