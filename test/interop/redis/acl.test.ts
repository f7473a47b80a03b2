/**
 * Equal ACL requests to redis-server and to haypile get equal answers. Redis 7.0 may be
 * installed, so the differences of 7.2 are removed first: it names the user, shows
 * sanitize-payload, and keeps the given order of command rules.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { makeRequest, READS, WRITES } from '../../support/generators/request-grammar.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { freePort, RunningServer, until } from '../../support/servers/running-server.ts'
import { WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'
import { haveTools } from '../tools.ts'

const directory = mkdtempSync(join(tmpdir(), 'haypile-acl-redis-'))
const aclPath = join(directory, 'users.acl')

/** Returns a reply without the differences between the versions. */
function normal(reply: WireReply): unknown {
  if (reply instanceof WireError) return `-${normalText(reply.text)}`
  if (Array.isArray(reply)) return reply.map(normal).filter((one) => one !== 'sanitize-payload')
  return typeof reply === 'string' ? normalText(reply) : reply
}

function normalText(text: string): string {
  const withoutUser = text.replace(/^(NOPERM )?(?:this user|User \w+) has/i, '$1user has').replace(/ sanitize-payload/g, '')
  return withoutUser.replace(
    /^NOPERM this user has no permissions to access one of the (key|channel)s.*$/,
    'NOPERM No permissions to access a $1',
  )
}

interface Pair {
  readonly redis: WireClient
  readonly ours: WireClient
}

async function same({ redis, ours }: Pair, ...words: string[]): Promise<unknown> {
  const [expected, found] = await Promise.all([redis.call(...words), ours.call(...words)])
  assert.equal(normal(found), normal(expected), words.join(' '))
  return normal(found)
}

const RULES = [
  ...[
    'on',
    'off',
    'nopass',
    'resetpass',
    '>pw',
    '>other',
    '<pw',
    '<none',
    '#bad',
    '!bad',
    '',
    '~',
    '~a',
    '~b*',
    '%R~r*',
    '%W~w*',
    '%RW~x',
    '%~x',
    '%Z~x',
    '~a b',
  ],
  ...[
    '~*',
    'allkeys',
    'resetkeys',
    '&',
    '&c',
    '&d*',
    '&*',
    'allchannels',
    'resetchannels',
    '& x',
    '+get',
    '-get',
    '+set',
    '+@all',
    '-@all',
    '+@read',
    '-@write',
  ],
  ...[
    '+config|get',
    '-config|set',
    '-config',
    '+config|nothing',
    '+config|get|x',
    '+config|',
    '+select|0',
    '-select|0',
    '+nothing',
    '-nothing',
    '+@nothing',
  ],
  ...[
    'allcommands',
    'nocommands',
    '(~a +get)',
    '(+nothing)',
    '(on)',
    '(',
    ')',
    '()',
    '(%R~r &c -@all',
    '+@read)',
    'clearselectors',
    'reset',
    'foo',
    '+',
    '-',
    '@read',
  ],
]

/** Rules whose commands 7.0 shows as 7.2 does; it shows others in its own order. */
const SHOWN = [
  ['on', '>pw', '~a', '%R~b', '%W~c', '&x', '&y*'],
  ['nopass', 'allkeys', 'allchannels', '+@all'],
  ['%R~a', '%W~a', '-@all', '+@string'],
  ['+@all', '-@dangerous'],
  ['+config|get', '-@all', '+mget'],
  ['on', '(~a +get)', '(%W~b &c +@all -set)'],
  ['skip-sanitize-payload', '+select|0', '+select|1'],
]

async function compareTexts(pair: Pair): Promise<void> {
  for (const rule of RULES) {
    await same(pair, 'ACL', 'SETUSER', 'one', rule)
    await same(pair, 'ACL', 'SETUSER', 'two', 'on', rule, '~z')
    await same(pair, 'ACL', 'DELUSER', 'two')
  }
  await same(pair, 'ACL', 'DELUSER', 'one', 'one', 'none')
  for (const [i, rules] of SHOWN.entries()) {
    await same(pair, 'ACL', 'SETUSER', `shown${i}`, ...rules)
    await same(pair, 'ACL', 'GETUSER', `shown${i}`)
  }
  await same(pair, 'ACL', 'LIST')
  await same(pair, 'ACL', 'USERS')
  await same(pair, 'ACL', 'CAT')
  const refusals = [
    ['SETUSER', 'a b'],
    ['SETUSER', 'a\0'],
    ['GETUSER', 'none'],
    ['DELUSER', 'default'],
    ['CAT', 'none'],
    ['CAT', 'a', 'b'],
    ['GENPASS', '0'],
    ['GENPASS', '4097'],
    ['GENPASS', 'x'],
    ['GENPASS', '1', '2'],
  ]
  const more = [
    ['LOG', 'x'],
    ['LOG', '1', '2'],
    ['LOG', '-1'],
    ['LOG', 'reset'],
    ['DRYRUN', 'none', 'get', 'a'],
    ['DRYRUN', 'default', 'none'],
    ['DRYRUN', 'default', 'get'],
    ['DRYRUN', 'default', 'config'],
    ['DRYRUN', 'default', 'config', 'x'],
    ['LIST', 'x'],
    ['WHOAMI'],
    ['NONE'],
    ['LOAD', 'x'],
  ]
  for (const words of [...refusals, ...more]) await same(pair, 'ACL', ...words)
}

