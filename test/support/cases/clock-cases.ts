/**
 * Requests that show which time a command sees. They are sent in one packet, so they run in one
 * turn of the event loop.
 *
 * The values are those of Redis. DEBUG SLEEP takes real time, longer than the deadlines that it
 * must outlast.
 */
import { until } from '../servers/running-server.ts'
import { encodeCommand, WireClient, type WireReply } from '../servers/wire-client.ts'

type Words = readonly (string | number)[]

export interface ClockCase {
  readonly name: string
  readonly requests: readonly Words[]
  /** `undefined` accepts any reply. */
  readonly replies: readonly (WireReply | undefined)[]
}

/** Longer than a busy machine keeps a process from running between two requests of a packet. */
const DEADLINE_MS = 500
const SLEEP: Words = ['DEBUG', 'SLEEP', '0.8']
/** Lua that runs past the deadline, also without a clock, as in Debian's Redis. */
const BUSY = `local hasClock, from = pcall(function() return os.clock() end)
  if hasClock then while os.clock() - from < 0.8 do end else for i = 1, 3e8 do end end`

export const CLOCK_CASES: readonly ClockCase[] = [
  {
    name: 'a key expires behind a slow command of the same packet',
    requests: [['SET', 'k', 'v', 'PX', DEADLINE_MS], SLEEP, ['GET', 'k'], ['PTTL', 'k'], ['DBSIZE']],
    replies: ['OK', 'OK', null, -2, 0],
  },
  {
    name: 'a deadline is counted from when its command runs',
    requests: [SLEEP, ['SET', 'k', 'v', 'PX', DEADLINE_MS], ['GET', 'k'], ['TYPE', 'k']],
    replies: ['OK', 'OK', 'v', 'string'],
  },
  {
    name: 'a key expires behind a slow script of the same packet, and not within it',
    requests: [
      ['SET', 'k', 'v', 'PX', DEADLINE_MS],
      ['EVAL', `${BUSY} return redis.call('GET', KEYS[1])`, 1, 'k'],
      ['GET', 'k'],
    ],
    replies: ['OK', 'v', null],
  },
  {
    name: 'a key expires behind a slow transaction of the same packet, and not within it',
    requests: [['MULTI'], ['SET', 'k', 'v', 'PX', DEADLINE_MS], SLEEP, ['GET', 'k'], ['EXEC'], ['GET', 'k']],
    replies: ['OK', 'QUEUED', 'QUEUED', 'QUEUED', ['OK', 'OK', 'v'], null],
  },
  {
    name: 'a watched key that expires behind a slow command breaks the transaction',
    requests: [['SET', 'k', 'v', 'PX', DEADLINE_MS], ['WATCH', 'k'], SLEEP, ['MULTI'], ['PING'], ['EXEC']],
    replies: ['OK', 'OK', 'OK', 'OK', 'QUEUED', null],
  },
  {
    name: 'two slow commands of one packet each end a reading',
    requests: [
      ['SET', 'k', 'v', 'PX', DEADLINE_MS],
      SLEEP,
      ['EXISTS', 'k'],
      ['SET', 'k', 'w', 'PX', DEADLINE_MS],
      SLEEP,
      ['EXISTS', 'k'],
      ['RENAME', 'k', 'l'],
    ],
    replies: ['OK', 'OK', 0, 'OK', 'OK', 0, undefined],
  },
]

/** Sends requests in one packet. Returns their replies. */
export async function repliesOf(port: number, requests: readonly Words[]): Promise<WireReply[]> {
  const client = await WireClient.connect({ port })
  try {
    await client.call('FLUSHALL')
    return await client.pipeline(requests)
  } finally {
    await client.close()
  }
}

/** The reply of BLPOP if the list expires within the transaction that creates it: null. */
export async function poppedOfExpired(port: number): Promise<WireReply> {
  const blocked = await WireClient.connect({ port })
  const client = await WireClient.connect({ port })
  try {
    await client.call('FLUSHALL')
    const popped = blocked.call('BLPOP', 'l', 2)
    await until('the blocked client', async () => String(await client.call('INFO', 'clients')).includes('blocked_clients:1'))
    const requests: Words[] = [['MULTI'], ['RPUSH', 'l', 'a'], ['PEXPIRE', 'l', DEADLINE_MS], SLEEP, ['EXEC']]
    client.raw(Buffer.concat(requests.map((words) => encodeCommand(...words))))
    return await popped
  } finally {
    await blocked.close()
    await client.close()
  }
}
