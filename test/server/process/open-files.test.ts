/** maxclients and LevelDB's files under a limit on open files, without a server. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import { limitMaxClients } from '../../../server/process/max-clients.ts'
import { FileBudget, RESERVED_FILES } from '../../../server/process/open-files.ts'

function limited(limit: number, openCount = 20) {
  const system = { files: limit, limit: () => system.files, openCount: () => openCount }
  const config = new Config()
  const lines: string[] = []
  const log = { debug: () => {}, info: () => {}, error: () => {}, warn: (_: object, text: string) => void lines.push(text) }
  const budget = new FileBudget(system)
  return { system, config, budget, lines, limit: () => limitMaxClients(config, budget, log) }
}

test('maxclients is kept silently if the limit on open files has room', () => {
  const { config, lines, limit } = limited(10_000 + RESERVED_FILES)
  limit()
  assert.is(config.number('maxclients'), 10_000)
  assert.equal(lines, [])
})

test('maxclients is lowered to fit the limit on open files, and the log says what would be needed', () => {
  const { config, lines, limit } = limited(1024)
  limit()
  assert.is(config.number('maxclients'), 1024 - RESERVED_FILES)
  assert.equal(config.match(['maxclients']), [['maxclients', '928']])
  assert.equal(lines, ['maxclients is lowered to 928: the limit on open files is 1024; 10000 clients need 10096 (ulimit -n)'])
})

test('files that the host program has open are left to it', () => {
  const { config, limit } = limited(1024, 500)
  limit()
  assert.ok(config.number('maxclients') < 1024 - 500, String(config.number('maxclients')))
})

test('a limit without room for one client refuses the start and says how much is needed', () => {
  assert.throws(limited(RESERVED_FILES).limit, /^the limit on open files is 96 and leaves no room for clients: raise it to 97 or more/)
  const { config, limit } = limited(RESERVED_FILES + 1)
  limit()
  assert.is(config.number('maxclients'), 1)
})

test('CONFIG SET maxclients past the current limit is refused as in Redis, and the old value stays', () => {
  const { system, config, limit } = limited(1024)
  limit()
  assert.throws(
    () => config.set([['maxclients', '929']]),
    /^ERR CONFIG SET failed \(possibly related to argument 'maxclients'\) - The operating system is not able to handle the specified number of clients, try with 928$/,
  )
  assert.is(config.number('maxclients'), 928)
  config.set([['maxclients', '100']])
  config.set([['maxclients', '928']])
  system.files = 2048
  config.set([['maxclients', '1900']])
  assert.is(config.number('maxclients'), 1900)
})

test('with few descriptors LevelDB caches few enough tables for two data sets', () => {
  assert.is(limited(Number.POSITIVE_INFINITY).budget.levelFilesBeside(10_000), 1000)
  assert.is(limited(10_000 + RESERVED_FILES + 1000).budget.levelFilesBeside(10_000), 1000)
  const scarce = limited(1024).budget.levelFilesBeside(928)
  assert.ok(2 * (scarce - 10) <= 1000, String(scarce))
})

test.run()
