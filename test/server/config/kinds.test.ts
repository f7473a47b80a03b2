/** Kinds of configuration values: what is accepted, printed and refused. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { splitInline } from '../../../commands/parsing/inline-words.ts'
import {
  ConfigRefused,
  type ConfigValue,
  choice,
  flag,
  integer,
  type Kind,
  MAX_INT64,
  memory,
  memoryText,
  only,
  text,
} from '../../../server/config/kinds.ts'
import {
  addresses,
  bufferLimits,
  eventClasses,
  hostName,
  masterAddress,
  memoryOrPercent,
  octal,
  oomScores,
  percentiles,
  savePoints,
  shutdownOptions,
} from '../../../server/config/kinds-special.ts'

const printed = (kind: Kind, ...words: string[]) => kind.print(kind.parse(words, undefined))

function refused(kind: Kind, word: string, why: string): void {
  try {
    kind.parse([word], undefined)
  } catch (error) {
    assert.instance(error, ConfigRefused)
    assert.is((error as Error).message, why)
    return
  }
  assert.unreachable(`${word} was taken`)
}

test("a master is a host and a port, Pika's form of it, or no one", () => {
  assert.equal(masterAddress.parse(['10.0.0.1', '6380'], undefined), ['10.0.0.1', '6380'])
  assert.equal(masterAddress.parse(['10.0.0.1 6380'], undefined), ['10.0.0.1', '6380'])
  assert.equal(masterAddress.parse(['pika.example:9221'], undefined), ['pika.example', '9221'])
  assert.equal(masterAddress.parse(['[::1]:9221'], undefined), ['::1', '9221'])
  assert.equal(masterAddress.parse(['::1', '9221'], undefined), ['::1', '9221'])
  assert.equal(masterAddress.parse(['[fe80::1%eth0]', '9221'], undefined), ['fe80::1%eth0', '9221'])
  assert.is(hostName.parse(['[::1]'], undefined), '::1')
  for (const words of [[], [''], ['NO', 'one'], ['no one']]) assert.equal(masterAddress.parse(words, undefined), [], words.join())
  assert.is(printed(masterAddress, 'a', '1'), 'a 1')
  assert.is(printed(masterAddress, ''), '')
  assert.equal(masterAddress.lines([]), ['""'])
  assert.equal(splitInline(masterAddress.lines(['#"a', '1'])[0] as string), ['#"a', '1'])
  refused(masterAddress, 'a', 'wrong number of arguments')
  refused(masterAddress, 'a 1 2', 'wrong number of arguments')
  refused(masterAddress, 'a\x01 1', 'Invalid master host')
  refused(masterAddress, '[a] 1', 'Invalid master host')
  for (const port of ['65536', 'x', '-1', '01']) refused(masterAddress, `a ${port}`, 'Invalid master port')
})

test('an address is one printable word or empty', () => {
  for (const word of ['', '10.0.0.1', 'fe80::1%eth0', 'a.example']) assert.is(printed(hostName, word), word)
  for (const word of ['a b', '\n', '\xe4', 'a'.repeat(256)]) refused(hostName, word, 'argument must be the name or address of a machine')
})

test('integers are read strictly and kept within their limits', () => {
  const kind = integer(0, 100)
  assert.is(kind.parse(['0'], undefined), 0)
  assert.is(kind.parse(['100'], undefined), 100)
  for (const word of ['', '05', '+5', ' 5', '5 ', '0.5', '1e2', 'x', '0x10'])
    refused(kind, word, "argument couldn't be parsed into an integer")
  refused(kind, '101', 'argument must be between 0 and 100 inclusive')
  refused(kind, '-1', 'argument must be between 0 and 100 inclusive')
  assert.throws(() => kind.parse(['1', '2'], undefined), /^wrong number of arguments$/)
  assert.throws(() => kind.parse([], undefined), /^wrong number of arguments$/)
})

test('the largest 64-bit integer is accepted and printed exactly', () => {
  assert.is(printed(integer(0, MAX_INT64), '9223372036854775807'), '9223372036854775807')
  refused(integer(-1, MAX_INT64), '9223372036854775808', 'argument must be between -1 and 9223372036854775807 inclusive')
})

test('sizes take the units of Redis in any case', () => {
  const kind = memory(0)
  for (const [word, bytes] of [
    ['1', '1'],
    ['', '0'],
    ['7b', '7'],
    ['1k', '1000'],
    ['1kb', '1024'],
    ['2M', '2000000'],
    ['64mb', '67108864'],
    ['1g', '1000000000'],
    ['10GB', '10737418240'],
  ] as const)
    assert.is(printed(kind, word), bytes)
  for (const word of ['-1', '1.5gb', '1x', 'x', '1 gb']) refused(kind, word, 'argument must be a memory value')
  refused(memory(1048576), '10', 'argument must be between 1048576 and 9223372036854775807 inclusive')
  for (const [bytes, short] of [
    [67108864, '64mb'],
    [1000, '1000'],
    [0, '0'],
    [1536, '1536'],
    [2 ** 30, '1gb'],
    [3 * 2 ** 20, '3mb'],
  ] as const)
    assert.is(memoryText(bytes), short)
})

test('flags and choices ignore case', () => {
  assert.is(flag.parse(['YES'], undefined), true)
  assert.is(printed(flag, 'no'), 'no')
  refused(flag, 'true', "argument must be 'yes' or 'no'")
  assert.is(choice('a', 'b').parse(['B'], undefined), 'b')
  refused(choice('everysec', 'always', 'no'), 'x', 'argument(s) must be one of the following: everysec, always, no')
  assert.is(printed(only('no', 'not here'), 'no'), 'no')
  refused(only('no', 'not here'), 'yes', 'not here')
})

test('client classes that are not named keep their limits', () => {
  const first = bufferLimits.parse(['normal 1kb 2k 3 pubsub 4 5 6'], undefined)
  const then = bufferLimits.parse(['slave 7 8 9'], first)
  assert.is(bufferLimits.print(then), 'normal 1024 2000 3 slave 7 8 9 pubsub 4 5 6')
  assert.equal(bufferLimits.lines(then), ['normal 1kb 2000 3', 'replica 7 8 9', 'pubsub 4 5 6'])
  refused(bufferLimits, 'normal 0 0', 'Wrong number of arguments in buffer limit configuration.')
  refused(bufferLimits, '', 'Wrong number of arguments in buffer limit configuration.')
  refused(bufferLimits, 'foo 0 0 0', 'Invalid client class specified in buffer limit configuration.')
  refused(bufferLimits, 'normal a b c', 'Error in hard, soft or soft_seconds setting in buffer limit configuration.')
})

test('save points add up, and an empty word clears them', () => {
  const one = savePoints.parse(['900', '1'], undefined)
  const two = savePoints.parse(['100 100'], one)
  assert.is(savePoints.print(two), '900 1 100 100')
  assert.equal(savePoints.lines(two), ['900 1', '100 100'])
  assert.equal(savePoints.parse([''], two), [])
  assert.equal(savePoints.lines([]), ['""'])
  for (const word of ['x y', '0 1', '5', '-1 1']) refused(savePoints, word, 'Invalid save parameters')
})

test('percentiles, shutdown options, event classes and the rest print as Redis prints them', () => {
  assert.is(printed(percentiles, '50 99.0 99.9'), '50 99 99.9')
  assert.is(printed(percentiles, ''), '')
  refused(percentiles, '50 101', 'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
  refused(percentiles, '50 a', 'Invalid latency-tracking-info-percentiles parameters')
  assert.is(printed(shutdownOptions, 'nosave', 'force', 'now'), 'nosave now force')
  assert.is(printed(shutdownOptions, 'default'), 'default')
  refused(shutdownOptions, 'save nosave', "shutdown options SAVE and NOSAVE can't be used simultaneously")
  refused(shutdownOptions, 'bla', 'argument(s) must be one of the following: default, save, nosave, now, force')
  assert.is(printed(eventClasses, 'KEA'), 'AKE')
  assert.is(printed(eventClasses, 'EgK'), 'gKE')
  assert.is(printed(eventClasses, 'KEg$lshzxetd'), 'AKE')
  refused(eventClasses, 'q', "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
  assert.is(printed(octal(0o777), '700'), '700')
  assert.is(octal(0o777).parse(['700'], undefined), 0o700)
  refused(octal(0o777), '8', "argument couldn't be parsed as an octal number")
  assert.is(printed(oomScores, '1 -2 3'), '1 -2 3')
  refused(oomScores, '1 2', 'wrong number of arguments')
  refused(oomScores, '1 2 9999', 'Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
  assert.is(printed(memoryOrPercent, '5%'), '5%')
  assert.is(printed(memoryOrPercent, '5mb'), '5242880')
  refused(memoryOrPercent, '200%', 'percentage argument must be less or equal to 100')
  refused(memoryOrPercent, 'x', 'argument must be a memory or percent value')
  assert.equal(addresses.parse(['127.0.0.1 -::1'], undefined), ['127.0.0.1', '-::1'])
  refused(addresses, 'a b c d e f g h i j k l m n o p q', 'Too many bind addresses specified.')
})

test('a value written to a file is read back the same, for every kind', () => {
  const cases: readonly (readonly [Kind, readonly string[]])[] = [
    [integer(-5, 5), ['-3']],
    [memory(0), ['100']],
    [memory(0), ['3gb']],
    [text, ['']],
    [text, ['a "quoted" # word\\ \x00\xff\n']],
    [text, ["it's"]],
    [flag, ['yes']],
    [bufferLimits, ['normal 1 2 3 replica 4mb 5 6 pubsub 7 8 9']],
    [savePoints, ['1 2 3 4']],
    [savePoints, ['']],
    [percentiles, ['']],
    [shutdownOptions, ['now']],
    [addresses, ['* -::*']],
    [memoryOrPercent, ['30%']],
    [octal(0o777), ['640']],
    [eventClasses, ['']],
  ]
  for (const [kind, words] of cases) {
    const value = kind.parse(words, undefined)
    let again: ConfigValue | undefined
    for (const line of kind.lines(value)) again = kind.parse(splitInline(line) as string[], again)
    assert.equal(again, value)
  }
})

test.run()
