/**
 * Reads an RDB file as a stream. On disk:
 *
 *   file      "REDIS" digits(4) | "VALKEY" digits(3), the version
 *             item* 255 crc(8)                     crc: CRC-64 of all before it, from version 5 on;
 *                                                  0: none
 *   item      250 string string                    a name and a value about the file
 *             | 254 length                         the keys that follow are in this database
 *             | 251 length length                  its keys, and those with a deadline
 *         | 244 length length length           a slot of a cluster, its keys, those with a deadline
 *             | 243 string count (length length)*  slots that a Valkey was importing: refused
 *             | 245 string                         a library of functions
 *             | 247 module                         data of a module: format/modules.ts
 *             | [253 seconds(4) | 252 ms(8)] [248 length] [249 byte] type(1) string value
 *                                                  deadline, idle seconds, frequency; key and value
 *
 *   lengths and strings: format/input.ts; values: encodings/value-types.ts; integers little-endian
 *
 * The reader is pulled: `next` returns one part at a time, and null when it needs more bytes. It
 * holds the bytes of one element and what was pushed after it.
 */
import type { BytesInPlace } from '../base/bytes.ts'
import type { RdbPart, RdbStringKey } from './elements.ts'
import type { ValueReader } from './encodings/collections.ts'
import { isKnownVersion, valueTypeOf } from './encodings/value-types.ts'
import { type Budget, DEFAULT_BUDGET } from './format/budget.ts'
import * as codes from './format/codes.ts'
import { NEEDS_MORE, RdbInput } from './format/input.ts'
import { readModuleName, skipModuleItem } from './format/modules.ts'
import { damagedAt, refusedAt } from './format/rdb-error.ts'
import { isEmptyPart } from './payload.ts'

const MAGIC_BYTES = 9
const KEY_END: RdbPart = { kind: 'key-end' }
/** A longer string comes in pieces. */
const MAX_WHOLE_STRING_BYTES = 65_535

/**
 * The form of strings of less than 64 KiB: in parts as other values, or whole with their key, in
 * one part that the reader uses again.
 */
export type StringForm = 'parts' | 'whole'

export interface RdbReaderOptions {
  /** The length of the file, if it is known: nothing may claim more bytes. */
  readonly totalBytes?: number | undefined
  readonly strings?: StringForm
}

const emptyRange = (): BytesInPlace => ({ bytes: Buffer.alloc(0), from: 0, length: 0 })

/** Reads the parts of one RDB file. After it threw an RdbError, no method may be called. */
export class RdbReader {
  private readonly input: RdbInput
  private version = 0
  private value: ValueReader | null = null
  private skipped: { readonly name: string; readonly offset: number } | null = null
  private isDone = false
  private expireAtMs: number | null = null
  private idleSeconds: number | null = null
  private frequency: number | null = null

  private readonly stringKey: (RdbStringKey & { expireAtMs: number | null }) | null

  constructor(budget: Partial<Budget> = {}, { totalBytes, strings = 'parts' }: RdbReaderOptions = {}) {
    this.input = new RdbInput({ ...DEFAULT_BUDGET, ...budget }, totalBytes)
    this.stringKey = strings === 'whole' ? { kind: 'string-key', key: emptyRange(), value: emptyRange(), expireAtMs: null } : null
  }

  /** Copies bytes of the file. */
  push(chunk: Buffer): void {
    this.input.push(chunk)
  }

  /** Says that no more bytes come. */
  end(): void {
    this.input.end()
  }

  /** True when the part `end` was delivered. */
  get isAtEnd(): boolean {
    return this.isDone
  }

  /** Returns the bytes that were pushed and do not belong to the file. REQUIRES: `isAtEnd`. */
  rest(): Buffer {
    return this.input.rest()
  }

  /** Returns the next part, or null where more bytes must be pushed first. Throws RdbError. */
  next(): RdbPart | null {
    const { input } = this
    if (this.isDone || !input.isReady) return null
    input.commit()
    try {
      return this.read()
    } catch (error) {
      if (error !== NEEDS_MORE) throw error
      input.rewind()
      return null
    }
  }

  private read(): RdbPart {
    if (this.value !== null) {
      let part = this.value.next(this.input)
      // A packed collection may have no elements. Its key is then one without a value.
      while (part !== null && isEmptyPart(part)) {
        this.input.commit()
        part = this.value.next(this.input)
      }
      if (part !== null) return part
      this.value = null
      return KEY_END
    }
    if (this.version === 0) return this.readMagic()
    let part = this.skipped === null ? this.readItem() : this.skip()
    while (part === null) {
      this.input.commit()
      part = this.skipped === null ? this.readItem() : this.skip()
    }
    return part
  }

  private readMagic(): RdbPart {
    const { offset } = this.input
    const found = /^(?:REDIS([0-9]{4})|VALKEY([0-9]{3}))$/.exec(this.input.bytes(MAGIC_BYTES))
    if (found === null) throw damagedAt(offset, 'the file does not begin with an RDB header')
    const version = Number(found[1] ?? found[2])
    if (!isKnownVersion(version)) throw refusedAt(offset, `version ${version} is not known`)
    this.version = version
    return { kind: 'start', version }
  }

