/** Frames through a ring in shared memory, by one thread that plays both ends. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MAX_PAYLOAD_BYTES, MIN_RING_BYTES, NO_ROOM, newRing, RingReader, RingWriter } from '../../../server/threads/ring.ts'
import { seeded } from '../../support/generators/seed.ts'

interface Frame {
  readonly kind: number
  readonly slot: number
  readonly payload: string
}

class Ring {
  readonly writer: RingWriter
  readonly reader: RingReader

  constructor(bytes = MIN_RING_BYTES) {
    const memory = newRing(bytes)
    this.writer = new RingWriter(memory)
    this.reader = new RingReader(memory)
  }

  write({ kind, slot, payload }: Frame): boolean {
    const at = this.writer.beginFrame(kind, slot, payload.length)
    if (at === NO_ROOM) return false
    this.writer.bytes.latin1Write(payload, at)
    this.writer.publish()
    return true
  }

  /** Returns the next frame that `refresh` saw. */
  read(): Frame | null {
    const { reader } = this
    if (!reader.next()) return null
    const frame = { kind: reader.kind, slot: reader.slot, payload: reader.bytes.latin1Slice(reader.start, reader.end) }
    reader.endFrame()
    return frame
  }

  readAll(): Frame[] {
    this.reader.refresh()
    const frames: Frame[] = []
    for (let frame = this.read(); frame !== null; frame = this.read()) frames.push(frame)
    this.reader.publish()
    return frames
  }
}

const frameOf = (slot: number, length: number, kind = slot % 15): Frame => ({
  kind,
  slot,
  payload: `${slot}`.padEnd(length, 'x').slice(0, length),
})

test('frames arrive in order with kind, slot and payload', () => {
  const ring = new Ring()
  const frames = [frameOf(0, 0), frameOf(2 ** 20, 1), frameOf(7, 8), frameOf(8, MAX_PAYLOAD_BYTES), frameOf(14, 9)]
  for (const frame of frames) assert.ok(ring.write(frame))
  assert.equal(ring.readAll(), frames)
  assert.equal(ring.readAll(), [])
})

test('a frame is seen only once it is published', () => {
  const ring = new Ring()
  ring.writer.beginFrame(1, 2, 3)
  assert.equal(ring.readAll(), [])
  ring.writer.publish()
  assert.is(ring.readAll().length, 1)
})

test('a full ring refuses frames, and takes them again once frames are read', () => {
  const ring = new Ring()
  let count = 0
  while (ring.write(frameOf(count, 1000))) count++
  assert.is(count, Math.floor(MIN_RING_BYTES / 1008))
  assert.is(ring.write(frameOf(count, 1000)), false)
  assert.is(ring.write(frameOf(count, 0)), true, 'a small frame fits into the rest')
  assert.is(ring.readAll().length, count + 1)
  assert.ok(ring.write(frameOf(count, MAX_PAYLOAD_BYTES)))
})

test('memory of frames is given back only when the reader publishes', () => {
  const ring = new Ring()
  while (ring.write(frameOf(1, MAX_PAYLOAD_BYTES)));
  ring.reader.refresh()
  while (ring.read() !== null);
  assert.is(ring.write(frameOf(1, MAX_PAYLOAD_BYTES)), false)
  ring.reader.publish()
  assert.is(ring.write(frameOf(1, MAX_PAYLOAD_BYTES)), true)
})

test('the largest frame fits at any place of an empty ring', () => {
  const ring = new Ring()
  for (let step = 0; step < 3000; step++) {
    assert.ok(ring.write(frameOf(step, 200)))
    assert.ok(ring.write(frameOf(step, MAX_PAYLOAD_BYTES)), `step ${step}`)
    assert.is(ring.readAll().length, 2)
  }
})

test('frames of random sizes pass a ring of any fill unchanged', () => {
  const random = seeded('ring')
  const ring = new Ring()
  const expected: Frame[] = []
  let slot = 0
  for (let round = 0; round < 3000; round++) {
    for (let left = random.integer(20); left > 0; left--) {
      const isLarge = random.integer(10) === 0
      const frame = frameOf(slot++ % 2 ** 20, random.integer(isLarge ? MAX_PAYLOAD_BYTES + 1 : 300))
      if (!ring.write(frame)) break
      expected.push(frame)
    }
    ring.reader.refresh()
    for (let left = random.integer(25); left > 0; left--) {
      const frame = ring.read()
      if (frame === null) break
      assert.equal(frame, expected.shift())
    }
    ring.reader.publish()
  }
  assert.equal(ring.readAll(), expected)
})

test('the counts of bytes may pass 2^32', () => {
  const ring = new Ring()
  const frame = { kind: 3, slot: 5, payload: 'y'.repeat(MAX_PAYLOAD_BYTES) }
  for (let written = 0; written < 2 ** 32 + MIN_RING_BYTES; written += MAX_PAYLOAD_BYTES + 8) {
    const at = ring.writer.beginFrame(frame.kind, frame.slot, MAX_PAYLOAD_BYTES)
    assert.ok(at >= 0)
    ring.writer.publish()
    assert.ok(ring.reader.refresh() > 0)
    assert.ok(ring.reader.next())
    ring.reader.endFrame()
    ring.reader.publish()
  }
  ring.write(frame)
  assert.equal(ring.readAll(), [frame])
})

test('a reader that announces sleep is woken by the next frame, and by one written before it sleeps', async () => {
  const ring = new Ring()
  const sleeping = ring.reader.sleep(ring.reader.announceSleep())
  ring.write(frameOf(1, 10))
  ring.writer.wake()
  await sleeping
  assert.is(ring.readAll().length, 1)
  const token = ring.reader.announceSleep()
  ring.write(frameOf(2, 10))
  ring.writer.wake()
  await ring.reader.sleep(token)
  assert.is(ring.readAll().length, 1)
})

test('a writer that awaits room is reported to the reader once', () => {
  const ring = new Ring()
  while (ring.write(frameOf(1, MAX_PAYLOAD_BYTES)));
  assert.is(ring.writer.awaitRoom(), false)
  ring.reader.refresh()
  while (ring.read() !== null);
  assert.is(ring.reader.publish(), true)
  assert.is(ring.reader.publish(), false)
  assert.is(ring.writer.awaitRoom(), true)
})

test.run()
