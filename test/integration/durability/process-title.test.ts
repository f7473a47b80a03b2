/** The title of the process, which `ps` shows. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { expandTitle } from '../../../server/process/title-template.ts'
import { RunningServer } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

const VALUES = {
  title: 'haypile',
  'listen-addr': '*:6379',
  'server-mode': '',
  port: '6379',
  'tls-port': '0',
  unixsocket: '/s',
  'config-file': '/c',
}
const REFUSED =
  "ERR CONFIG SET failed (possibly related to argument 'proc-title-template') - template format is invalid or contains unknown variables"

test("a template's variables are filled in, and unknown ones are refused", () => {
  assert.is(expandTitle('{title} {listen-addr} {server-mode}', VALUES), 'haypile *:6379')
  assert.is(expandTitle(' {port}-{tls-port}-{unixsocket}-{config-file} } ', VALUES), '6379-0-/s-/c }')
  for (const template of ['{foo}', '{}', 'x {port', '{title} {nosuch}']) assert.is(expandTitle(template, VALUES), null, template)
})

test("the title follows proc-title-template, with Redis's refusals", async () => {
  const server = await RunningServer.start({ flags: { bind: '127.0.0.1' } })
  const shown = () => readFileSync(`/proc/${server.pid}/cmdline`, 'latin1').replaceAll('\0', ' ').trim()
  assert.is(shown(), `haypile 127.0.0.1:${server.port}`)
  for (const template of ['{foo}', '', '{title}', 'x {port']) {
    assert.equal(await server.call('CONFIG', 'SET', 'proc-title-template', template), new WireError(REFUSED))
  }
  assert.is(shown(), `haypile 127.0.0.1:${server.port}`)
  assert.is(await server.call('CONFIG', 'SET', 'proc-title-template', 'node a {title} {port}'), 'OK')
  assert.is(shown(), `node a haypile ${server.port}`)
  await server.stop()
})

test('set-proc-title no leaves the title unchanged', async () => {
  const server = await RunningServer.start({ flags: { 'set-proc-title': 'no' } })
  assert.match(readFileSync(`/proc/${server.pid}/cmdline`, 'latin1'), /main\.js/)
  await server.stop()
})

test.run()
