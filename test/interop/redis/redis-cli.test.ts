/** The real redis-cli and redis-benchmark. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'
import { encodeCommand } from '../../support/servers/wire-client.ts'
import { haveTools, run } from '../tools.ts'

const INSERTED = 100_000

if (haveTools('redis-cli', 'redis-cli')) {
  let server: RunningServer
  const cli = (...words: (string | number)[]) => run('redis-cli', ['-p', server.port, ...words])
  const typed = (lines: readonly string[], ...words: string[]) =>
    run('redis-cli', ['-p', server.port, ...words], { input: `${lines.join('\n')}\n` })

  test.before(async () => {
    server = await RunningServer.start()
  })
  test.after(() => server.stop())

  test('lines typed into redis-cli are run one by one', async () => {
    const { out, status } = await typed([
      'SET a "b c"',
      'GET a',
      'INCR n',
      'INCR n',
      'SELECT 1',
      'DBSIZE',
      'GET none',
      'NOSUCH x',
      'SET a',
      'SELECT 0',
      'DEL a n',
    ])
    assert.is(status, 0)
    assert.equal(out.split('\n'), [
      'OK', 'b c', '1', '2', 'OK', '0', '',
      "ERR unknown command 'NOSUCH', with args beginning with: 'x' ", '',
      "ERR wrong number of arguments for 'set' command", '',
      'OK', '2', '',
    ]) // biome-ignore format: one reply a place
  })

  test('RESP3, formatted and JSON output work', async () => {
    const { out } = await typed(['HELLO 3', 'SET k v', 'GET k', 'CONFIG GET maxclients', 'DEL k'], '-3', '--no-raw')
    assert.match(out, /"proto" => \(integer\) 3/)
    assert.match(out, /1# "maxclients" => "10000"/)
    assert.is((await cli('--json', 'CONFIG', 'GET', 'port')).out, `{"port":"${server.port}"}\n`)
  })

  test('arguments from standard input and repeated commands work', async () => {
    const value = Buffer.from([0, 1, 255, 13, 10])
    assert.is((await run('redis-cli', ['-p', server.port, '-x', 'SET', 'binary'], { input: value })).out, 'OK\n')
    assert.is((await cli('STRLEN', 'binary')).out, '5\n')
    assert.is((await cli('-r', 5, 'INCR', 'repeated')).out, '1\n2\n3\n4\n5\n')
    await cli('DEL', 'binary', 'repeated')
  })

  test(`--pipe inserts ${INSERTED} keys`, async () => {
    const input: Buffer[] = []
    for (let i = 0; i < INSERTED; i++) input.push(encodeCommand('SET', `mass:${i}`, `value ${i}`))
    const { out, status } = await run('redis-cli', ['-p', server.port, '--pipe'], { input: [Buffer.concat(input)] })
    assert.is(status, 0, out)
    assert.match(out, new RegExp(`errors: 0, replies: ${INSERTED}`))
    assert.is((await cli('DBSIZE')).out, `${INSERTED}\n`)
    assert.is((await cli('GET', `mass:${INSERTED - 1}`)).out, `value ${INSERTED - 1}\n`)
  })

  test('--scan finds every key, or those of a pattern', async () => {
    const all = (await cli('--scan')).out.trim().split('\n')
    assert.is(all.length, INSERTED)
    assert.is(new Set(all).size, INSERTED)
    const some = (await cli('--scan', '--pattern', 'mass:9999*')).out.trim().split('\n')
    assert.equal(some.sort(), ['mass:9999', ...Array.from({ length: 10 }, (_, i) => `mass:9999${i}`)])
  })

  test('--bigkeys and --memkeys find the largest keys', async () => {
    await cli('SET', 'largest', 'x'.repeat(5000))
    const { out, status } = await cli('--bigkeys')
    assert.is(status, 0)
    assert.match(out, /Biggest string found '"largest"' has 5000 bytes/)
    assert.match(out, new RegExp(`Sampled ${INSERTED + 1} keys in the keyspace`))
    const memory = await cli('--memkeys', '--memkeys-samples', 0)
    assert.match(memory.out, /Biggest string found '"largest"' has \d+ bytes/)
    await cli('DEL', 'largest')
  })

  test('--bigkeys, --memkeys and --scan know every type', async () => {
    const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
    const lines: string[] = []
    for (const size of [10, 2000]) {
      lines.push(`RPUSH list:${size} ${numbers(size).join(' ')}`)
      lines.push(`SADD set:${size} ${numbers(size).join(' ')}`)
      lines.push(
        `HSET hash:${size} ${numbers(size)
          .map((i) => `${i} ${i}`)
          .join(' ')}`,
      )
      lines.push(
        `ZADD zset:${size} ${numbers(size)
          .map((i) => `${i} ${i}`)
          .join(' ')}`,
      )
      for (const i of numbers(size)) lines.push(`XADD stream:${size} ${i + 1} n ${i}`)
    }
    assert.is((await typed(lines)).status, 0)
    const counted = { list: 'items', set: 'members', hash: 'fields', zset: 'members', stream: 'entries' }
    const big = await cli('--bigkeys')
    const memory = await cli('--memkeys', '--memkeys-samples', 5)
    for (const [type, what] of Object.entries(counted)) {
      assert.match(big.out, new RegExp(`Biggest +${type} found '"${type}:2000"' has 2000 ${what}`))
      assert.match(big.out, new RegExp(`2 ${type}s? with 2010 ${what}`))
      assert.match(memory.out, new RegExp(`Biggest +${type} found '"${type}:2000"' has \\d+ bytes`))
    }
    const some = (await cli('--scan', '--pattern', '?e*:2000')).out.trim().split('\n')
    assert.equal(some.sort(), ['set:2000'])
    await cli('DEL', ...Object.keys(counted).flatMap((type) => [`${type}:10`, `${type}:2000`]))
  })

  test('--hotkeys reports that access frequency is not tracked', async () => {
    const { out, error, status } = await cli('--hotkeys')
    assert.is.not(status, 0)
    assert.match(out + error, /Error: ERR An LFU maxmemory policy is not selected, access frequency not tracked/)
  })

  test('--hotkeys names the key that is used most under an LFU policy', async () => {
    await cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lfu', 'lfu-log-factor', '0')
    await typed(['SET often 1', 'SET seldom 1', ...Array.from({ length: 20 }, () => 'GET often')])
    const { out, status } = await cli('--hotkeys')
    assert.is(status, 0)
    assert.match(out, /hot key found with counter: 2\d\tkeyname: "often"/)
    await cli('DEL', 'often', 'seldom')
    await cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'lfu-log-factor', '10')
  })

  test('--stat prints a line per second', async () => {
    // It leaves its lines to the C library, which would keep them until its end.
    const linesOf = (out: string) => out.split('\n').filter((line) => /^\d+ +\d/.test(line))
    const words = ['-oL', 'redis-cli', '-p', server.port, '--stat', '-i', '0.2']
    const { out } = await run('stdbuf', words, { untilOutput: (seen) => linesOf(seen).length >= 3 })
    const lines = linesOf(out)
    assert.ok(lines.length >= 3, out)
    assert.match(lines[0] ?? '', new RegExp(`^${INSERTED} `))
  })

  test('--latency measures', async () => {
    const { out } = await run('redis-cli', ['-p', server.port, '--raw', '--latency', '-i', '1'])
    const [min, max, average, samples] = out.trim().split(/\s+/).map(Number)
    assert.ok(Number(samples) > 10 && Number(min) <= Number(average) && Number(average) <= Number(max), out)
  })

  test('MONITOR shows the commands of other clients', async () => {
    const watching = run('redis-cli', ['-p', server.port, 'MONITOR'], { untilOutput: (out) => out.includes('"watched"') })
    let count = 0
    const isOver = watching.then(() => true)
    while (!(await Promise.race([isOver, cli('SET', 'watched', ++count).then(() => false)])));
    assert.match((await watching).out, /^OK\n(.|\n)*\[0 127\.0\.0\.1:\d+\] "SET" "watched" "\d+"/)
    await cli('DEL', 'watched')
  })

  if (haveTools('redis-benchmark', 'redis-benchmark')) {
    for (const pipeline of [1, 16]) {
      test(`redis-benchmark -P ${pipeline} runs without errors`, async () => {
        const words = ['-p', server.port, '-t', 'ping,set,get,incr,mset', '-n', 10_000, '-P', pipeline, '-r', 1000, '-q']
        const { status, out, error } = await run('redis-benchmark', words)
        assert.is(status, 0, `${out}${error}`)
        assert.not.match(out + error, /error|WARNING/i)
        for (const name of ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'INCR', 'MSET \\(10 keys\\)']) {
          assert.match(out, new RegExp(`(^|[\\n\\r])${name}: \\d+\\.\\d+ requests per second`))
        }
      })
    }
  }
}

test.run()
