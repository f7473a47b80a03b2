/** The space of dropped objects comes back on a real LevelDB. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Log } from '../../../base/log.ts'
import { Sweeper } from '../../../storage/checkpoint/sweeper.ts'
import { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import { LevelRecords } from '../../../storage/records/level-records.ts'
import { GARBAGE_OBJECT, garbageKey, pageKey, pageValue } from '../../../storage/records/records.ts'

const quiet = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Log

const tableBytes = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.ldb'))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)

for (const [name, objects, pages] of [
  ['a large object', 1, 5000],
  ['many small ones', 100, 50],
] as const) {
  test(`dropping ${name} frees their disk space`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'haypile-sweeper-'))
    const records = await LevelRecords.open(directory, { writeBufferBytes: 4 * 2 ** 20, blockCacheBytes: 2 ** 20 }, 'create')
    try {
      const batch = records.batch()
      for (let id = 1; id <= objects + 1; id++) {
        // The last one stays.
        for (let page = 1; page <= pages; page++) batch.put(pageKey(id, page), pageValue(randomBytes(4000)))
        if (id <= objects) batch.put(garbageKey(GARBAGE_OBJECT, id), Buffer.alloc(0))
      }
      await batch.write()
      await records.compact({ from: pageKey(0, 0), before: Buffer.from([0xff]) })
      const before = tableBytes(directory)
      const sweeper = new Sweeper(new Keyspace(records, 1, { deleted() {}, fieldsDeleted() {} }), quiet)
      await sweeper.start()
      await sweeper.idle()
      assert.is(sweeper.swept, objects)
      const live = before / (objects + 1)
      // Up to 8 MiB of small objects may still wait for more.
      const most = live * 1.2 + (objects > 1 ? 8 * 2 ** 20 : 0)
      assert.ok(tableBytes(directory) <= most, `of ${before} bytes ${tableBytes(directory)} are left`)
      assert.ok(most < before * 0.7)
      assert.ok(records.getSync(pageKey(objects + 1, pages)) !== undefined)
    } finally {
      await records.close()
      rmSync(directory, { recursive: true })
    }
  })
}

test.run()
