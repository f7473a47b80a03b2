/** The options of `start`: checked by the compiler, and by the table at run time. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Config } from '../../../server/config/config.ts'
import type { StartOptions } from '../../../server/index.ts'

/** Returns the error text, or undefined if the options are valid. */
function problem(options: StartOptions): string | undefined {
  try {
    new Config().load(Object.entries(options).map(([name, value]) => [name, value === true ? 'yes' : String(value)] as const))
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

test('options are typed values or texts as in a file', () => {
  assert.is(problem({ port: 0, 'cache-memory': '64mb', appendfsync: 'always', 'warm-up': true, 'slave-priority': 5 }), undefined)
  assert.is(problem({ port: '0', 'protected-mode': 'yes', 'tls-auth-clients': true, requirepass: 1234, 'expire-logs-days': 3 }), undefined)
  assert.is(problem({ bind: '127.0.0.1 ::1', save: '', maxmemory: '1gb', 'thread-num': 4 }), undefined)
  const texts: Readonly<Record<string, string>> = { port: '0' }
  assert.is(problem(texts), undefined)
})

test('an option with an unknown name or a wrong type does not compile', () => {
  // @ts-expect-error a slip of the pen
  assert.match(problem({ prot: 1 }) as string, /did you mean 'port'/)
  // @ts-expect-error a number
  assert.match(problem({ port: true }) as string, /couldn't be parsed into an integer/)
  // @ts-expect-error a flag
  assert.match(problem({ 'warm-up': 1 }) as string, /must be 'yes' or 'no'/)
})

test.run()
