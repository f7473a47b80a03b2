/**
 * cjson, cmsgpack, struct and bit of scripts: the same pieces of Lua give the same values and
 * messages in redis-server.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LIBRARY_CASES } from '../../support/cases/library-cases.ts'
import { randomSnippet } from '../../support/cases/library-snippets.ts'
import { seeded } from '../../support/generators/seed.ts'
import { LibraryMachine, shownScript } from '../../support/harness/library-machine.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const ROUNDS = 5000
const BATCH = 50

if (haveTools('libraries of scripts', 'redis-server')) {
  let server: RedisServer
  let redis: WireClient
  test.before(async () => {
    server = await RedisServer.start()
    redis = await server.connect()
  })
  test.after(async () => {
    await redis.close()
    await server.stop()
  })

  for (const [library, cases] of Object.entries(LIBRARY_CASES)) {
    test(`redis-server's ${library} has the expected results`, async () => {
      for (const { lua, expected } of cases) assert.is(await redis.call('EVAL', shownScript(lua), '0'), expected, lua)
    })
  }

  test(`${ROUNDS} random Lua snippets have redis-server's results`, async () => {
    const chance = seeded('libraries of scripts')
    const machine = new LibraryMachine()
    // The cases have left these otherwise.
    const settings = 'cjson.encode_max_depth(1000) cjson.decode_max_depth(1000) cjson.encode_keep_buffer(true) return 1'
    await redis.call('EVAL', settings, '0')
    for (let round = 0; round < ROUNDS; round += BATCH) {
      const pieces = Array.from({ length: BATCH }, () => randomSnippet(chance))
      const replies = await redis.pipeline(pieces.map((lua) => ['EVAL', shownScript(lua), '0']))
      for (const [index, lua] of pieces.entries()) assert.is(machine.show(lua), replies[index], lua)
    }
  })
}

test.run()
