/** Damage to payloads that their checksum does not show. */
import { crc64 } from '../../../rdb/format/crc64.ts'
import type { Seeded } from '../generators/seed.ts'

const FOOTER_BYTES = 10
const INTERESTING = [0, 1, 2, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xc3, 0xe0, 0xf0, 0xf1, 0xf4, 0xfd, 0xfe, 0xff]

/** Returns the payload with some bytes changed, inserted or removed, and a checksum that fits. */
export function mutatedPayload(chance: Seeded, payload: Buffer): Buffer {
  let body = Buffer.from(payload.subarray(0, -FOOTER_BYTES))
  for (let count = 1 + chance.integer(3); count > 0; count--) {
    const at = chance.integer(body.length)
    const byte = chance.integer(2) === 0 ? chance.pick(INTERESTING) : chance.integer(256)
    const kind = chance.integer(5)
    if (kind < 3) body[at] = byte
    else if (kind === 3) body = Buffer.concat([body.subarray(0, at), Buffer.from([byte]), body.subarray(at)])
    else body = Buffer.concat([body.subarray(0, at), body.subarray(at + 1 + chance.integer(8))])
  }
  const bytes = Buffer.concat([body, payload.subarray(-FOOTER_BYTES, -8)])
  return Buffer.concat([bytes, crc64(bytes)])
}
