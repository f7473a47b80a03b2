/** Libraries of functions outlive what data outlives, and are where data is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { follow, fullSyncs, inStep, startReplica, stopAll } from '../support/replicated-servers.ts'
import { RunningServer } from '../support/running-server.ts'
import { WireError, type WireReply } from '../support/wire-client.ts'

const codeOf = (library: string, name: string, value: string) =>
  `#!lua name=${library}\nredis.register_function('${name}', function() return '${value}' end)`

/** Names and code of all libraries. */
async function librariesOf(server: RunningServer): Promise<WireReply> {
  const listed = (await server.call('FUNCTION', 'LIST', 'WITHCODE')) as readonly (readonly WireReply[])[]
  return listed.map((library) => [library[1] as string, library[7] as string]).sort()
}

async function load(server: RunningServer, ...words: readonly string[]): Promise<void> {
  const reply = await server.call('FUNCTION', 'LOAD', ...words)
  assert.type(reply, 'string', `not loaded: ${JSON.stringify(reply)}`)
}

test('libraries outlive a restart and a kill, from the log and from a checkpoint', async () => {
  const server = await RunningServer.start({ flags: { appendfsync: 'always' } })
  await load(server, codeOf('a', 'f', '1'))
  await load(server, codeOf('b', 'g', '2'))
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [
    ['a', codeOf('a', 'f', '1')],
    ['b', codeOf('b', 'g', '2')],
  ])
  await server.call('SAVE')
  await load(server, 'REPLACE', codeOf('a', 'f', 'later'))
  await server.call('FUNCTION', 'DELETE', 'b')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [['a', codeOf('a', 'f', 'later')]])
  await server.restart()
  const payload = (await server.call('FUNCTION', 'DUMP')) as string
  await server.call('FUNCTION', 'FLUSH')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [])
  assert.is(await server.call('FUNCTION', 'RESTORE', payload), 'OK')
  await server.call('DEBUG', 'RELOAD')
  await server.restart('SIGKILL')
  assert.equal(await librariesOf(server), [['a', codeOf('a', 'f', 'later')]])
  assert.match(String(await server.call('INFO', 'memory')), /number_of_functions:1\r\nnumber_of_libraries:1\r\n/)
  await server.stop()
})

test('replicas have the libraries of their master, by a full sync and by the stream, and load none of their own', async () => {
  const master = await RunningServer.start()
  await load(master, codeOf('a', 'f', '1'))
  await master.call('SAVE')
  const early = await startReplica(master.port)
  await inStep(master, early)
  const late = await RunningServer.start()
  await load(late, codeOf('own', 'f', 'of before'))
  assert.is(((await librariesOf(late)) as readonly WireReply[]).length, 1)
  await follow(late, master)
  await inStep(master, late)
  assert.ok((await fullSyncs(master)) > 0)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), [['a', codeOf('a', 'f', '1')]])
  await load(master, codeOf('b', 'g', '2'))
  await load(master, 'REPLACE', codeOf('a', 'h', '3'))
  await inStep(master, early, late)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), await librariesOf(master))
  const refusal = new WireError("READONLY You can't write against a read only replica.")
  assert.equal(await early.call('FUNCTION', 'LOAD', codeOf('c', 'i', '4')), refusal)
  assert.equal(await early.call('FUNCTION', 'FLUSH'), refusal)
  await master.call('FUNCTION', 'DELETE', 'a')
  await inStep(master, early, late)
  await early.restart('SIGKILL')
  await inStep(master, early)
  for (const replica of [early, late]) assert.equal(await librariesOf(replica), [['b', codeOf('b', 'g', '2')]])
  await stopAll(early, late, master)
})

test.run()
