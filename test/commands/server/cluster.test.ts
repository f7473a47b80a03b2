/**
 * CLUSTER and its relatives check their arguments and answer with one text that cluster support is
 * disabled.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clusterCommands } from '../../../commands/server/cluster.ts'
import { harness } from '../../support/harness/harness.ts'

test('every CLUSTER command is refused, whatever its number of arguments', () => {
  const { error: text } = harness([clusterCommands])
  const subcommands = clusterCommands[0]?.subcommands ?? []
  assert.ok(subcommands.length > 20)
  for (const { name, arity } of subcommands) {
    const words = ['CLUSTER', name.split('|')[1] as string, ...Array.from({ length: Math.abs(arity) - 2 }, () => '1')]
    assert.is(text(...words), 'ERR This instance has cluster support disabled', name)
    if (arity > 0) assert.is(text(...words, 'more'), `ERR wrong number of arguments for '${name}' command`)
  }
  for (const word of ['READONLY', 'READWRITE', 'ASKING']) assert.is(text(word), 'ERR This instance has cluster support disabled')
  assert.is(text('CLUSTER', 'FOO'), "ERR unknown subcommand 'FOO'. Try CLUSTER HELP.")
})

test.run()
