/** MODULE, for programs that list modules. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { moduleCommands } from '../../../commands/server/modules.ts'
import { harness as commandHarness, plain } from '../../support/harness/harness.ts'

function harness(setting: 'no' | 'yes' | 'local') {
  const made = commandHarness([moduleCommands], { session: { address: '10.0.0.1:5' } })
  made.server.config.load([['enable-module-command', setting]])
  return made
}

const NOT_ALLOWED =
  'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.'

test('MODULE LIST is empty, and HELP lists the subcommands', () => {
  const { run } = harness('no')
  assert.equal(run('MODULE', 'LIST'), [])
  const lines = plain(run('MODULE', 'HELP')) as string[]
  assert.match(lines[0] ?? '', /MODULE <subcommand>/)
  assert.ok(lines.some((line) => /LOADEX <path>/.test(line)))
})

test('loading a module is refused for any enable-module-command', () => {
  for (const setting of ['no', 'local'] as const) {
    const { error } = harness(setting)
    for (const words of [
      ['LOAD', '/x.so'],
      ['LOADEX', '/x.so'],
      ['UNLOAD', 'x'],
    ])
      assert.is(error('MODULE', ...words), NOT_ALLOWED)
  }
  const { error } = harness('yes')
  assert.is(error('MODULE', 'LOAD', '/x.so', 'a'), 'ERR Error loading the extension. Please check the server logs.')
  assert.is(error('MODULE', 'LOADEX', '/x.so'), 'ERR Error loading the extension. Please check the server logs.')
  assert.is(error('MODULE', 'UNLOAD', 'x'), 'ERR Error unloading module: no such module with that name')
})

test.run()