  /** Reads an opcode or a key. Returns null where nothing is delivered for it. */
  private readItem(): RdbPart | null {
    const { input } = this
    const { offset } = input
    const code = input.byte()
    switch (code) {
      case codes.OPCODE_AUX:
        return { kind: 'aux', name: input.string(), value: input.string() }
      case codes.OPCODE_SELECTDB:
        return { kind: 'database', index: input.length() }
      case codes.OPCODE_RESIZEDB:
        return { kind: 'sizes', keyCount: input.length(), deadlineCount: input.length() }
      case codes.OPCODE_SLOT_INFO:
        return { kind: 'slot', slot: input.length(), keyCount: input.length(), deadlineCount: input.length() }
      case codes.OPCODE_FUNCTION2:
        return { kind: 'library', code: input.string() }
      case codes.OPCODE_FUNCTION_PRE_GA:
        throw refusedAt(offset, 'functions of a preview of Redis 7.0')
      case codes.OPCODE_MODULE_AUX:
        this.skipped = { name: readModuleName(input), offset }
        return null
      case codes.OPCODE_EOF:
        return this.readEnd()
      case codes.OPCODE_SLOT_IMPORT:
        // Keys of such slots are part of a copy, whose original another node has.
        if (this.version === codes.VERSION_VALKEY) throw refusedAt(offset, 'slots that the node was importing from its cluster')
        return this.readKey(code, offset)
      default:
        return this.isAttribute(code) ? null : this.readKey(code, offset)
    }
  }

  /** Reads a deadline, idle time or frequency. Returns false if the code is none of these. */
  private isAttribute(code: number): boolean {
    const { input } = this
    if (code === codes.OPCODE_EXPIRETIME_MS) this.expireAtMs = input.milliseconds()
    else if (code === codes.OPCODE_EXPIRETIME) this.expireAtMs = input.int32() * 1000
    else if (code === codes.OPCODE_IDLE) this.idleSeconds = input.length()
    else if (code === codes.OPCODE_FREQ) this.frequency = input.byte()
    else return false
    return true
  }

  private readKey(code: number, offset: number): RdbPart {
    if (code === codes.TYPE_STRING && this.stringKey !== null && this.readStringKey(this.stringKey)) return this.stringKey
    const { input, expireAtMs, idleSeconds, frequency } = this
    const type = valueTypeOf(code, this.version)
    if (type === undefined && code !== codes.TYPE_MODULE_PRE_GA && code !== codes.TYPE_MODULE_2) {
      throw refusedAt(offset, `type ${code} is not known in version ${this.version}`)
    }
    const key = input.string()
    if (type === undefined) throw refusedAt(offset, `a value of the module type ${readModuleName(input)}`)
    this.value = type.begin()
    this.expireAtMs = null
    this.idleSeconds = null
    this.frequency = null
    return { kind: 'key', key, type: type.type, expireAtMs, idleSeconds, frequency }
  }

  /** Reads a key and a string. Returns false, and reads nothing, if they are long. */
  private readStringKey(into: RdbStringKey & { expireAtMs: number | null }): boolean {
    const { input } = this
    const { offset } = input
    if (!input.range(into.key, MAX_WHOLE_STRING_BYTES) || !input.range(into.value, MAX_WHOLE_STRING_BYTES)) {
      input.rewindTo(offset)
      return false
    }
    into.expireAtMs = this.expireAtMs
    this.expireAtMs = null
    this.idleSeconds = null
    this.frequency = null
    return true
  }

  private skip(): RdbPart | null {
    const { skipped } = this
    if (skipped === null || skipModuleItem(this.input)) return null
    this.skipped = null
    return { kind: 'skipped', what: `data of the module type ${skipped.name}`, offset: skipped.offset }
  }

  private readEnd(): RdbPart {
    const { input } = this
    let isVerified = false
    if (this.version >= codes.VERSION_CHECKSUM) {
      const { offset } = input
      const claimed = Buffer.from(input.view(8))
      input.rewindTo(offset)
      isVerified = claimed.some((byte) => byte !== 0)
      if (isVerified && !claimed.equals(input.checksum())) throw damagedAt(offset, 'the checksum does not match the bytes before it')
      input.view(8)
    }
    this.isDone = true
    return { kind: 'end', isVerified }
  }
}

/**
 * Yields the parts of a file from its chunks; bytes after its end are not read. Throws RdbError.
 */
export async function* readRdb(chunks: AsyncIterable<Buffer> | Iterable<Buffer>, budget: Partial<Budget> = {}): AsyncGenerator<RdbPart> {
  const reader = new RdbReader(budget)
  for await (const chunk of chunks) {
    reader.push(chunk)
    for (let part = reader.next(); part !== null; part = reader.next()) yield part
    if (reader.isAtEnd) return
  }
  reader.end()
  for (let part = reader.next(); part !== null; part = reader.next()) yield part
}
