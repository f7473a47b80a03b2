/** Scripts that a server may refuse in whole or in part, in every way of running scripts. */
import type { Bytes } from '../../../base/bytes.ts'
import { sha1 } from '../../../commands/scripting/redis-table.ts'

type Request = readonly Bytes[]

/** The flags that a script may declare; null for a script without a shebang. */
const DECLARED: readonly (Bytes | null)[] = [
  null,
  '',
  'no-writes',
  'allow-stale',
  'no-writes,allow-stale',
  'allow-oom',
  'no-writes,allow-oom',
  'no-cluster',
  'allow-cross-slot-keys,allow-stale',
]

/** First lines of scripts, most of them invalid. */
const FIRST_LINES: readonly Bytes[] = [
  '#!',
  '#!lua',
  '#!\n',
  '#! \n',
  '#! lua\n',
  '#!LUA\n',
  '#!foo\n',
  '#!foo flags=no-writes\n',
  '#!lua foo\n',
  '#!lua foo=1\n',
  '#!lua name=lib\n',
  '#!lua flags\n',
  '#!lua flags=\n',
  '#!lua flags=foo\n',
  '#!lua flags=NO-WRITES\n',
  '#!lua FLAGS=no-writes\n',
  '#!lua flags=no-writes,\n',
  '#!lua flags=,no-writes\n',
  '#!lua flags=no-writes,,allow-oom\n',
  '#!lua flags=no-writes, allow-oom\n',
  '#!lua flags=no-writes foo=1\n',
  '#!lua flags=no-writes flags=allow-stale\n',
  '#!lua   flags=no-writes  \n',
  '#!lua\tflags=no-writes\n',
  '#!lua flags=no-writes\r\n',
  '#!lua flags="no-writes"\n',
  '#!lua "flags=no-writes"\n',
  "#!lua 'flags=no-writes,allow-stale'\n",
  '#!lua "flags=\\x6eo-writes"\n',
  '#!lua "flags=no-writes\n',
  '"#!lua" flags=no-writes\n',
  '#!"lua" flags=no-writes\n',
  ' #!lua flags=no-writes\n',
  '\n#!lua flags=no-writes\n',
]

const BODIES: readonly Bytes[] = [
  'return 1',
  "return redis.call('GET', 'k')",
  "return redis.pcall('GET', 'k')",
  "return redis.call('SET', 'k', 'v')",
  "return redis.pcall('SET', 'k', 'v')",
  "redis.call('GET', 'k') return redis.call('SET', 'k', 'v')",
  "return redis.call('PUBLISH', 'c', 'm')",
  "return redis.call('PFCOUNT', 'none')",
  "return redis.call('PING')",
  "return redis.call('ECHO', 'x')",
  "return redis.call('EVAL', 'return 1', '0')",
  "return redis.pcall('FCALL', 'f1', '0')",
  "return redis.call('SCRIPT', 'EXISTS', 'x')",
  "return redis.call('MULTI')",
  "return redis.call('SUBSCRIBE', 'c')",
  "return redis.call('SHUTDOWN')",
  "return redis.call('foo')",
  "return redis.call('GET')",
  "return redis.call('CONFIG')",
  "return redis.call('CONFIG', 'foo')",
  "return redis.call('OBJECT', 'foo', 'bar')",
  'return redis.call()',
  'x x',
]

/** A library with a function for each pair of body and flags. */
export const LIBRARY: Bytes = functions()
  .map(({ name, body, flags }) => {
    const list = (flags ?? '').split(',').filter((flag) => flag !== '')
    return `redis.register_function{function_name='${name}', callback=function() ${body} end, flags={${list.map((flag) => `'${flag}'`).join(', ')}}}`
  })
  .reduce((code, line) => `${code}\n${line}`, '#!lua name=lib')

function functions(): { readonly name: Bytes; readonly body: Bytes; readonly flags: Bytes | null }[] {
  const bodies = BODIES.filter((body) => body !== 'x x')
  return DECLARED.filter((flags) => flags !== null)
    .flatMap((flags) => bodies.map((body) => ({ body, flags })))
    .map((described, at) => ({ name: `f${at}`, ...described }))
}

/** The texts of scripts that can run. */
export const SCRIPTS: readonly Bytes[] = DECLARED.flatMap((flags) =>
  BODIES.map((body) => (flags === null ? body : `#!lua${flags === '' ? '' : ` flags=${flags}`}\n${body}`)),
)

/** Requests that a server may refuse, whichever state it is in. */
export function requests(): Request[] {
  const firstLines = FIRST_LINES.flatMap((line) => ['return 1', "return redis.call('SET', 'k', 'v')"].map((body) => line + body))
  const texts = [...SCRIPTS, ...firstLines]
  const counts = ['x', '-1', '1', '99999999999999999999']
  return [
    ...texts.flatMap((text) => [
      ['EVAL', text, '0'],
      ['EVAL_RO', text, '0'],
      ['EVALSHA', sha1(text), '0'],
      ['EVALSHA_RO', sha1(text), '0'],
    ]),
    ...firstLines.map((text) => ['SCRIPT', 'LOAD', text]),
    ...functions().flatMap(({ name }) => [
      ['FCALL', name, '0'],
      ['FCALL_RO', name, '0'],
    ]),
    ...['EVALSHA', 'EVALSHA_RO'].flatMap((command) =>
      ['', 'x', 'x'.repeat(40), sha1(SCRIPTS[0] as Bytes).toUpperCase()].flatMap((digest) =>
        ['0', ...counts].map((count) => [command, digest, count]),
      ),
    ),
    ...['EVAL', 'EVAL_RO'].flatMap((command) =>
      ['return 1', '#!lua\nreturn 1', '#!lua flags=no-writes,allow-stale\nreturn 1', '#!foo', 'x x'].flatMap((text) =>
        counts.map((count) => [command, text, count]),
      ),
    ),
    ...['FCALL', 'FCALL_RO'].flatMap((command) => ['f0', 'none'].flatMap((name) => counts.map((count) => [command, name, count]))),
  ]
}
