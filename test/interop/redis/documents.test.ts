/**
 * The documents are true: each block of code runs on servers of its own, with other ports and
 * paths, and prints what it shows.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommandLine } from '../../../server/command-line.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient } from '../../support/servers/wire-client.ts'
import { type Block, blocksOf, documents, inlineOf, stepsOf } from '../../support/tidy/documents.ts'
import { ROOT } from '../../support/tidy/sources.ts'
import { haveTools, run } from '../tools.ts'

const GRAMMAR = 'the protocol of replication: test/integration/replication/grammar.test.ts has a replica that is written from it'

/**
 * Blocks that are not run, by their first line, with the reason. Parts of them are checked
 * otherwise.
 */
const NOT_RUN: Readonly<Record<string, string>> = {
  'METASYNC -> TRYSYNC -> CONTINUE ------------------------> BINLOGSYNC -> binlog, until the connection ends': GRAMMAR,
  'request = "METASYNC" SP ip SP port SP run-id SP attempt SP version [ SP ( "FAILOVER" / "ASK" ) ]': GRAMMAR,
  'request = "TRYSYNC" SP session SP replid SP offset SP crc [ SP "FAILOVER" ] *( SP replid ) [ SP "LEFT" 1*( SP replid SP offset ) ]':
    GRAMMAR,
  'request  = "DBSYNC" SP session SP ( snapshot / "?" ) SP ( after / "-" )': GRAMMAR,
  'magic(4)     48 50 4c 43': GRAMMAR,
  'meta    key  "m"                       value  01 json check(4)': GRAMMAR,
  'request   = "BINLOGSYNC" SP session SP offset                 the offset of CONTINUE': GRAMMAR,
  'request = "REPLCONF" SP "ACK" SP applied SP "FACK" SP synced [ SP "ASKED" SP count ]': GRAMMAR,
  'client  > SET greeting hello': 'test/integration/replication/example.test.ts runs it',
  defaults: 'of HAProxy: test/interop/redis/haproxy.test.ts runs it',
  'const strlen = command({': 'an example of code: it has to stand in the sources',
  'data/': 'names of files',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 10.0.0.1 6379 master - 0-5460': 'a map: test/integration/cluster.test.ts sets such ones',
  'haypile [file] [--name value ...]              serve': 'a grammar: it has to be what haypile help says',
  'haypile import /var/lib/redis/dump.rdb --dir ./data': 'examples: test/interop/exchange/exchange.test.ts imports and exports',
  'haypile import dump.rdb --dir ./data                 # also an AOF, or redis://host':
    'examples: test/interop/exchange/exchange.test.ts imports and exports',
  '{"db":0,"key":"user:1","type":"hash","value":[["name","Ada"],["visits","3",1893456000000]],"expireAt":1893456000000}':
    'the form of a line: test/server/exchange/json-lines.test.ts',
  'haypile coordinator --etcd http://10.0.0.1:2379,http://10.0.0.2:2379,http://10.0.0.3:2379 --cluster shop':
    'examples: test/interop/cluster/faults.test.ts runs these commands',
  'haypile cluster create 10.0.0.1:6379 10.0.0.2:6379 10.0.0.3:6379 --replicas 2 --etcd http://10.0.0.1:2379 --cluster shop':
    'examples: test/interop/cluster/faults.test.ts runs these commands',
  'haypile cluster start --shards 3 --replicas 1 --dir ./data --port 7000': 'an example: test/interop/cluster/start.test.ts runs it',
  'map 1, coordinator control-1:4711': 'the form of an answer: test/interop/cluster/faults.test.ts',
  '{"entries":[["1-1",["field","value"]]],"lastId":"1-1","maxDeletedId":"0-0","entriesAdded":1,':
    'the form of a stream: test/server/exchange/json-lines.test.ts',
  'haypile export ./dump.rdb --dir ./data': 'examples: test/interop/exchange/exchange.test.ts imports and exports',
  "haypile: /etc/haypile.conf:12: unknown configuration key 'prot', did you mean 'port'?":
    'messages: test/server/config/command-line.test.ts',
  ' redis-cli, ioredis, bullmq ...          Sentinel, HAProxy          a Node program': 'a diagram',
  '   clients                           replicas                      a master': 'a diagram',
  'poll phase    sockets -> requests -> commands; replies gather per client, changes in the open group': 'a diagram',
  'client -> socket thread --- ring: opened, received, ended, closed ----> main thread': 'a diagram',
  'freeze (O(1)) -> encode in slices -> sync the binlog up to P -> write one batch, synced -> landed': 'a diagram',
  'Entry -> Hash, List ... -> TreeObject -> one or two Trees -> TreeNodes': 'a diagram',
  'socket -> listener (one shared buffer) -> connection -> request-decoder -> executor -> command': 'a diagram',
  "dial -> [AUTH] -> METASYNC -> TRYSYNC -> CONTINUE ----------------> BINLOGSYNC -> the binlog's bytes": 'a diagram',
  'EXEC, EVAL, FCALL -> units.runTogether -> executor.runPart, for each command -> Unit (effects)': 'a diagram',
}

