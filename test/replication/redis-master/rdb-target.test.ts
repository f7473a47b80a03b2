/** The RDB of a Redis master as it arrives: its end, and everything that ends otherwise. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TransferEnd } from '../../../replication/redis-master/conversation.ts'
import { RdbTarget } from '../../../replication/redis-master/rdb-target.ts'
import { DIRECTORY, Disk, Engine, nextTurn, until } from '../../support/harness/engine.ts'
import { ManualClock } from '../../support/harness/manual-clock.ts'
import { MARK, REDIS_ID, rdbOf, streamOf } from '../../support/replication/redis-peer.ts'

const RDB = rdbOf({ n: '1', text: 'x'.repeat(100) })
const STREAM = streamOf(['INCR', 'n'], ['SET', 'other', 'y'])
const CHECKSUM_BYTES = 8

/** An RDB target on a simulated disk, whose node has a key of its own. */
class Bench {
  readonly reports: string[] = []
  readonly target: RdbTarget
  readonly engine: Engine
  rest: Buffer | null = null

  private constructor(engine: Engine) {
    this.engine = engine
    const quiet = () => {}
    this.target = new RdbTarget({
      storage: engine.storage,
      clock: new ManualClock(),
      random: () => 0.5,
      log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
      databases: engine.storage.settings.databases,
      limits: { number: () => 128 },
      libraryName: (code) => code,
      onLoaded: (rest) => {
        this.rest = rest
        this.reports.push('loaded')
      },
      onInstalled: () => this.reports.push('installed'),
      onFailed: (reason) => this.reports.push(reason),
      onRoom: () => {},
    })
  }

  static async open(): Promise<Bench> {
    const engine = await Engine.open(new Disk())
    engine.write('SET', 'old', 'data')
    engine.storage.becomeReplica({ host: 'master', port: 1, failover: false })
    return new Bench(engine)
  }

  /** Receives bytes in pieces, with a turn after each. Returns the first report. */
  async receive(end: TransferEnd, bytes: Buffer, pieceBytes = Number.POSITIVE_INFINITY): Promise<string> {
    this.reports.length = 0
    this.target.receive(REDIS_ID, 100, end)
    const size = Math.min(pieceBytes, Math.max(1, bytes.length))
    for (let at = 0; at < bytes.length; at += size) {
      this.target.push(Buffer.from(bytes.subarray(at, at + size)))
      await nextTurn()
    }
    await until(() => this.reports.length > 0, 'a report')
    return this.reports.join()
  }

  async install(): Promise<void> {
    this.target.install()
    await until(() => this.reports.includes('installed'), 'the install')
  }

  /** Asserts that a failed transfer left the node as it was. */
  async assertUntouched(): Promise<void> {
    assert.is(this.engine.run('GET', 'old'), 'data')
    assert.is(this.engine.run('DBSIZE'), 1)
    assert.is(this.target.progress, null)
    assert.is(this.target.isFull, false)
    const generations = () => this.engine.disk.files.listSync(DIRECTORY).filter((name) => name.startsWith('generation-'))
    await until(() => generations().length === 1, 'the removal of the data set')
  }
}

const withLength = (rdb: Buffer): TransferEnd => ({ length: rdb.length })
const withMark = (rdb: Buffer): Buffer => Buffer.concat([rdb, Buffer.from(MARK)])

/** The RDB, whose long string claims more bytes than the file has. */
function lyingRdb(): Buffer {
  const lying = Buffer.from(RDB)
  const at = lying.indexOf('x'.repeat(100)) - 2
  assert.equal([...lying.subarray(at, at + 2)], [0x40, 100], 'a length of two bytes')
  lying[at] = 0x7f
  return lying
}

test('an RDB is installed with its position, and what follows it belongs to the stream', async () => {
  for (const pieceBytes of [1, 7, 40, Number.POSITIVE_INFINITY]) {
    for (const after of [Buffer.alloc(0), STREAM]) {
      for (const [end, bytes] of [
        [withLength(RDB), RDB],
        [{ mark: MARK }, withMark(RDB)],
      ] as const) {
        const bench = await Bench.open()
        assert.is(await bench.receive(end, Buffer.concat([bytes, after]), pieceBytes), 'loaded')
        await bench.install()
        const rest = Buffer.concat([bench.rest ?? Buffer.alloc(0)])
        // Pieces that arrive after the report reach the link itself.
        assert.equal(rest, after.subarray(0, rest.length))
        assert.is(bench.engine.run('GET', 'n'), '1')
        assert.is(bench.engine.run('GET', 'old'), null)
        assert.equal(bench.engine.storage.followed.position, { replicationId: REDIS_ID, offset: 100, database: 0 })
      }
    }
  }
})

