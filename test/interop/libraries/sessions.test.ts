/** Sessions of an express application in connect-redis, by real HTTP requests. */
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { RunningServer, until } from '../../support/servers/running-server.ts'
import { closeOpened, opened } from './opened.ts'

declare module 'express-session' {
  interface SessionData {
    user?: string
    visits?: number
  }
}

let server: RunningServer
test.before(async () => {
  server = await RunningServer.start()
})
test.after(() => server.stop())
test.after.each(closeOpened)
test.before.each(async () => {
  await server.call('FLUSHALL')
})

interface Application {
  readonly store: RedisStore
  readonly url: string
}

async function startApplication(cookie: session.CookieOptions = {}): Promise<Application> {
  const client = opened(createClient({ url: `redis://127.0.0.1:${server.port}`, socket: { reconnectStrategy: 20 } }), (it) => it.close())
  client.on('error', () => {})
  await client.connect()
  const store = new RedisStore({ client, prefix: 'app:' })
  const application = express()
  application.use(session({ store, secret: 'harvest', resave: false, saveUninitialized: false, cookie }))
  application.post('/login/:user', (request, response, next) => {
    request.session.regenerate((error) => {
      if (error) return next(error)
      request.session.user = request.params.user
      request.session.visits = 0
      response.json({})
    })
  })
  application.get('/', (request, response) => {
    if (request.session.user === undefined) return void response.status(401).json({})
    request.session.visits = (request.session.visits ?? 0) + 1
    response.json({ user: request.session.user, visits: request.session.visits })
  })
  application.post('/logout', (request, response, next) => {
    request.session.destroy((error) => (error ? next(error) : response.json({})))
  })
  const http = application.listen(0, '127.0.0.1')
  await new Promise((resolve) => http.once('listening', resolve))
  opened(http, () => new Promise((resolve) => http.close(resolve)))
  return { store, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

/** A browser that keeps its cookie. */
class Browser {
  cookie = ''

  async send(method: 'GET' | 'POST', url: string): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(url, { method, headers: { cookie: this.cookie, connection: 'close' } })
    this.cookie = response.headers.get('set-cookie')?.split(';')[0] ?? this.cookie
    return { status: response.status, body: await response.json() }
  }
}

test('a session is valid on every server of the application until logout', async () => {
  const [one, other] = [await startApplication(), await startApplication()]
  const [ann, bob, stranger] = [new Browser(), new Browser(), new Browser()]
  await ann.send('POST', `${one.url}/login/ann`)
  await bob.send('POST', `${other.url}/login/bob`)
  for (let visits = 1; visits <= 3; visits++) {
    assert.equal(await ann.send('GET', (visits === 2 ? one : other).url), { status: 200, body: { user: 'ann', visits } })
  }
  assert.equal(await bob.send('GET', one.url), { status: 200, body: { user: 'bob', visits: 1 } })
  assert.is((await stranger.send('GET', one.url)).status, 401)
  assert.is(await server.call('DBSIZE'), 2)
  const kept = await one.store.all()
  assert.equal(kept.map((session: session.SessionData) => [session.user, session.visits]).sort(), [
    ['ann', 3],
    ['bob', 1],
  ])
  await ann.send('POST', `${other.url}/logout`)
  assert.is((await ann.send('GET', one.url)).status, 401)
  assert.is(await one.store.length(), 1)
  await one.store.clear()
  assert.is((await bob.send('GET', other.url)).status, 401)
})

test('a session expires after inactivity, and each visit extends it', async () => {
  const { url, store } = await startApplication({ maxAge: 1500 })
  const ann = new Browser()
  await ann.send('POST', `${url}/login/ann`)
  const [id] = (await store.ids()) as [string]
  const key = `app:${id}`
  await until("most of the session's time to pass", async () => Number(await server.call('PTTL', key)) < 1000)
  assert.is((await ann.send('GET', url)).status, 200)
  assert.ok(Number(await server.call('PTTL', key)) > 1000)
  await until('the session to expire', async () => (await server.call('EXISTS', key)) === 0)
  assert.is((await ann.send('GET', url)).status, 401)
})

test('sessions survive a killed server', async () => {
  const { url, store } = await startApplication()
  const people = Array.from({ length: 30 }, () => new Browser())
  await Promise.all(people.map((browser, i) => browser.send('POST', `${url}/login/person${i}`)))
  await server.restart('SIGKILL')
  await until('the application to be connected again', async () => (await store.length().catch(() => 0)) === 30)
  for (const [i, browser] of people.entries()) {
    assert.equal(await browser.send('GET', url), { status: 200, body: { user: `person${i}`, visits: 1 } })
  }
})

test.run()
