/** The hash of keys against published vectors and a plain twin. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { halfSipHash13, hashOf } from '../../../storage/keyspace/key-hash.ts'
import { seeded } from '../../support/generators/seed.ts'

/** HalfSipHash-c-d (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012) on bigints. */
function halfSipHash(bytes: string, low: number, high: number, c: number, d: number): number {
  const mask = 0xffff_ffffn
  const rotated = (x: bigint, by: bigint) => ((x << by) | (x >> (32n - by))) & mask
  const k0 = BigInt(low >>> 0)
  const k1 = BigInt(high >>> 0)
  let [v0, v1, v2, v3] = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1]
  const round = () => {
    v0 = (v0 + v1) & mask
    v1 = rotated(v1, 5n) ^ v0
    v0 = rotated(v0, 16n)
    v2 = (v2 + v3) & mask
    v3 = rotated(v3, 8n) ^ v2
    v0 = (v0 + v3) & mask
    v3 = rotated(v3, 7n) ^ v0
    v2 = (v2 + v1) & mask
    v1 = rotated(v1, 13n) ^ v2
    v2 = rotated(v2, 16n)
  }
  const padded = [...bytes].map((char) => BigInt(char.charCodeAt(0)))
  while (padded.length % 4 !== 3) padded.push(0n)
  padded.push(BigInt(bytes.length & 0xff))
  for (let i = 0; i < padded.length; i += 4) {
    const word = padded.slice(i, i + 4).reduce((sum, byte, at) => sum | (byte << BigInt(8 * at)), 0n)
    v3 ^= word
    for (let r = 0; r < c; r++) round()
    v0 ^= word
  }
  v2 ^= 0xffn
  for (let r = 0; r < d; r++) round()
  return Number(v1 ^ v3) | 0
}

test('the plain twin computes the published vectors of HalfSipHash-2-4', () => {
  const ascending = (length: number) => String.fromCharCode(...Array.from({ length }, (_, i) => i))
  const bytesOf = (hash: number) => [...new Uint8Array(new Int32Array([hash]).buffer)]
  assert.equal(bytesOf(halfSipHash(ascending(0), 0x03020100, 0x07060504, 2, 4)), [0xa9, 0x35, 0x9f, 0x5b])
  assert.equal(bytesOf(halfSipHash(ascending(1), 0x03020100, 0x07060504, 2, 4)), [0x27, 0x47, 0x5a, 0xb8])
})

test('hashes equal those of the plain twin for bytes of any length under any secret', () => {
  const { integer } = seeded('key-hash')
  for (let round = 0; round < 3000; round++) {
    const bytes = String.fromCharCode(...Array.from({ length: integer(70) }, () => integer(256)))
    const low = integer(2 ** 32) | 0
    const high = integer(2 ** 32) | 0
    assert.is(halfSipHash13(bytes, low, high), halfSipHash(bytes, low, high, 1, 3), JSON.stringify([bytes, low, high]))
  }
})

test('keys that collide under one secret do not collide under another', () => {
  const { integer } = seeded('key-hash-secrets')
  const secrets = Array.from({ length: 40 }, () => [integer(2 ** 32) | 0, integer(2 ** 32) | 0] as const)
  const [low, high] = secrets[0] as readonly [number, number]
  const byHash = new Map<number, string>()
  const pairs: [string, string][] = []
  for (let i = 0; pairs.length < 200; i++) {
    const key = `key:${i}`
    const hash = halfSipHash13(key, low, high) & 0xffff
    const other = byHash.get(hash)
    if (other === undefined) byHash.set(hash, key)
    else pairs.push([key, other])
  }
  let again = 0
  for (const [low, high] of secrets.slice(1)) {
    for (const [a, b] of pairs) if (((halfSipHash13(a, low, high) ^ halfSipHash13(b, low, high)) & 0xffff) === 0) again++
  }
  assert.ok(again <= 5, `${again} of ${pairs.length * 39} pairs collide again; one in 65,536 is to be expected`)
})

test('no hash is 0, which marks an empty slot', () => {
  for (let i = 0; i < 100_000; i++) assert.is.not(hashOf(String(i)), 0)
})

test.run()
