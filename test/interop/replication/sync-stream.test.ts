/** After SYNC a haypile sends the commands that a redis-server sends. */
import { connect } from 'node:net'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { RedisServer } from '../../support/servers/redis-server.ts'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { haveTools } from '../tools.ts'

/** Longer than any difference of the clocks of two runs. */
const TIME = /^17\d{11}$/
const RPOP_TWICE = "redis.call('rpop', KEYS[1]) redis.call('rpop', KEYS[1])"

/** Requests of one connection, and the answers do not matter. */
const REQUESTS: readonly string[] = [
  'SELECT 9',
  'SET a 1',
  'GETDEL a',
  'GETDEL a',
  'SET a 1 EX 100',
  'GETEX a',
  'GETEX a PERSIST',
  'GETEX a PX 100000',
  'EXPIRE a 100',
  'GETEX a EXAT 1',
  'RPUSH l{t} a b c d e f g h',
  'LMPOP 2 none{t} l{t} LEFT COUNT 2',
  'BLMPOP 0 1 l{t} RIGHT',
  'BRPOP l{t} 0',
  'BLMOVE l{t} m{t} LEFT RIGHT 0',
  'LMOVE l{t} m{t} LEFT RIGHT',
  'ZADD z 1 a 2 b 3 c 4 d',
  'ZMPOP 1 z MIN COUNT 2',
  'BZMPOP 0 1 z MAX',
  'BZPOPMIN z 0',
  'SADD s a',
  'SPOP s',
  'SADD s a b',
  'SPOP s 5',
  'INCRBYFLOAT f 1.5',
  'HINCRBYFLOAT h f 1.5',
  'MULTI',
  'SET a 1',
  'GET a',
  'EXEC',
  'MULTI',
  'SELECT 1',
  'SET a 1',
  'SELECT 2',
  'SET a 1',
  'DEL none',
  'SELECT 9',
  'SET a 2',
  'EXEC',
  'MULTI',
  'EXEC',
  'MULTI',
  'DEL none',
  'EXEC',
  'SELECT 3',
  'PUBLISH channel message',
  'MSET a 1 b 2',
  `EVAL ${JSON.stringify("redis.call('set', KEYS[1], '1', 'KEEPTTL')")} 1 a`,
  'RPUSH l a b c',
  `EVAL ${JSON.stringify(RPOP_TWICE)} 1 l`,
  'SWAPDB 3 9',
  'FLUSHDB',
  'SET end 1',
]

/** The words of a request: those in double quotes may have spaces. */
const wordsOf = (request: string) => [...request.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

/** Reads the commands after the RDB, and stops before one that is cut off. */
function commandsAfterRdb(received: Buffer): Bytes[][] {
  const [start, length] = /^\n*\$(\d+)\r\n/.exec(received.subarray(0, 100).latin1Slice()) ?? []
  const commands: Bytes[][] = []
  if (start === undefined) return commands
  for (let at = start.length + Number(length); at < received.length; ) {
    const command = readCommand(received, at, received.length)
    if (command === null) break
    commands.push([...command.args])
    at = command.end
  }
  return commands
}

/** Returns the stream of the requests, with times and the case of words left out. */
async function streamOf(server: RunningServer | RedisServer): Promise<string[]> {
  const client = await server.connect()
  await client.call('CONFIG', 'SET', 'repl-diskless-sync-delay', 0)
  const socket = connect(server.port, '127.0.0.1')
  let received = Buffer.alloc(0)
  socket.on('data', (data) => {
    received = Buffer.concat([received, data])
  })
  socket.write('SYNC\r\n')
  await until('the RDB', () => /^\n*\$\d+\r\n/.test(received.subarray(0, 100).latin1Slice()))
  for (const request of REQUESTS) await client.call(...wordsOf(request))
  await until('the stream', () => commandsAfterRdb(received).some((words) => words[1] === 'end'))
  socket.destroy()
  await client.close()
  return commandsAfterRdb(received)
    .filter(([name]) => name?.toLowerCase() !== 'ping')
    .map((words) => words.map((word) => (TIME.test(word) ? 'TIME' : word.toLowerCase())).join(' '))
}

if (haveTools('the stream after SYNC', 'redis-server')) {
  test('the stream after SYNC is that of a redis-server', async () => {
    const redis = await RedisServer.start()
    const haypile = await RunningServer.start()
    assert.equal(await streamOf(haypile), await streamOf(redis))
    await haypile.stop()
    await redis.stop()
  })
}

test.run()
