/** Random RDB files with keys of every type and encoding, in some databases. */
import type { Seeded } from '../generators/seed.ts'
import { FIXTURES } from './fixtures.ts'
import { fileOf, keyOf, rdbString } from './old-encoders.ts'

const FAR_SECONDS = 1_900_000_000
const FOOTER_BYTES = 10
const MAX_VERSION = 12
/** Larger values leave few changes to the opcodes between keys. */
const MAX_PAYLOAD_BYTES = 2000
const MODULE = [247, 0x81, 0, 0, 0, 0, 0, 0, 0x04, 0x01, 2, 2, 1, 5, 5, 1, 0x61, 0]

const KEYS = FIXTURES.filter(({ payload }) => payload.length < MAX_PAYLOAD_BYTES && versionOf(payload) <= MAX_VERSION)

function versionOf(payload: Buffer): number {
  return payload.readUInt16LE(payload.length - FOOTER_BYTES)
}

/** Returns a file of version 12 with a checksum. */
export function randomFile(chance: Seeded): Buffer {
  const items: Buffer[] = [Buffer.concat([Buffer.from([250]), rdbString('redis-ver'), rdbString('7.4.0')])]
  if (chance.integer(3) === 0) items.push(Buffer.from(MODULE))
  if (chance.integer(3) === 0) items.push(Buffer.concat([Buffer.from([245]), rdbString('#!lua name=lib\n')]))
  let number = 0
  for (let database = 0; database < 2; database++) {
    items.push(Buffer.from([254, database, 251, 4, 1]))
    for (let i = 1 + chance.integer(4); i > 0; i--) {
      items.push(...attributes(chance))
      const { payload } = chance.pick(KEYS)
      items.push(keyOf(payload[0]!, `key ${number++}`, payload.subarray(1, -FOOTER_BYTES)))
    }
  }
  return fileOf(MAX_VERSION, ...items)
}

/** Returns some of the items that may precede a key: deadline, idle time, frequency, a slot. */
function attributes(chance: Seeded): Buffer[] {
  const ms = Buffer.alloc(9, 252)
  ms.writeBigInt64LE(BigInt(FAR_SECONDS) * 1000n, 1)
  const seconds = Buffer.alloc(5, 253)
  seconds.writeInt32LE(FAR_SECONDS, 1)
  const all = [ms, seconds, Buffer.from([248, 9]), Buffer.from([249, 200]), Buffer.from([244, 7, 3, 1])]
  return all.filter(() => chance.integer(5) === 0)
}
