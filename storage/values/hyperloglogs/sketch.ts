/**
 * A HyperLogLog that a command works on, in a buffer of its own; the value it was loaded from does
 * not change. One Sketch is enough for all commands, because they run one at a time. Malformed
 * values that a client has written are detected and never trusted.
 */
import type { Bytes } from '../../../base/bytes.ts'
import {
  DENSE,
  DENSE_BYTES,
  denseRegister,
  EMPTY_SKETCH,
  ENCODING_AT,
  HEADER_BYTES,
  invalidateCardinality,
  keepCardinality,
  REGISTERS,
  setDenseRegister,
} from './hyperloglog.ts'
import { describeRuns, joinRuns, MAX_RUN_HEIGHT, raiseFromRuns, replacement, runBytes, runHeight, runLength, splitRun } from './runs.ts'

// hot: runs once for each register of a sketch

export type Raised = 'raised' | 'unchanged' | 'corrupt'

/** Heights of all registers, for unions and for the change from sparse to dense. */
const unpacked = new Uint8Array(REGISTERS)

/** A HyperLogLog in a buffer that commands work on. */
export class Sketch {
  /** True if the sketch has become dense because the sparse form would have been too long. */
  isOutgrown = false
  private bytes: Buffer = Buffer.alloc(2 * DENSE_BYTES)
  private length = 0
  /** A shortcut for registers raised in order: the offset of a run before the last one changed. */
  private anchorAt = HEADER_BYTES
  /** The first register of the run at `anchorAt`. */
  private anchorFirst = 0
  /** The least register for which a search may start at `anchorAt`. */
  private anchorMin = REGISTERS

  load(value: Bytes = EMPTY_SKETCH): void {
    this.reserve(value.length)
    this.bytes.latin1Write(value)
    this.setLength(value.length)
    this.isOutgrown = false
    this.anchorMin = REGISTERS
  }

  /** The present value. */
  get value(): Bytes {
    return this.bytes.latin1Slice(0, this.length)
  }

  get isDense(): boolean {
    return this.bytes[ENCODING_AT] === DENSE
  }

  /**
   * Raises a register to at least a height. A sparse sketch longer than `sparseMaxBytes` becomes
   * dense.
   */
  raise(index: number, height: number, sparseMaxBytes: number): Raised {
    if (this.isDense) {
      if (denseRegister(this.bytes, index) >= height) return 'unchanged'
      setDenseRegister(this.bytes, index, height)
      return 'raised'
    }
    if (height > MAX_RUN_HEIGHT) return this.raiseDense(index, height)
    return this.raiseSparse(index, height, sparseMaxBytes)
  }

  /** Makes the sketch dense. Returns false if it is corrupt. */
  makeDense(): boolean {
    if (this.isDense) return true
    unpacked.fill(0)
    if (!this.raiseInto(unpacked)) return false
    this.reserve(DENSE_BYTES)
    this.bytes.fill(0, HEADER_BYTES, DENSE_BYTES)
    this.bytes[ENCODING_AT] = DENSE
    this.setLength(DENSE_BYTES)
    for (let index = 0; index < REGISTERS; index++) {
      const height = unpacked[index] as number
      if (height > 0) setDenseRegister(this.bytes, index, height)
    }
    return true
  }

  /** Raises the given registers to at least those of the sketch. Returns false if it is corrupt. */
  raiseInto(registers: Uint8Array): boolean {
    const { bytes } = this
    if (!this.isDense) return raiseFromRuns(bytes, HEADER_BYTES, this.length, registers)
    for (let index = 0, at = HEADER_BYTES; index < REGISTERS; index += 4, at += 3) {
      const word = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16)
      raiseTo(registers, index, word & 63)
      raiseTo(registers, index + 1, (word >>> 6) & 63)
      raiseTo(registers, index + 2, (word >>> 12) & 63)
      raiseTo(registers, index + 3, word >>> 18)
    }
    return true
  }

  /** Returns the runs of a sparse sketch as text. */
  describe(): string {
    return describeRuns(this.bytes, HEADER_BYTES, this.length)
  }

  invalidate(): void {
    invalidateCardinality(this.bytes)
  }

  keepCardinality(cardinality: number): void {
    keepCardinality(this.bytes, cardinality)
  }

  private raiseSparse(index: number, height: number, sparseMaxBytes: number): Raised {
    const { bytes, length } = this
    const fromAnchor = index >= this.anchorMin
    let at = fromAnchor ? this.anchorAt : HEADER_BYTES
    let first = fromAnchor ? this.anchorFirst : 0
    let before = at
    let beforeFirst = first
    let anchor = at
    let anchorFirst = first
    for (let next = first; at < length; first = next) {
      next += runLength(bytes, at)
      if (index < next) break
      anchor = before
      anchorFirst = beforeFirst
      before = at
      beforeFirst = first
      at += runBytes(bytes[at] as number)
    }
    if (at >= length) return 'corrupt'
    const code = bytes[at] as number
    if (runHeight(code) >= height) return 'unchanged'
    const added = splitRun(bytes, at, first, index, height) - runBytes(code)
    if (added > 0 && length + added > sparseMaxBytes) {
      this.isOutgrown = true
      return this.raiseDense(index, height)
    }
    this.reserve(length + added)
    this.put(at, runBytes(code), added)
    this.setLength(joinRuns(this.bytes, before, this.length))
    this.anchorAt = anchor
    this.anchorFirst = anchorFirst
    this.anchorMin = anchor === before ? REGISTERS : beforeFirst
    return 'raised'
  }

  /** Replaces a run by the bytes that `splitRun` has left. */
  private put(at: number, oldBytes: number, added: number): void {
    const { bytes, length } = this
    if (added !== 0) bytes.copyWithin(at + oldBytes + added, at + oldBytes, length)
    for (let i = 0; i < oldBytes + added; i++) bytes[at + i] = replacement[i] as number
    this.setLength(length + added)
  }

  /**
   * Sets the length and writes a zero after the end. A two-byte run that is cut short at the end
   * then reads the same in every buffer.
   */
  private setLength(length: number): void {
    this.length = length
    this.bytes[length] = 0
  }

  private raiseDense(index: number, height: number): Raised {
    if (!this.makeDense()) return 'corrupt'
    setDenseRegister(this.bytes, index, height)
    return 'raised'
  }

  private reserve(length: number): void {
    if (length < this.bytes.length) return
    const larger = Buffer.alloc(2 * length)
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}

function raiseTo(registers: Uint8Array, index: number, height: number): void {
  if ((registers[index] as number) < height) registers[index] = height
}
