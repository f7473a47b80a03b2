/**
 * DUMP payloads: one value without its key. On the wire:
 *
 *   payload   type(1) value version(2) crc(8)    version: of the RDB, little-endian; crc: CRC-64 of
 *                                                  all before it
 */
import type { RdbType, RdbValuePart } from './elements.ts'
import { isKnownVersion, valueTypeOf } from './encodings/value-types.ts'
import { type Budget, DEFAULT_BUDGET } from './format/budget.ts'
import { TYPE_MODULE_2, TYPE_MODULE_PRE_GA } from './format/codes.ts'
import { crc64 } from './format/crc64.ts'
import { RdbInput } from './format/input.ts'
import { readModuleName } from './format/modules.ts'
import { damagedAt, refusedAt } from './format/rdb-error.ts'

const PAYLOAD_FOOTER_BYTES = 10

export interface PayloadValue {
  readonly type: RdbType
  /** The parts of the value. They are decoded one by one, and each may throw RdbError. */
  readonly parts: Iterable<RdbValuePart>
}

/** A payload whose version is known and whose checksum fits. */
export interface VerifiedPayload {
  readonly version: number
  /** The type and the value. */
  readonly body: Buffer
}

/** Returns the payload without its footer. Throws RdbError for a wrong version or checksum. */
export function verifyPayload(payload: Buffer): VerifiedPayload {
  const footerOffset = payload.length - PAYLOAD_FOOTER_BYTES
  if (footerOffset < 0) throw damagedAt(payload.length, 'the payload is too short')
  const version = payload.readUInt16LE(footerOffset)
  if (!isKnownVersion(version)) throw refusedAt(footerOffset, `version ${version} is not known`)
  if (!crc64(payload.subarray(0, -8)).equals(payload.subarray(-8))) {
    throw damagedAt(footerOffset + 2, 'the checksum does not match the bytes before it')
  }
  return { version, body: payload.subarray(0, footerOffset) }
}

/** Checks a payload and returns its value. Throws RdbError. */
export function readPayload(payload: Buffer, budget: Partial<Budget> = {}): PayloadValue {
  return readVerified(verifyPayload(payload), budget)
}

/** Returns the value of a payload that was verified. Throws RdbError. */
export function readVerified({ version, body }: VerifiedPayload, budget: Partial<Budget> = {}): PayloadValue {
  const input = RdbInput.of(body, { ...DEFAULT_BUDGET, ...budget })
  const code = input.byte()
  if (code === TYPE_MODULE_PRE_GA || code === TYPE_MODULE_2) throw refusedAt(0, `a value of the module type ${readModuleName(input)}`)
  const type = valueTypeOf(code, version)
  if (type === undefined) throw refusedAt(0, `type ${code} is not known in version ${version}`)
  return { type: type.type, parts: partsOf(input, type.begin()) }
}

function* partsOf(input: RdbInput, value: { next(input: RdbInput): RdbValuePart | null }): Generator<RdbValuePart> {
  let hasElements = false
  for (let part = value.next(input); part !== null; part = value.next(input)) {
    hasElements ||= !isEmptyPart(part)
    yield part
  }
  if (!hasElements) throw damagedAt(1, 'a collection is empty')
  if (!input.isExhausted) throw input.damaged('bytes follow the value')
}

/** Returns true for a part of a list, set, sorted set or hash without elements. */
export function isEmptyPart(part: RdbValuePart): boolean {
  if (part.kind === 'list') return part.elements.length === 0
  if (part.kind === 'set' || part.kind === 'sorted-set') return part.members.length === 0
  return part.kind === 'hash' && part.fields.length === 0
}