test('an announced length ends an RDB that claims more, with and without a stream behind it', async () => {
  for (const after of [Buffer.alloc(0), STREAM, Buffer.alloc(100_000, 'y')]) {
    for (const pieceBytes of [1000, Number.POSITIVE_INFINITY]) {
      const bench = await Bench.open()
      const lying = lyingRdb()
      const reason = await bench.receive(withLength(lying), Buffer.concat([lying, after]), pieceBytes)
      const at = lying.indexOf('x'.repeat(100))
      assert.match(
        reason,
        `RDB damaged at byte ${at}: the data ends within an element: it claims 16228 bytes, and ${lying.length - at} follow`,
      )
      await bench.assertUntouched()
    }
  }
})

test('an announced length refuses an RDB that claims more before the rest has come', async () => {
  const bench = await Bench.open()
  const lying = lyingRdb()
  const begun = lying.subarray(0, lying.indexOf('x'.repeat(100)) + 1)
  assert.match(await bench.receive(withLength(lying), begun), 'the data ends within an element')
  await bench.assertUntouched()
})

test('a mark ends an RDB that claims more', async () => {
  for (const pieceBytes of [1, 39, Number.POSITIVE_INFINITY]) {
    const bench = await Bench.open()
    assert.match(await bench.receive({ mark: MARK }, withMark(lyingRdb()), pieceBytes), 'the data ends within an element')
    await bench.assertUntouched()
  }
})

test('an RDB that is cut anywhere and followed by the stream fails, and the next one is installed', async () => {
  const bench = await Bench.open()
  for (let length = 0; length < RDB.length; length++) {
    const cut = RDB.subarray(0, length)
    assert.match(await bench.receive({ length }, Buffer.concat([cut, STREAM])), 'the data ends within an element', `length ${length}`)
    assert.match(
      await bench.receive({ mark: MARK }, withMark(cut)),
      /^the RDB of the master cannot be loaded: RDB (damaged|refused)/,
      `cut at ${length}`,
    )
  }
  await bench.assertUntouched()
  assert.is(await bench.receive(withLength(RDB), RDB), 'loaded')
  await bench.install()
  assert.is(bench.engine.run('GET', 'n'), '1')
})

test('an RDB of no bytes fails at once', async () => {
  const bench = await Bench.open()
  assert.match(await bench.receive({ length: 0 }, Buffer.alloc(0)), 'RDB damaged at byte 0')
  assert.match(await bench.receive({ mark: MARK }, Buffer.from(MARK)), 'RDB damaged at byte 0')
  await bench.assertUntouched()
})

test('an RDB that ends before the announced length fails, whether the rest has come or not', async () => {
  const bench = await Bench.open()
  for (const more of [1, 40, 5000]) {
    for (const after of [Buffer.alloc(0), STREAM, Buffer.alloc(10_000)]) {
      const reason = await bench.receive({ length: RDB.length + more }, Buffer.concat([RDB, after]))
      assert.match(reason, `it ends after ${RDB.length} bytes of ${RDB.length + more}`)
    }
  }
  await bench.assertUntouched()
})

test('a wrong checksum and a wrong mark fail', async () => {
  const bench = await Bench.open()
  const changed = Buffer.from(RDB)
  changed.writeUInt8(changed.readUInt8(RDB.length - CHECKSUM_BYTES) ^ 1, RDB.length - CHECKSUM_BYTES)
  assert.match(await bench.receive(withLength(changed), changed), 'the checksum does not match')
  assert.match(await bench.receive({ mark: MARK }, withMark(changed)), 'the checksum does not match')
  for (const mark of [`${MARK.slice(1)}x`, `x${MARK.slice(1)}`])
    for (const pieceBytes of [1, 39, Number.POSITIVE_INFINITY])
      assert.match(
        await bench.receive({ mark: MARK }, Buffer.concat([RDB, Buffer.from(mark)]), pieceBytes),
        'it does not end with its mark',
      )
  await bench.assertUntouched()
})

test('the reasons say when this node tries again', async () => {
  const bench = await Bench.open()
  assert.match(await bench.receive({ length: 3 }, Buffer.from('abc')), /; the next tries are up to five minutes apart/)
})

test.run()
