/** Damage to payloads and files that their checksum does not show. */
import { crc64 } from '../../../rdb/format/crc64.ts'
import type { Seeded } from '../generators/seed.ts'

const PAYLOAD_FOOTER_BYTES = 10
const CHECKSUM_BYTES = 8
const FILE_HEAD_BYTES = 9
const INTERESTING = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xf0, 0xf1, 0xf4, 0xfd, 0xfe, 0xff]
const MAX_MOVED_BYTES = 40

/** Returns the bytes with some of them changed, inserted, removed or repeated elsewhere. */
function mutated(chance: Seeded, bytes: Buffer): Buffer {
  let body = Buffer.from(bytes)
  for (let count = 1 + chance.integer(3); count > 0; count--) {
    const at = chance.integer(body.length)
    const byte = chance.integer(2) === 0 ? chance.pick(INTERESTING) : chance.integer(256)
    const kind = chance.integer(12)
    if (kind < 7) body[at] = byte
    else if (kind < 9) body = Buffer.concat([body.subarray(0, at), Buffer.from([byte]), body.subarray(at)])
    else if (kind < 10) body = Buffer.concat([body.subarray(0, at), claimedLength(chance), body.subarray(at + 1)])
    else if (kind < 11) body = Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + chance.integer(8))])
    else {
      const from = chance.integer(body.length)
      body = Buffer.concat([body.subarray(0, at), body.subarray(from, from + chance.integer(MAX_MOVED_BYTES)), body.subarray(at)])
    }
  }
  return body
}

/** Returns a length of 32 or 64 bits, which may be far larger than what follows. */
function claimedLength(chance: Seeded): Buffer {
  const bytes = Array.from({ length: chance.pick([4, 8]) }, () => (chance.integer(3) === 0 ? chance.integer(256) : 0))
  return Buffer.from([bytes.length === 4 ? 0x80 : 0x81, ...bytes])
}

/** Returns a changed payload, of the same version, whose checksum fits. */
export function mutatedPayload(chance: Seeded, payload: Buffer): Buffer {
  const body = mutated(chance, payload.subarray(0, -PAYLOAD_FOOTER_BYTES))
  const bytes = Buffer.concat([body, payload.subarray(-PAYLOAD_FOOTER_BYTES, -CHECKSUM_BYTES)])
  return Buffer.concat([bytes, crc64(bytes)])
}

/** Returns a changed file, of the same version, whose checksum fits. REQUIRES: it has one. */
export function mutatedFile(chance: Seeded, file: Buffer): Buffer {
  const body = mutated(chance, file.subarray(FILE_HEAD_BYTES, -CHECKSUM_BYTES))
  const bytes = Buffer.concat([file.subarray(0, FILE_HEAD_BYTES), body])
  return Buffer.concat([bytes, crc64(bytes)])
}
