/** Wrong words of imports and exports: the message names the remedy, and nothing is changed. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { exportFile, importFile } from '../../support/servers/imports.ts'
import { runProgram } from '../../support/servers/running-server.ts'

const scratch = mkdtempSync(join(tmpdir(), 'haypile-wrong-words-'))
test.after(() => rmSync(scratch, { recursive: true }))
const path = (name: string) => join(scratch, name)
writeFileSync(path('keys.jsonl'), '{"key":"a","type":"string","value":"1"}\n')

test('sources and targets that are none are refused, and nothing is made', async () => {
  mkdirSync(path('empty'))
  writeFileSync(path('file'), '')
  const data = path('data')
  for (const [source, directory, expected] of [
    [path('keys.jsonl'), path('file'), /file is a file, and --dir names a directory;/],
    ['localhost:6379', data, /^haypile: localhost:6379 cannot be read: .*, and a server is named as redis:\/\/localhost:6379;/],
    [path('empty'), data, /empty is a directory and has no manifest of an AOF;/],
    ['redis://:p%zz@host', data, /the user or password of a URL has a '%' that begins no byte: write it as %25;/],
  ] as const) {
    const { status, error } = await importFile(source, directory)
    assert.match(error, expected)
    assert.match(error, /; nothing was imported\n$/)
    assert.is(status, 2)
    assert.not(existsSync(data))
  }
})

test('export --from takes a server only, not a file', async () => {
  const { status, error } = await exportFile(path('out.rdb'), '', { source: { server: path('keys.jsonl') } })
  assert.match(error, /^haypile: a server is named as redis:.*; \S+out\.rdb was not written\n$/)
  assert.is(status, 2)
  assert.not(existsSync(path('out.rdb')))
})

test('unknown words name the help that lists the known ones', async () => {
  for (const [words, expected] of [
    [['import', '--dir', 'd'], "haypile: missing required argument 'source'; see haypile help import\n"],
    [['export', 'a', '--to', 'b'], "haypile: unknown option '--to'; see haypile help export\n"],
  ] as const) {
    assert.equal(await runProgram(words), { status: 2, output: expected })
  }
})

test.run()
