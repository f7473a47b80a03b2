/** Where sockets may have threads of their own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import { canSharePorts, limitIoThreads } from '../../../server/process/io-threads.ts'

test('threads share ports on Linux, from Node 22.12 and 23.1 on', () => {
  const able = ['22.12.0', '22.23.3', '23.1.0', '24.0.0', '26.1.0']
  const unable = ['20.20.2', '22.11.0', '23.0.0', '21.7.0', '18.20.0']
  for (const version of able) assert.ok(canSharePorts(version, 'linux'), version)
  for (const version of unable) assert.not(canSharePorts(version, 'linux'), version)
  assert.not(canSharePorts('24.0.0', 'darwin'))
  assert.not(canSharePorts('24.0.0', 'win32'))
})

test('io-threads is lowered to 1 with a warning where threads cannot share ports', () => {
  const config = new Config()
  config.load([['io-threads', '4']])
  const lines: string[] = []
  limitIoThreads(config, { debug: () => {}, info: () => {}, error: () => {}, warn: (_, text) => void lines.push(text) })
  const canShare = canSharePorts(process.versions.node, process.platform)
  assert.is(config.number('io-threads'), canShare ? 4 : 1)
  assert.equal(lines, canShare ? [] : ['io-threads is lowered to 1: more need Linux and Node 22.12 or later'])
})

test.run()
