/**
 * Every request is answered, whatever is wrong with its arguments: each command of the table, by
 * itself, between MULTI and EXEC, and from a script. A request that blocks is unblocked until its
 * answer comes.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { families } from '../../../commands/families.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { SPOIL_DATA, spoil } from '../../support/generators/spoiled-requests.ts'
import { leavesOf, type TableKind, tableRequest } from '../../support/generators/table-requests.ts'
import { withNode } from '../../support/harness/in-process-node.ts'
import { pause } from '../../support/servers/running-server.ts'
import { type WireClient, WireError, type WireReply } from '../../support/servers/wire-client.ts'

const ROUNDS = 20
const LIMIT_MS = 60_000
const POLL_MS = 20

/**
 * Commands that end the connection or the server, answer more or less than once, or change the
 * role.
 */
const UNFIT = new Set(
  `quit hello subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe monitor client|reply client|kill client|pause client|tracking
  shutdown slaveof replicaof failover metasync trysync dbsync binlogsync sync psync replconf multi exec discard acl|setuser`.split(/\s+/),
)
const DEBUG_WORDS: readonly Bytes[] = [
  ...['object', 'digest-value', 'digest', 'populate', 'htstats', 'htstats-key', 'listpack', 'quicklist', 'sdslen', 'protocol', 'error'],
  ...['stringmatch-len', 'reload', 'loadaof', 'replybuffer', 'set-active-expire', 'quicklist-packed-threshold', 'nosuch'],
]
const leaves = leavesOf(families).filter(({ name }) => !UNFIT.has(name))
const SCRIPTS = ['return 1', 'return redis.call(KEYS[1])', 'x', "return redis.call('scanx', 'foo', 0)", 'return {1,{2,{}}}']

/**
 * Returns requests of every command: valid ones, and some with words that are wrong, missing or too
 * many.
 */
function requestsOf(chance: Seeded): Bytes[][] {
  const { pick, random, integer } = chance
  const pools = {
    key: (kind: TableKind) => `${kind}${integer(2)}`,
    pattern: () => pick(['*', '#', 'hash*->a', 'nosort', '\\', '[a-']),
    script: () => pick(SCRIPTS),
  }
  const requests = leaves.map((leaf) => tableRequest(leaf, chance, pools))
  for (const name of DEBUG_WORDS) requests.push(['debug', name, ...['str0', '1', '2', 'x'].slice(0, integer(5))])
  const spoiled = requests.map((words) => (random() < 0.7 ? spoil(words, chance) : words))
  return spoiled.filter((words) => !(/^debug$/i.test(words[0] ?? '') && words.some((word) => /^\d{5,}$/.test(word))))
}

/**
 * Returns the answers to requests sent in one write. Throws, naming the request, if an answer does
 * not come although its client is unblocked.
 */
async function answersTo(client: WireClient, admin: WireClient, requests: readonly (readonly Bytes[])[], id: string): Promise<WireReply[]> {
  const answered = client.pipeline(requests).catch((error: Error) => {
    throw new Error(`${JSON.stringify(requests)}: ${error.message}`)
  })
  const deadline = performance.now() + LIMIT_MS
  for (;;) {
    const answers = await Promise.race([answered, pause(POLL_MS)])
    if (answers !== undefined) return answers
    if (performance.now() > deadline) throw new Error(`no answer to ${JSON.stringify(requests)}`)
    await admin.call('CLIENT', 'UNBLOCK', id)
  }
}

const broken = (reply: WireReply): boolean =>
  reply instanceof WireError ? reply.text.includes('internal error') : Array.isArray(reply) && reply.some(broken)

test('every request of every command is answered without an internal error', async () => {
  const chance = seeded('every-request-is-answered')
  await withNode({ 'enable-debug-command': 'yes' }, async ({ client, other: admin }) => {
    const id = String(await client.call('CLIENT', 'ID'))
    for (let round = 0; round < ROUNDS; round++) {
      await admin.pipeline([['FLUSHALL'], ...SPOIL_DATA.map((line) => line.split(' '))])
      for (const words of requestsOf(chance)) {
        const byScript = ['EVAL', 'return redis.call(unpack(ARGV))', '0', ...words]
        const requests = [words, ['RESET'], ['MULTI'], words, ['EXEC'], ['RESET'], byScript, ['RESET']]
        const answers = await answersTo(client, admin, requests, id)
        assert.not(answers.some(broken), `${JSON.stringify(requests)}: ${JSON.stringify(answers)}`)
      }
    }
    assert.is(await admin.call('PING'), 'PONG')
  })
})

test('SCANX and its relatives refuse an unknown type, alone and in a pipeline', async () => {
  await withNode({}, async ({ client, other: admin }) => {
    const id = String(await client.call('CLIENT', 'ID'))
    const wrong = new WireError("ERR invalid DB for 'foo'")
    const requests = [
      ['SCANX', 'foo', '0'],
      ['PKSCANRANGE', 'foo', '', ''],
      ['PKRSCANRANGE', 'foo', '', ''],
    ]
    for (const request of requests) assert.equal(await answersTo(client, admin, [request], id), [wrong])
    assert.equal(await answersTo(client, admin, [...requests, ['PING']], id), [wrong, wrong, wrong, 'PONG'])
  })
})

test.run()