async function compareCategories({ redis, ours }: Pair): Promise<void> {
  const known = async (client: WireClient) => new Set((await client.call('COMMAND', 'LIST')) as readonly string[])
  const [theirs, own] = await Promise.all([known(redis), known(ours)])
  const both = [...own].filter((name) => theirs.has(name)).sort()
  assert.ok(both.length > 200, `${both.length} commands`)
  for (const category of (await redis.call('ACL', 'CAT')) as readonly string[]) {
    const inBoth = async (client: WireClient) => new Set((await client.call('ACL', 'CAT', category)) as readonly string[])
    const [expected, found] = await Promise.all([inBoth(redis), inBoth(ours)])
    assert.equal(
      both.filter((name) => found.has(name)),
      both.filter((name) => expected.has(name)),
      category,
    )
  }
}

const SELECTOR_RULES = [
  '+@all',
  '-@all',
  '+@read',
  '+@write',
  '-@write',
  '+@fast',
  '-@slow',
  '+get',
  '+set',
  '-set',
  '+@string',
  '-@hash',
  '+@sortedset',
  '+xinfo|stream',
  '-xgroup|create',
  'allkeys',
  'resetkeys',
]
const PATTERNS = ['*', 'str*', 'hash*', 'zset?', '[a-m]*', 'list0', '*1', 'set[^1]*', 'stream*', 'geo*', 'int*']

function randomSelector(chance: Seeded): string[] {
  const rules: string[] = []
  for (let i = chance.integer(8); i > 0; i--)
    rules.push(chance.random() < 0.5 ? chance.pick(SELECTOR_RULES) : `${chance.pick(['~', '%R~', '%W~'])}${chance.pick(PATTERNS)}`)
  // A pattern after all keys is an error, which the texts are compared for.
  const last = rules.findLastIndex((rule) => rule === 'allkeys' || rule === '~*')
  return last < 0 || rules.indexOf('resetkeys', last) >= 0 ? rules : rules.filter((rule, i) => i <= last || !/^[~%]/.test(rule))
}

const USERS = 40
const REQUESTS = 150
/** Commands and forms of commands that 7.0 does not have or declares otherwise. */
const NEWER = /^(H?P?EXPIRE\w* .* FIELDS|OBJECT|XAUTOCLAIM)/

async function compareVerdicts(pair: Pair): Promise<void> {
  const chance = seeded('acl-dryrun')
  const verdicts = new Map<string, number>()
  for (let i = 0; i < USERS; i++) {
    const rules = ['reset', ...randomSelector(chance), ...(chance.random() < 0.4 ? [`(${randomSelector(chance).join(' ')})`] : [])]
    const made = await same(pair, 'ACL', 'SETUSER', 'bob', ...rules)
    if (made !== 'OK') continue
    for (let j = 0; j < REQUESTS; j++) {
      const words = makeRequest(chance.pick([...WRITES, ...READS]), chance)
      if (NEWER.test(words.join(' '))) continue
      const verdict = await same(pair, 'ACL', 'DRYRUN', 'bob', ...words)
      const kind = /key$|command$|^OK/.exec(String(verdict))?.[0] ?? 'other'
      verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1)
    }
  }
  for (const kind of ['OK', 'key', 'command']) assert.ok((verdicts.get(kind) ?? 0) > REQUESTS, `${kind}: ${verdicts.get(kind)}`)
}

const FILES = [
  'user default on nopass ~* &* +@all\nuserx foo\nuser\nuser  alice on\nuser bob on >foo +nocmd +@nocat ~* ~b\nuser bob on\nuser d #bad !xx +nocmd\n  user eve\ton\n"user" f on\n',
  'user default on nopass ~* &* +@all\n\n  user alice on >x ~a* (~b +get)  \r\n\tuser bob off\n',
  'user default on nopass ~* &* +@all\nuser default on',
  'user alice on nopass +@all ~*',
  '',
]

async function compareFiles(pair: Pair): Promise<void> {
  await same(pair, 'ACL', 'DELUSER', 'bob') // 7.0 shows his rules shorter
  for (const text of FILES) {
    writeFileSync(aclPath, text)
    await same(pair, 'ACL', 'LOAD')
    await same(pair, 'ACL', 'LIST')
  }
}

async function startRedis(): Promise<{ client: WireClient; child: ChildProcess }> {
  const port = await freePort()
  writeFileSync(aclPath, 'user default on nopass ~* &* +@all\n')
  const words = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', '', '--aclfile', aclPath]
  const child = spawn('redis-server', words, { stdio: 'ignore' })
  process.on('exit', () => child.kill('SIGKILL'))
  let client: WireClient | undefined
  await until('redis-server to answer', async () => {
    client = await WireClient.connect({ port }).catch(() => undefined)
    return client !== undefined
  })
  return { client: client as WireClient, child }
}

if (haveTools('ACL beside redis-server', 'redis-server')) {
  let server: RunningServer
  let child: ChildProcess
  let pair: Pair
  test.before(async () => {
    const redis = await startRedis()
    child = redis.child
    server = await RunningServer.start({ flags: { aclfile: aclPath } })
    pair = { redis: redis.client, ours: await server.connect() }
  })
  test.after(async () => {
    await pair.redis.close()
    await pair.ours.close()
    const ended = new Promise((resolve) => child.on('close', resolve))
    child.kill('SIGKILL')
    await ended
    await server.stop()
    rmSync(directory, { recursive: true })
  })

  test('SETUSER accepts and refuses the same rules with the same texts, and shows users the same way', () => compareTexts(pair))
  test('DRYRUN gives the same verdicts on random users and requests', () => compareVerdicts(pair))
  test('categories contain the same commands', () => compareCategories(pair))
  test('ACL files are accepted and refused alike', () => compareFiles(pair))
}

test.run()
