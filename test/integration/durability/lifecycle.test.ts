/** Starts and shutdowns as a person or a service manager sees them. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePort, RunningServer, runProgram } from '../../support/servers/running-server.ts'
import { WireError } from '../../support/servers/wire-client.ts'

test('SIGTERM and SIGINT end the server with status 0 and keep the data', async () => {
  const server = await RunningServer.start()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    await server.call('SET', signal, 'kept')
    await server.call('SET', `${signal} with deadline`, 'kept', 'EX', 1000)
    process.kill(server.pid, signal)
    await server.stopped(0)
    await server.checkClean()
    await server.launch()
    assert.is(await server.call('GET', signal), 'kept')
    assert.ok(((await server.call('TTL', `${signal} with deadline`)) as number) > 900)
  }
  const ready = server.logLines.filter((line) => line.msg === 'haypile ready').at(-1)
  assert.is(ready?.keys, 4)
  assert.is(ready?.port, server.port)
  assert.is(ready?.dir, server.directory)
  await server.stop()
})

test('SHUTDOWN with any options ends the server with status 0 and closes the connection without a reply', async () => {
  const server = await RunningServer.start()
  for (const options of [[], ['SAVE'], ['NOSAVE'], ['NOW'], ['FORCE'], ['NOSAVE', 'NOW', 'FORCE']]) {
    const client = await server.connect()
    const count = await client.call('INCR', 'shutdowns')
    const failed = await client.call('SHUTDOWN', ...options).catch((error: Error) => error.message)
    assert.is(failed, 'connection closed')
    await server.stopped(0)
    await server.checkClean()
    await server.launch()
    assert.is(Number(await server.call('GET', 'shutdowns')), count, `SHUTDOWN ${options.join(' ')}`)
  }
  assert.equal(await server.call('SHUTDOWN', 'SAVE', 'NOSAVE'), new WireError('ERR syntax error'))
  assert.equal(await server.call('SHUTDOWN', 'ABORT'), new WireError('ERR No shutdown in progress.'))
  await server.stop()
})

test('SHUTDOWN keeps a write acknowledged in the same turn', async () => {
  const server = await RunningServer.start()
  const client = await server.connect()
  client.raw('SET last 1\r\nSHUTDOWN\r\n')
  assert.is(await client.reply(), 'OK')
  await server.stopped(0)
  await server.launch()
  assert.is(await server.call('GET', 'last'), '1')
  await server.stop()
})

test('a second start on a directory is refused in one line and does no harm', async () => {
  const server = await RunningServer.start()
  const { status, output } = await runProgram(['--port', String(await freePort()), '--dir', server.directory])
  assert.is(status, 1)
  assert.is(output.trim().split('\n').length, 1, output)
  assert.ok(output.includes(`the data directory ${server.directory} is in use by another process`), output)
  assert.is(await server.call('SET', 'a', '1'), 'OK')
  const checked = await runProgram(['check', server.directory])
  assert.is(checked.status, 2)
  assert.ok(checked.output.includes('a server has it open'), checked.output)
  await server.stop()
})

test('a port in use is reported in one line', async () => {
  const other = net.createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as net.AddressInfo
  const directory = mkdtempSync(join(tmpdir(), 'haypile-test-'))
  const { status, output } = await runProgram(['--port', String(port), '--bind', '127.0.0.1', '--dir', directory])
  assert.is(status, 1)
  assert.is(output.trim().split('\n').length, 1, output)
  assert.ok(output.includes(`haypile cannot start: port in use: address already in use 127.0.0.1:${port}`), output)
  rmSync(directory, { recursive: true })
  await new Promise((resolve) => other.close(resolve))
})

test('a log file that cannot be opened is reported in one line', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-test-'))
  writeFileSync(join(directory, 'file'), '')
  const { status, output } = await runProgram(['--logfile', join(directory, 'file', 'log'), '--port', '0', '--dir', directory])
  assert.is(status, 1)
  assert.match(output, /^haypile: cannot open the log file .*\/file\/log: E\w+: .*\n$/)
  rmSync(directory, { recursive: true })
})

test('unknown flags exit with status 2 and a line each, help and version with status 0', async () => {
  const unknown = await runProgram(['--prot', '6379', '--tiemout', '5'])
  assert.is(unknown.status, 2)
  assert.match(unknown.output, /^haypile: .*--prot.*--port.*\nhaypile: .*--tiemout.*--timeout.*\n$/)
  assert.is((await runProgram(['a.conf', 'b.conf'])).status, 2)
  const version = await runProgram(['--version'])
  assert.is(version.status, 0)
  assert.match(version.output, /^haypile \d+\.\d+\.\d+\n$/)
  for (const words of [
    ['--help', 'all'],
    ['help', 'all'],
  ]) {
    const help = await runProgram(words)
    assert.is(help.status, 0)
    assert.match(help.output, /slowlog-max-len/)
  }
})

test('check of something other than a directory exits with status 2 and names it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-test-'))
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const absent = await runProgram(['check', join(directory, 'none')])
  assert.equal([absent.status, absent.output], [2, `haypile: ${directory}/none cannot be checked: no such directory\n`])
  const plain = await runProgram(['check', file, '--cut'])
  assert.equal([plain.status, plain.output], [2, `haypile: ${file} cannot be checked: not a directory\n`])
  for (const words of [['check'], ['check', directory, directory], ['check', directory, '--cat']])
    assert.is((await runProgram(words)).status, 2, words.join(' '))
  const empty = await runProgram(['check', directory])
  assert.is(empty.status, 1)
  assert.ok(empty.output.includes(`${directory} holds no data`), empty.output)
  rmSync(directory, { recursive: true })
})

test('the pid file exists while the server runs', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'haypile-test-'))
  const pidfile = join(directory, 'haypile.pid')
  const server = await RunningServer.start({ flags: { pidfile } })
  assert.is(Number(readFileSync(pidfile, 'utf8')), server.pid)
  await server.stop()
  assert.not(existsSync(pidfile))
  rmSync(directory, { recursive: true })
})

test('a pid file that cannot be written causes a warning', async () => {
  const server = await RunningServer.start({ flags: { pidfile: '/proc/no-such-directory/haypile.pid' } })
  assert.is(await server.call('PING'), 'PONG')
  assert.match(server.log, /cannot write the pid file, continuing without one/)
  await server.stop()
})

test('an unwritable log does not end the server', async () => {
  if (!existsSync('/dev/full')) return
  const server = await RunningServer.start({ flags: { logfile: '/dev/full', loglevel: 'debug' } })
  for (let i = 0; i < 20; i++) assert.is(await server.call('DEBUG', 'LOG', 'w'.repeat(50_000)), 'OK')
  assert.is(await server.call('PING'), 'PONG')
  await server.stop()
})

test('while a long log is replayed, clients get LOADING or wait, and see no partial data', async () => {
  const server = await RunningServer.start({ flags: { 'checkpoint-binlog-bytes': '1gb', 'checkpoint-seconds': 10_000 } })
  const client = await server.connect()
  for (let batch = 0; batch < 20; batch++) {
    await client.pipeline(Array.from({ length: 2000 }, (_, i) => ['SET', `key${batch}:${i}`, 'v'.repeat(50)]))
  }
  await server.restart('SIGKILL')
  assert.is(await server.call('DBSIZE'), 40_000)
  await server.stop()
})

test.run()
