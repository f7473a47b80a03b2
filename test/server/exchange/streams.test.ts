/** Imports from standard input and exports to standard output, by the program. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run } from '../../interop/tools.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { checkClean, exportFile } from '../../support/servers/imports.ts'
import { ROOT } from '../../support/tidy/sources.ts'

const MAIN = join(ROOT, 'dist', 'program', 'main.js')

const scratch = mkdtempSync(join(tmpdir(), 'haypile-streams-'))
const data = join(scratch, 'data')
test.after(() => rmSync(scratch, { recursive: true }))

const haypile = (words: readonly string[], input: string | Buffer = '') => run(process.execPath, [MAIN, ...words], { input })

async function contentOf(directory: string): Promise<unknown> {
  let found: unknown
  await withNode({ dir: directory }, async ({ node, client }) => {
    found = await client.pipeline([
      ['LRANGE', 'list', 0, -1],
      ['GET', 'user:1'],
    ])
    await node.close()
  })
  await checkClean(directory)
  return found
}

test('commands of standard input fill a directory, also as a user types them', async () => {
  const { status, out, error } = await haypile(['import', '-', '--dir', data], 'RPUSH list a b\nSET user:1 "two words"\n')
  assert.is(status, 0, error)
  assert.match(out, /^imported standard input into .*: 2 keys, \d+ bytes/)
  assert.equal(await contentOf(data), [['a', 'b'], 'two words'])
})

test('each format goes from standard output to standard input', async () => {
  const expected = await contentOf(data)
  for (const format of ['rdb', 'aof', 'resp', 'jsonl']) {
    const path = join(scratch, 'file')
    const whole = await exportFile(path, data, { format: format as 'rdb' })
    assert.is(whole.status, 0, whole.error)
    const exported = await haypile(['export', '-', '--format', format, '--dir', data])
    assert.is(exported.status, 0, exported.error)
    assert.match(exported.error, /^exported .* into standard output: 2 keys, /)
    assert.is(exported.out, readFileSync(path).toString())
    const directory = join(scratch, `from ${format}`)
    const imported = await haypile(['import', '-', '--dir', directory], readFileSync(path))
    assert.is(imported.status, 0, imported.error)
    assert.match(imported.out, /^imported standard input into .*: 2 keys, /)
    assert.equal(await contentOf(directory), expected, format)
  }
})

test('standard input that is empty or compressed, and output without a format, are refused', async () => {
  const directory = join(scratch, 'none')
  for (const [words, input, expected] of [
    [['import', '-', '--dir', directory], '', /^haypile: standard input is empty; nothing was imported\n$/],
    [['import', '-', '--dir', directory], Buffer.from([0x1f, 0x8b, 8, 0]), /^haypile: standard input is compressed: gunzip it first/],
    [['export', '-', '--dir', data], '', /^haypile: standard output names no format: use --format with rdb, aof, /],
    [['export', '-', '--format', 'appendonlydir', '--dir', data], '', /^haypile: appendonlydir is a directory/],
  ] as const) {
    const { status, out, error } = await haypile(words, input)
    assert.is(status, 2, error)
    assert.match(error, expected)
    assert.is(out, '')
  }
  assert.not.ok(existsSync(directory))
})

test.run()
