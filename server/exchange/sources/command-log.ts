/**
 * Logs of commands: an AOF of one file or of several, with or without an RDB before its commands,
 * or what `redis-cli --pipe` takes.
 *
 *   log       [RDB] { command | timestamp | inline }
 *   command   in RESP
 *   timestamp "#TS:" seconds CRLF                 skipped
 *   inline    a line of words, as a user types them
 *
 * An AOF of several files is a directory with a manifest, one line a file:
 *
 *   "file" name "seq" number "type" letter        b: the base, i: commands after it, h: history
 */
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rethrowAssertion } from '../../../base/assert.ts'
import { type Bytes, bytesOf } from '../../../base/bytes.ts'
import { errorText } from '../../../base/error-text.ts'
import { splitInline } from '../../../commands/parsing/inline-words.ts'
import type { RdbPart } from '../../../rdb/elements.ts'
import { RdbReader } from '../../../rdb/reader.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { ExchangeRefusal } from '../refusal.ts'

const CHUNK_BYTES = 1024 * 1024
const ASTERISK = 42
const HASH = 35
const NEWLINE = 10
const MAX_INLINE_BYTES = 64 * 1024
const RDB_HEAD = /^(?:REDIS\d|VALKEY)/

/** Returns the files of an AOF in order, from its directory or manifest. Throws ExchangeRefusal. */
export function filesOfManifest(path: string): string[] {
  try {
    const isDirectory = statSync(path).isDirectory()
    const names = isDirectory ? readdirSync(path).filter((name) => name.endsWith('.manifest')) : [path]
    if (names.length !== 1) {
      const found = names.length === 0 ? 'has no manifest of an AOF' : `has ${names.length} manifests of AOFs: name one of them`
      throw ExchangeRefusal.ofUsage(`${path} is a directory and ${found}`)
    }
    const folder = isDirectory ? path : dirname(path)
    const lines = readFileSync(isDirectory ? join(path, names[0] ?? '') : path, 'latin1').split('\n')
    const files = lines.flatMap((line) => fileOfLine(line))
    const kept = files
      .filter(({ type }) => type !== 'h')
      .sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : a.sequence - b.sequence))
    return kept.map(({ name }) => join(folder, Buffer.from(name, 'latin1').toString()))
  } catch (error) {
    rethrowAssertion(error)
    if (error instanceof ExchangeRefusal) throw error
    throw ExchangeRefusal.ofUsage(`${path} cannot be read: ${errorText(error)}`)
  }
}

function fileOfLine(line: string): { name: string; sequence: number; type: string }[] {
  const words = splitInline(line.trim()) ?? []
  if (words.length === 0 || words[0]?.startsWith('#') === true) return []
  const fieldOf = (name: string) => words[words.indexOf(name) + 1]
  const [name, sequence, type] = [fieldOf('file'), Number(fieldOf('seq')), fieldOf('type')]
  if (name === undefined || type === undefined || !/^[bih]$/.test(type) || !Number.isSafeInteger(sequence)) {
    throw ExchangeRefusal.ofUsage(`the manifest has a line that names no file: ${line}`)
  }
  return [{ name, sequence, type }]
}

/** Yields the chunks of files, one after the other. */
export async function* chunksOfFiles(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) yield* createReadStream(path, { highWaterMark: CHUNK_BYTES })
}

/** Reads a log: `parts` to its end first, then `commands`. */
export class CommandSource {
  /** True if the log ends within a command, which is left out. */
  isCutShort = false
  private readonly chunks: AsyncIterator<Buffer>
  private pending: Buffer = Buffer.alloc(0)
  private offset = 0

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]()
  }

  /** True if the log begins with an RDB. */
  async hasRdb(): Promise<boolean> {
    while (this.pending.length < 'VALKEY'.length && (await this.receive())) {}
    return RDB_HEAD.test(bytesOf(this.pending.subarray(0, 'VALKEY'.length)))
  }

  /** Yields the parts of the RDB before the commands. Throws RdbError. */
  async *parts(): AsyncGenerator<Iterable<RdbPart>> {
    const reader = new RdbReader({ mustBeUnique: false })
    for (;;) {
      if (this.pending.length === 0 && !(await this.receive())) reader.end()
      reader.push(this.pending)
      this.pending = Buffer.alloc(0)
      yield partsOf(reader)
      if (!reader.isAtEnd) continue
      this.pending = reader.rest()
      return
    }
  }

  /** Yields commands in batches. Throws ExchangeRefusal for bytes that are none. */
  async *commands(): AsyncGenerator<readonly Bytes[][]> {
    for (;;) {
      const batch = this.complete()
      if (batch.length > 0) yield batch
      if (await this.receive()) continue
      this.isCutShort = this.pending.length > 0
      return
    }
  }

  private async receive(): Promise<boolean> {
    const next = await this.chunks.next()
    if (next.done === true) return false
    this.pending = this.pending.length === 0 ? next.value : Buffer.concat([this.pending, next.value])
    return true
  }

  /** Returns the commands that have arrived whole. */
  private complete(): Bytes[][] {
    const { pending } = this
    const found: Bytes[][] = []
    let at = 0
    while (at < pending.length) {
      const next = pending[at] === ASTERISK ? this.inResp(at) : this.inline(at)
      if (next === null) break
      if (next.args.length > 0) found.push(next.args)
      at = next.end
    }
    this.offset += at
    this.pending = pending.subarray(at)
    return found
  }

  private inResp(at: number): { args: Bytes[]; end: number } | null {
    try {
      return readCommand(this.pending, at, this.pending.length)
    } catch (error) {
      rethrowAssertion(error)
      throw ExchangeRefusal.ofData(`no command at byte ${this.offset + at} of the commands: ${errorText(error)}`)
    }
  }

  private inline(at: number): { args: Bytes[]; end: number } | null {
    const { pending } = this
    const end = pending.indexOf(NEWLINE, at)
    if (end < 0 && pending.length - at <= MAX_INLINE_BYTES) return null
    const words = end < 0 || pending[at] === HASH ? [] : splitInline(pending.latin1Slice(at, end))
    if (words === null || end < 0) throw ExchangeRefusal.ofData(`no command at byte ${this.offset + at} of the commands`)
    return { args: words, end: end + 1 }
  }
}

function* partsOf(reader: RdbReader): Generator<RdbPart> {
  for (let part = reader.next(); part !== null; part = reader.next()) yield part
}