const MAIN = join(ROOT, 'dist', 'program', 'main.js')
const START_MS = 60_000
const directory = mkdtempSync(join(tmpdir(), 'haypile-documents-'))
/** Lies below the repository, so that its packages and its own name are found. */
const modules = mkdtempSync(join(ROOT, 'dist', 'documents-'))
const servers = new Set<RunningServer>()
const processes = new Set<ChildProcess>()

async function serving(words: readonly string[] = [], password?: string): Promise<RunningServer> {
  const server = await RunningServer.start({ words, ...(password === undefined ? {} : { password }) })
  servers.add(server)
  return server
}

test.after.each(async () => {
  for (const child of processes) child.kill('SIGKILL')
  processes.clear()
  for (const server of servers) {
    if (server.isRunning) await server.kill9()
    server.remove()
  }
  servers.clear()
})
test.after(() => {
  for (const path of [directory, modules]) rmSync(path, { recursive: true, force: true })
})

const firstLine = ({ text }: Block) => text.split('\n', 1)[0] as string
const nameOf = (block: Block) => `${block.document}, ${block.heading}: ${firstLine(block)}`
const all = documents().flatMap(blocksOf)

/** Declares a test for each block of a language that is run. */
function each(language: string, check: (block: Block) => Promise<void>): void {
  const blocks = all.filter((block) => block.language === language && NOT_RUN[firstLine(block)] === undefined)
  for (const block of blocks) test(`${nameOf(block)} (${language})`, () => check(block))
}

test('every block has a language that is run here, or a reason why it is not', () => {
  const wrong = all.filter((block) => {
    const isRun = ['sh', 'console', 'conf', 'sentinel', 'js'].includes(block.language)
    const isKnown = isRun || ['haproxy', 'exchange', 'ts', 'text'].includes(block.language)
    return !isKnown || (!isRun && NOT_RUN[firstLine(block)] === undefined)
  })
  assert.equal(wrong.map(nameOf), [])
  const firsts = all.map(firstLine)
  assert.equal(
    Object.keys(NOT_RUN).filter((line) => !firsts.includes(line)),
    [],
    'named above and not there',
  )
})

