/** Writes of every kind, and what they leave: for comparing a server with itself after a crash, or with another. */
import { until } from './running-server.ts'
import type { Seeded } from './seed.ts'
import type { WireClient, WireReply } from './wire-client.ts'

const DATABASES = 3

export type Words = (string | number)[]

/** A command of any kind whose effect depends on what is there, on time or on chance. */
export function randomCommand(chance: Seeded): Words {
  const key = `key${chance.integer(60)}`
  const other = `key${chance.integer(60)}`
  const number = `number${chance.integer(10)}`
  const value = String.fromCharCode(...Array.from({ length: chance.integer(30) }, () => chance.integer(256)))
  return chance.pick<Words>([
    ['SET', key, value],
    ['SET', key, value, 'EX', 1000 + chance.integer(1000)],
    ['SET', key, value, 'NX', 'GET'],
    ['SET', key, value, 'KEEPTTL'],
    ['SET', key, value.padEnd(70_000, '.'), 'PX', 1_000_000],
    ['SETEX', key, 5000, value],
    ['GETEX', key, 'EX', 777],
    ['GETDEL', key],
    ['MSET', key, value, other, 'x'],
    ['APPEND', key, value],
    ['SETRANGE', key, chance.integer(chance.random() < 0.1 ? 80_000 : 50), value],
    ['SETBIT', key, chance.integer(1000), chance.integer(2)],
    ['BITOP', 'XOR', 'bits', key, other],
    ['BITFIELD', 'fields', 'INCRBY', 'u8', `#${chance.integer(8)}`, chance.integer(300), 'OVERFLOW', 'SAT', 'INCRBY', 'i5', 100, 3],
    ['INCR', number],
    ['INCRBYFLOAT', number, String(chance.integer(1000) / 8)],
    ['DECRBY', number, chance.integer(1000)],
    ['EXPIRE', key, 3000 + chance.integer(100), chance.pick(['NX', 'XX', 'GT', 'LT'])],
    ['PEXPIREAT', key, 4_000_000_000_000 + chance.integer(1000)],
    ['PERSIST', key],
    ['PEXPIRE', key, 1 + chance.integer(30)],
    ['RENAME', key, other],
    ['COPY', key, other, 'REPLACE'],
    ['COPY', key, other, 'DB', 1],
    ['MOVE', key, chance.integer(DATABASES)],
    ['DEL', key, other],
    ['SELECT', chance.integer(DATABASES)],
    ...(chance.random() < 0.05 ? ([['SWAPDB', 0, 1], ['FLUSHDB']] as Words[]) : []),
  ])
}

/** Every key of every database with its value and deadline. */
export async function dataset(client: WireClient): Promise<Map<string, WireReply>> {
  const all = new Map<string, WireReply>()
  for (let database = 0; database < DATABASES; database++) {
    await client.call('SELECT', database)
    const keys = ((await client.call('KEYS', '*')) as string[]).sort()
    for (const key of keys) all.set(`${database} ${key}`, await client.pipeline([['GET', key], ['PEXPIRETIME', key]])) // biome-ignore format: one line
  }
  return all
}

/** Waits until keys that end within the next minute have gone. */
export async function withoutShortDeadlines(client: WireClient): Promise<void> {
  await until('keys with short deadlines to be gone', async () => {
    const deadlines = [...(await dataset(client)).values()].map((reply) => (reply as number[])[1] ?? 0)
    return deadlines.every((deadline) => deadline < 0 || deadline > Date.now() + 60_000)
  })
}
