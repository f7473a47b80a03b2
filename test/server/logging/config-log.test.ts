/** The log as configured: format, level, file and syslog. */
import fs, { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import { createLogger } from '../../../server/logging/log.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-log-'))
let count = 0

function made(...pairs: [string, string][]) {
  const path = join(directory, `log-${count++}`)
  const config = new Config()
  config.load([['logfile', path], ...pairs])
  return { config, path, log: createLogger(config), written: () => readFileSync(path, 'utf8') }
}

test('a message is one JSON line that is written before the call returns', () => {
  const { log, written } = made()
  log.info({ port: 6379 }, 'ready')
  const { level, port, msg, pid, time } = JSON.parse(written())
  assert.equal({ level, port, msg, pid }, { level: 30, port: 6379, msg: 'ready', pid: process.pid })
  assert.type(time, 'number')
})

test('loglevel filters messages and can be changed', () => {
  const { config, log, written } = made(['loglevel', 'warning'])
  log.info({}, 'one')
  log.warn({}, 'two')
  config.set([['loglevel', 'debug']])
  log.debug({}, 'three')
  config.set([['loglevel', 'nothing']])
  log.error({}, 'four')
  assert.equal(
    written()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).msg),
    ['two', 'three'],
  )
})

test('errors keep their message and stack', () => {
  const { log, written } = made()
  log.error({ err: new Error('broken') }, 'it failed')
  const { err } = JSON.parse(written())
  assert.is(err.message, 'broken')
  assert.match(err.stack, /config-log\.test/)
})

test('the pretty format is readable text, without colours in a file', () => {
  const { log, written } = made(['logformat', 'pretty'])
  log.warn({ keys: 3 }, 'careful')
  assert.match(written(), /^\[\d\d:\d\d:\d\d\.\d+\] WARN: careful \{"keys":3\}\n$/)
})

test('reopening creates a new log file after a rotation', () => {
  const { log, path, written } = made()
  log.info({}, 'one')
  renameSync(path, `${path}.1`)
  log.reopen()
  log.info({}, 'two')
  assert.match(written(), /"two"/)
  assert.not.match(written(), /"one"/)
})

test.after(() => rmSync(directory, { recursive: true }))
test('unwritable lines are buffered up to a limit, and a warning counts the dropped ones', () => {
  const { log, path, written } = made()
  log.info({}, 'before')
  const write = fs.writeSync
  fs.writeSync = () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }
  try {
    for (let i = 0; i < 10; i++) log.info({ i, text: 'x'.repeat(50_000) }, 'meanwhile')
  } finally {
    fs.writeSync = write
  }
  log.info({}, 'after')
  return Promise.resolve().then(() => {
    const lines = written()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const kept = lines.filter(({ msg }) => msg === 'meanwhile')
    assert.equal(
      kept.map(({ i }) => i),
      kept.map((_, i) => i),
    )
    assert.ok(kept.length > 0 && kept.length < 10, `${kept.length}`)
    const warned = lines.filter(({ msg }) => msg === 'log lines were dropped: the log could not be written')
    assert.is(warned.reduce((sum, line) => sum + line.lines, 0) + kept.length + lines.filter(({ msg }) => msg === 'after').length, 11)
    assert.ok(path)
    assert.is(log.droppedLines, 11 - kept.length - lines.filter(({ msg }) => msg === 'after').length)
  })
})

test('a log file that cannot be reopened stays in use', () => {
  const { log, path, written } = made()
  log.info({}, 'one')
  const before = written()
  renameSync(path, `${path}.old`)
  mkdirSync(path)
  log.reopen()
  log.info({}, 'two')
  assert.ok(readFileSync(`${path}.old`, 'utf8').startsWith(before))
  assert.match(readFileSync(`${path}.old`, 'utf8'), /cannot reopen the log file, writing to the old one/)
  assert.match(readFileSync(`${path}.old`, 'utf8'), /"two"/)
})

test.run()
