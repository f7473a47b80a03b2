/**
 * Lua's own libraries beside native Lua 5.1 and redis-server's EVAL. Random pieces of Lua give the
 * same values and messages here. Many have numbers at the edges of C's integers: native Lua has 64
 * bits, ours has 32.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { nativeSnippet } from '../../support/cases/native-snippets.ts'
import { seeded } from '../../support/generators/seed.ts'
import { LibraryMachine, shownScript } from '../../support/harness/library-machine.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import type { WireClient } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const ROUNDS = 10_000
const BATCH = 100
/** Other processors convert doubles that do not fit to other integers. */
const IS_X64 = process.arch === 'x64'

/** The program of native Lua: it reads scripts from standard input, each behind its length. */
const DRIVER = [
  'cjson = {null = {}}',
  'for line in io.lines() do',
  '  local script = line:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)',
  '  local ok, result = pcall(assert(loadstring(script, "@user_script")))',
  '  io.write((tostring(result):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end)), "\\n")',
  'end',
].join('\n')

const hexadecimal = (text: string): string => Buffer.from(text, 'latin1').toString('hex')

function snippets(what: string): string[] {
  const chance = seeded(what)
  return Array.from({ length: ROUNDS }, () => nativeSnippet(chance))
}

if (!IS_X64) console.log('SKIPPED native Lua: its casts of doubles to integers are compared on x64 only')
else {
  if (haveTools('native Lua', 'lua5.1')) {
    test(`${ROUNDS} random Lua snippets have the results of native Lua`, async () => {
      const pieces = snippets('native Lua')
      const { status, out, error } = await run('lua5.1', ['-e', DRIVER], {
        input: pieces.map((lua) => `${hexadecimal(shownScript(lua))}\n`).join(''),
      })
      assert.is(status, 0, error)
      const machine = new LibraryMachine()
      const lines = out.split('\n')
      for (const [index, lua] of pieces.entries()) {
        assert.is(machine.show(lua), Buffer.from(lines[index] as string, 'hex').toString('latin1'), lua)
      }
    })
  }
  if (haveTools('numbers of scripts', 'redis-server')) {
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

    test(`${ROUNDS} random Lua snippets have the results of redis-server`, async () => {
      const pieces = snippets('numbers of scripts')
      const machine = new LibraryMachine()
      for (let from = 0; from < ROUNDS; from += BATCH) {
        const batch = pieces.slice(from, from + BATCH)
        const replies = await redis.pipeline(batch.map((lua) => ['EVAL', shownScript(lua), '0']))
        for (const [index, lua] of batch.entries()) assert.is(machine.show(lua), replies[index], lua)
      }
    })
  }
}

test.run()
