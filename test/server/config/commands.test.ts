/** CONFIG GET, SET, RESETSTAT, REWRITE and HELP. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MapReply, OK, type SimpleString } from '../../../commands/contract/reply.ts'
import { configCommands } from '../../../commands/server/config.ts'
import { harness } from '../../support/harness/harness.ts'

function made() {
  const { server, run } = harness([configCommands])
  return { server, run: (...args: string[]) => run('config', ...args) }
}

test('CONFIG GET returns a map of names and values, empty if nothing matches', () => {
  const { run } = made()
  assert.equal(run('get', 'port', 'maxclients'), new MapReply(['port', '6379', 'maxclients', '10000']))
  assert.equal(run('get', 'nothing'), new MapReply([]))
  assert.throws(() => run('get'), /^ERR wrong number of arguments for 'config\|get' command$/)
})

test('CONFIG SET takes several complete pairs', () => {
  const { server, run } = made()
  assert.is(run('set', 'timeout', '5', 'maxclients', '6'), OK)
  assert.is(server.config.number('maxclients'), 6)
  assert.throws(() => run('set', 'timeout'), /^ERR wrong number of arguments for 'config\|set' command$/)
  assert.throws(() => run('set', 'timeout', '5', 'maxclients'), /^ERR wrong number of arguments for 'config\|set' command$/)
})

test('CONFIG RESETSTAT resets the statistics, and REWRITE needs a file', () => {
  const { server, run } = made()
  assert.is(run('resetstat'), OK)
  assert.is(server.statistics.resets, 1)
  assert.throws(() => run('rewrite'), /^ERR The server is running without a config file$/)
})

test('CONFIG HELP is laid out as in Redis', () => {
  const { run } = made()
  const lines = (run('help') as SimpleString[]).map(({ text }) => text)
  assert.is(lines[0], 'CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:')
  assert.equal(lines.slice(-4), ['REWRITE', '    Rewrite the configuration file.', 'HELP', '    Prints this help.'])
  assert.throws(() => run('foo'), /^ERR unknown subcommand 'foo'\. Try CONFIG HELP\.$/)
})

test.run()