test('the example of a command is copied from a source', () => {
  const sources = readdirSync(join(ROOT, 'commands'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  for (const { text } of all.filter(({ language }) => language === 'ts'))
    assert.ok(
      sources.some((name) => readFileSync(join(ROOT, 'commands', name), 'utf8').includes(text)),
      text,
    )
})

/** Commands that sentences name without their required arguments. */
const NAMED_ONLY = new Set(['ready', 'check', 'import', 'import SOURCE', 'export', 'export FILE', 'coordinator', 'cluster'])
const ACTIONS = {
  version: '1',
  start: async () => {},
  check: async () => 0,
  import: async () => 0,
  export: async () => 0,
  coordinator: async () => 0,
  cluster: async () => 0,
  localCluster: async () => 0,
}

test('the commands named inside of sentences exist', async () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const wrong: string[] = []
  const conf = join(directory, 'empty.conf')
  writeFileSync(conf, '')
  for (const [document, command] of documents().flatMap((one) => inlineOf(one).map((inline) => [one, inline] as const))) {
    const script = /^npm (?:run )?([\w:-]+)/.exec(command)?.[1] ?? 'ci'
    const file = /^node (dist\/\S+)\.js/.exec(command)?.[1] ?? 'server/main'
    if (command.startsWith('npm ') && script !== 'ci' && scripts[script] === undefined) wrong.push(`${document}: ${command}`)
    if (!existsSync(join(ROOT, `${file.replace(/^dist\//, '').replace(/^program/, 'server')}.ts`))) wrong.push(`${document}: ${command}`)
    const words = /^(?:npm start --|node dist\/program\/main\.js|haypile) ([^{}]*)$/.exec(command)?.[1]?.replace('--name value', '').trim()
    if (words === undefined || NAMED_ONLY.has(words) || words.includes('...')) continue
    let error = ''
    const output = { out: () => {}, error: (text: string) => (error += text) }
    const given = words.split(' ').map((word) => (word.endsWith('.conf') ? conf : word))
    if ((await runCommandLine(given.filter(Boolean), { ...ACTIONS, output })) !== 0) wrong.push(`${document}: ${command}: ${error}`)
  }
  assert.equal(wrong, [])
})

test('the documented command line grammar matches help', () => {
  const help = execFileSync(process.execPath, [MAIN, 'help'], { encoding: 'utf8' })
  const grammar = all.find(({ text }) => text.startsWith('haypile [file]'))?.text ?? ''
  for (const line of grammar.trim().split('\n')) assert.ok(help.includes(line.split(/ {3,}/)[0] as string), line)
})

if (haveTools('the documents', 'redis-server', 'redis-sentinel', 'redis-cli')) {
  each('conf', async (block) => {
    const path = join(mkdtempSync(join(directory, 'conf-')), 'haypile.conf')
    const text = block.text.replaceAll('/var/', `${directory}/`).replaceAll('10.0.0.11 6379', `127.0.0.1 ${await freePort()}`)
    writeFileSync(path, text)
    const password = /^requirepass (.*)$/m.exec(text)?.[1]
    const server = await serving([path], password)
    const client = await server.connect()
    if (password !== undefined) assert.is(await client.call('AUTH', password), 'OK')
    for (const line of text.split('\n').filter((one) => /^\w/.test(one))) {
      const name = line.split(' ')[0] as string
      assert.is(((await client.call('CONFIG', 'GET', name)) as string[])[0], name)
    }
    await client.close()
    await server.stop()
  })

  each('sentinel', async ({ text }) => {
    const path = join(mkdtempSync(join(directory, 'sentinel-')), 'sentinel.conf')
    const port = await freePort()
    const master = await serving()
    writeFileSync(path, text.replace('port 26379', `port ${port}\nbind 127.0.0.1`).replace('10.0.0.11 6379', `127.0.0.1 ${master.port}`))
    const child = spawn('redis-sentinel', [path], { stdio: 'ignore' })
    processes.add(child)
    const clients: WireClient[] = []
    await until(
      'the sentinel to answer',
      async () => {
        clients.push(
          ...(await WireClient.connect({ port }).then(
            (client) => [client],
            () => [],
          )),
        )
        return clients.length > 0
      },
      START_MS,
    )
    const [client] = clients as [WireClient]
    const [, address] = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mygroup')) as string[]
    assert.is(address, String(master.port))
    await client.close()
    await master.stop()
  })

  /**
   * Makes a directory for PATH with a redis-cli that prints as on a terminal and uses other ports.
   */
  function clientFor(ports: Readonly<Record<string, number>>): string {
    const bin = mkdtempSync(join(directory, 'bin-'))
    const cases = Object.entries(ports).map(([from, to]) => `    ${from}) set -- "$@" ${to} ;;`)
    const script = [
      '#!/bin/sh',
      `set -- -p ${Object.values(ports)[0]} "$@"`,
      'n=$#',
      'while [ $n -gt 0 ]; do',
      '  word=$1; shift; n=$((n - 1))',
      '  case $word in',
      ...cases,
      '    *) set -- "$@" "$word" ;;',
      '  esac',
      'done',
      `exec "${execFileSync('sh', ['-c', 'command -v redis-cli'], { encoding: 'utf8' }).trim()}" --no-raw "$@"`,
    ]
    writeFileSync(join(bin, 'redis-cli'), `${script.join('\n')}\n`)
    chmodSync(join(bin, 'redis-cli'), 0o755)
    return bin
  }

  each('console', async ({ text }) => {
    const first = await serving()
    const second = text.includes('6380') ? await serving() : first
    const bin = clientFor({ 6379: first.port, 6380: second.port })
    for (const { command, shown } of stepsOf(text)) {
      const { out, error, status } = await run('sh', ['-c', `PATH='${bin}${delimiter}'"$PATH"; ${command}`])
      assert.equal([out.trimEnd().split('\n').filter(Boolean), error, status], [shown, '', 0], command)
    }
    for (const server of servers) await server.stop()
  })

  each('sh', async ({ text }) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: { readonly start: string } }
    const master = await serving()
    for (const line of text.trim().split('\n')) {
      for (const command of line
        .replace(/ #.*$/, '')
        .split('&&')
        .map((one) => one.trim())) {
        // These install, and run the tests that this is one of.
        if (command === 'npm ci' || command === 'npm test') continue
        const words = /^npm start(?: -- (.*))?$/.exec(command)
        assert.ok(words !== null, `${command} is no command that this test knows`)
        const built = scripts.start.split('&& node dist/program/main.js')
        assert.is(built.length, 2, 'npm start builds, and starts the server')
        const port = await freePort()
        const flags = `${built[1]} ${words[1] ?? ''}`.replace(/--port \d+/, '').replaceAll('6379', String(master.port))
        const at = mkdtempSync(join(directory, 'start-'))
        const child = spawn('sh', ['-c', `exec "${process.execPath}" "${MAIN}" ${flags} --port ${port}`], {
          cwd: at,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        processes.add(child)
        let log = ''
        child.stdout.on('data', (data: Buffer) => {
          log += data
        })
        const ended = new Promise((resolve) => child.on('close', resolve))
        await until(`${command} to be ready`, () => /"port":(\d+).*haypile ready/.exec(log)?.[1] === String(port), START_MS)
        assert.ok(existsSync(join(at, /--dir (\S+)(?!.*--dir)/.exec(flags)?.[1] as string, 'CURRENT')), flags)
        if (flags.includes('--replicaof'))
          await until(
            'the replica to follow',
            async () => /^slave0:.*state=online/m.test(String(await master.call('INFO', 'replication'))),
            START_MS,
          )
        // It answers, so its handlers of signals are there.
        const client = await WireClient.connect({ port })
        assert.is(await client.call('PING'), 'PONG')
        await client.close()
        child.kill('SIGINT')
        assert.is(await ended, 0)
      }
    }
    await master.stop()
  })

  each('js', async ({ text }) => {
    const server = await serving(text.includes('Cluster') ? ['--cluster-enabled', 'emulated'] : [])
    const path = join(modules, 'example.mjs')
    writeFileSync(
      path,
      text.replaceAll('6379', String(server.port)).replace("'./embedded-data'", `'${mkdtempSync(join(directory, 'data-'))}'`),
    )
    const { out, error, status } = await run(process.execPath, [path])
    assert.is(status, 0, error)
    const said = [...text.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map((match) => match[1] as string)
    const lines = out.trimEnd().split('\n')
    assert.is(lines.length, said.length, out)
    for (const [index, line] of lines.entries()) assert.ok((said[index] as string).startsWith(line), `${line} instead of ${said[index]}`)
    await server.stop()
  })
}

test.run()
