/** Changed RDB files: they are loaded or refused, and what was loaded is sound. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { seeded } from '../../support/generators/seed.ts'
import { walkFiles } from '../../support/rdb/file-walk.ts'
import { randomFile } from '../../support/rdb/random-files.ts'

const { HAYPILE_ROUNDS = '1500' } = process.env
const ROUNDS = Number(HAYPILE_ROUNDS)

test('a changed file is loaded or refused, and commands find no fault with the values', async () => {
  const chance = seeded('changed files')
  const files = Array.from({ length: 40 }, () => randomFile(chance))
  const loaded = await walkFiles(chance, files, ROUNDS)
  assert.ok(loaded > ROUNDS / 20, `${loaded} of ${ROUNDS} loaded`)
})

test.run()
