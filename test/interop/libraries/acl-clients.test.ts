/**
 * Users of the npm clients `redis` and `ioredis`: they sign in, manage users, and get the refusals
 * of what they may not do.
 */
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

let server: RunningServer
test.before(async () => {
  const user = ['app on >app-secret ~app:* &app:* +@all -@dangerous +info', 'admin on >admin-secret ~* &* +@all']
  server = await RunningServer.start({
    words: user.flatMap((line) => ['--user', line]),
    flags: { requirepass: 'none of theirs' },
    password: ['admin', 'admin-secret'],
  })
})
test.after(() => server.stop())
test.after.each(closeOpened)

const message = (error: Error) => error.message

for (const RESP of [2, 3] as const) {
  test(`redis, RESP${RESP}: a user signs in by URL, and another manages users`, async () => {
    const connect = async (credentials: string) => {
      const client = createClient({ url: `redis://${credentials}@127.0.0.1:${server.port}`, RESP, socket: { reconnectStrategy: false } })
      client.on('error', () => {})
      await client.connect()
      return opened(client, () => client.destroy())
    }
    const app = await connect('app:app-secret')
    assert.is(await app.aclWhoAmI(), 'app')
    assert.is(await app.set('app:a', '1'), 'OK')
    assert.is(await app.set('b', '1').catch(message), 'NOPERM No permissions to access a key')
    assert.is(await app.flushAll().catch(message), "NOPERM User app has no permissions to run the 'flushall' command")
    assert.is(await app.subscribe('other', () => {}).catch(message), 'NOPERM No permissions to access a channel')
    assert.match(await connect('app:wrong').then(() => 'let in', message), /^WRONGPASS/)
    const admin = await connect('admin:admin-secret')
    assert.is(await admin.aclSetUser('eve', ['on', '>x', '%R~r*', '+get', '(~s +set)']), 'OK')
    const eve = await admin.aclGetUser('eve')
    if (eve === null) throw new Error('no such user')
    assert.equal([...(eve.flags as string[])], ['on', 'sanitize-payload'])
    assert.is(eve.keys, '%R~r*')
    assert.is(eve.selectors?.length, 1)
    const [first] = await admin.aclLog()
    assert.is(first?.username, 'app')
    assert.is(typeof first?.['age-seconds'], 'number')
    assert.is(await admin.aclDelUser('eve'), 1)
    assert.is(await admin.aclDryRun('app', ['GET', 'x']), "User app has no permissions to access the 'x' key")
  })
}

test('ioredis signs in with username and password', async () => {
  const options = { host: '127.0.0.1', port: server.port, retryStrategy: () => null }
  const app = opened(new Redis({ ...options, username: 'app', password: 'app-secret' }), (client) => client.disconnect())
  assert.is(await app.acl('WHOAMI'), 'app')
  assert.is(await app.get('b').catch(message), 'NOPERM No permissions to access a key')
  const results = await app.pipeline().set('app:x', '1').set('x', '1').get('app:x').exec()
  assert.equal(
    results?.map(([error, value]) => error?.message ?? value),
    ['OK', 'NOPERM No permissions to access a key', '1'],
  )
  const transaction = await app.multi().set('app:x', '2').set('x', '1').exec().catch(message)
  assert.match(String(transaction), /^EXECABORT/)
})

test.run()
