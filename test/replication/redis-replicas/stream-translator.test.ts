/**
 * The stream of a Redis replica: what it is sent, and that offsets stay those of the binlog unless
 * SYNC began it.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { filler, MIN_FILLER_BYTES } from '../../../replication/redis-replicas/filler.ts'
import { StreamTranslator, Untranslatable } from '../../../replication/redis-replicas/stream-translator.ts'
import { readCommand } from '../../../storage/binlog/command-codec.ts'
import { upstreamWords } from '../../../storage/records/upstream.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { encoded, groupsOf, START } from '../../support/replication/groups.ts'

/** A command as a Redis reads it, and the offset after it. */
interface Read {
  readonly words: readonly Bytes[]
  readonly end: number
}

/** Reads a stream as Redis does: a newline between commands is an empty request. */
function read(stream: Buffer): Read[] {
  const commands: Read[] = []
  for (let at = 0; at < stream.length; ) {
    if (stream[at] === 0x0a) {
      at++
      continue
    }
    const command = readCommand(stream, at, stream.length)
    if (command === null) throw new Error(`a command is cut off at ${at}`)
    commands.push({ words: command.args, end: command.end })
    at = command.end
  }
  return commands
}

const isFiller = ({ words }: Read) => words[0] === 'PING' && /^\.*$/.test(words[1] ?? '')
const joined = (commands: readonly Read[]) => commands.map(({ words }) => words.join(' '))

function translated(stream: Buffer, translator = new StreamTranslator(() => 'translate', 'psync')): Buffer {
  return Buffer.concat(translator.push(stream))
}

function refusalOf(commands: readonly (readonly Bytes[])[], compatibility: 'translate' | 'refuse' = 'translate'): string {
  const [group] = groupsOf(START, [commands])
  try {
    translated(group!.bytes, new StreamTranslator(() => compatibility, 'psync'))
  } catch (error) {
    assert.instance(error, Untranslatable)
    return (error as Error).message
  }
  return 'none'
}

test('filler has any length from that of the shortest PING on', () => {
  const lengths = [...Array.from({ length: 2000 }, (_, i) => MIN_FILLER_BYTES + i), 65_535, 99_999, 100_019, 131_072, 300_001]
  for (const length of lengths) {
    const bytes = Buffer.concat(filler(length))
    assert.is(bytes.length, length)
    assert.ok(read(bytes).every(isFiller), String(length))
  }
})

test('groups of commands that Redis 7.0 knows go out byte for byte', () => {
  const groups = groupsOf(START, [
    [['SET', 'a', '1']],
    [
      ['SELECT', '3'],
      ['DEL', 'b'],
      ['SELECT', '0'],
    ],
    [['MULTI'], ['LPUSH', 'l', ''], ['EXEC']],
  ])
  const binlog = Buffer.concat(groups.map(({ bytes }) => bytes))
  assert.ok(translated(binlog).equals(binlog))
})

test('a position in the stream of a Redis master passes, wherever a piece ends', () => {
  for (const [offset, database] of [
    [0, 0],
    [2 ** 50, 999_999_999],
  ] as const) {
    const mark = upstreamWords({ replicationId: 'f'.repeat(40), offset, database })
    const [group] = groupsOf(START, [[['SET', 'key', 'value'], mark]])
    const { bytes } = group!
    for (let cut = 0; cut <= bytes.length; cut++) {
      const translator = new StreamTranslator(() => 'refuse', 'psync')
      const out = [bytes.subarray(0, cut), bytes.subarray(cut)].flatMap((piece) => translator.push(piece).map((part) => Buffer.from(part)))
      assert.ok(Buffer.concat(out).equals(bytes), String(cut))
    }
  }
})

test('a group that changes nothing asks for an acknowledgement', () => {
  const [group] = groupsOf(START, [[['PING']]])
  const commands = read(translated(group!.bytes))
  assert.is(commands.length, 2)
  assert.ok(isFiller(commands[0]!))
  assert.equal(commands[1], { words: ['REPLCONF', 'GETACK', '*'], end: group!.bytes.length })
})

test('deadlines of fields are left out and counted, or refused', () => {
  const commands = [
    ['HSET', 'h', 'a', '1'],
    ['HPEXPIREAT', 'h', '4000000000000', 'FIELDS', '2', 'a', 'b'],
    ['HPERSIST', 'h', 'FIELDS', '1', 'a'],
    ['HDEL', 'h', 'a'],
  ]
  const [group] = groupsOf(START, [commands])
  const translator = new StreamTranslator(() => 'translate', 'psync')
  const out = translated(group!.bytes, translator)
  assert.is(out.length, group!.bytes.length)
  assert.is(translator.deadlinesLeftOut, 3)
  const sent = read(out).filter((command) => !isFiller(command))
  assert.equal(joined(sent).slice(1), ['HSET h a 1', 'HDEL h a'])
  assert.is(sent.at(-1)?.end, group!.bytes.length)
  assert.is(refusalOf(commands, 'refuse'), 'HPEXPIREAT')
})

test('commands that Redis 7.0 lacks, and newer payloads, end the stream', () => {
  const payload = (version: number) => `value${String.fromCharCode(version, 0)}checksum`
  assert.is(refusalOf([['HSETEX', 'h', 'EX', '1', 'FIELDS', '1', 'a', 'b']]), 'HSETEX')
  assert.is(refusalOf([['RESTORE', 'key', '0', payload(12), 'REPLACE']]), 'a payload of version 12')
  assert.is(refusalOf([['FUNCTION', 'RESTORE', payload(11), 'FLUSH']]), 'a payload of version 11')
  for (const known of [
    ['RESTORE', 'key', '0', payload(10)],
    ['FUNCTION', 'RESTORE', payload(10)],
    ['FUNCTION', 'LOAD', 'REPLACE', `#!lua name=x\n${payload(12)}`],
    ['SET', 'a', payload(12)],
  ])
    assert.is(refusalOf([known]), 'none', known.join(' '))
})

test('bytes that are no command end the stream', () => {
  for (const text of ['SET a 1\r\n', '*x\r\n', '*1\r\n+PING\r\n', '\0', '*2\r\n$4\r\nPING\r\n$3\r\nabc\r\n'.padEnd(400, 'x')]) {
    assert.throws(
      () => translated(Buffer.from(text)),
      (error: Error) => error instanceof Untranslatable,
      text,
    )
  }
})

test('newlines sent between groups make the next head shorter by as much, up to a limit', () => {
  const groups = groupsOf(START, [[['SET', 'a', '1']], [['SET', 'b', '2']], [['PING']]])
  const translator = new StreamTranslator(() => 'translate', 'psync')
  const out: Buffer[] = [...translator.push(groups[0]!.bytes)]
  let newlines = 0
  for (let newline = translator.heartbeat(); newline !== null; newline = translator.heartbeat()) {
    out.push(newline)
    newlines++
  }
  assert.ok(newlines > 50)
  out.push(...translator.push(groups[1]!.bytes))
  out.push(translator.heartbeat()!)
  out.push(...translator.push(groups[2]!.bytes))
  const stream = Buffer.concat(out)
  const commands = read(stream)
  assert.is(stream.length, groups[2]!.end.offset)
  assert.equal(
    commands.filter(({ words }) => words[0] === 'SET').map(({ end }) => end),
    [groups[0]!.end.offset, groups[1]!.end.offset],
  )
  assert.is(translator.push(groups[1]!.bytes.subarray(0, 10)).length, 0)
  assert.is(translator.heartbeat(), null, 'no newline within a group')
})

const FIELDS = 6

function randomCommand({ integer, pick }: Seeded): Bytes[] {
  const text = () => '\r\n*$'.repeat(integer(3)) + 'x'.repeat(integer(integer(20) === 0 ? 5000 : 30))
  const fields = Array.from({ length: 1 + integer(FIELDS) }, text)
  return pick([
    ['SET', text(), text()],
    ['RPUSH', text(), ...fields],
    ['HPEXPIREAT', text(), '4000000000000', 'FIELDS', String(fields.length), ...fields],
    ['HPERSIST', text(), 'FIELDS', String(fields.length), ...fields],
    ['FUNCTION', 'LOAD', text()],
    ['RESTORE', text(), '0', `${text()}\n\0checksum`],
    ['EXEC'],
  ])
}

test('any cutting of the binlog gives a stream of its length with the known commands where they were', () => {
  const chance = seeded('translator')
  const { integer } = chance
  for (let round = 0; round < 300; round++) {
    const commands = Array.from({ length: 1 + integer(5) }, () => {
      return integer(4) === 0 ? [['PING']] : Array.from({ length: 1 + integer(5) }, () => randomCommand(chance))
    })
    const binlog = Buffer.concat(groupsOf(START, commands).map(({ bytes }) => bytes))
    const translator = new StreamTranslator(() => 'translate', 'psync')
    const out: Buffer[] = []
    for (let at = 0; at < binlog.length; ) {
      const end = Math.min(binlog.length, at + 1 + integer(integer(3) === 0 ? 2000 : 40))
      out.push(...translator.push(binlog.subarray(at, end)).map((bytes) => Buffer.from(bytes)))
      at = end
      assert.is(out.reduce((sum, { length }) => sum + length, 0) + translator.heldBytes, at)
    }
    const known = (all: readonly Read[]) => all.filter(({ words }) => !['PING', 'REPLCONF', 'HPEXPIREAT', 'HPERSIST'].includes(words[0]!))
    assert.equal(known(read(Buffer.concat(out))), known(read(binlog)))
  }
})

test('a stream may begin after any command', () => {
  const commands = [
    ['SET', 'a', '1'],
    ['HPERSIST', 'h', 'FIELDS', '1', 'a'],
    ['SET', 'b', '2'],
  ]
  const [group] = groupsOf(START, [commands])
  let from = group!.bytes.length
  for (const words of [...commands].reverse()) {
    from -= encoded(words).length
    assert.is(translated(group!.bytes.subarray(from)).length, group!.bytes.length - from)
  }
})

/** A binlog with everything that the stream after SYNC leaves out, and what it has instead. */
const LOGGED: readonly (readonly (readonly Bytes[])[])[] = [
  [['SET', 'a', '1']],
  [
    ['SELECT', '3'],
    ['SET', 'b', '1'],
    ['SELECT', '0'],
  ],
  [['MULTI'], ['SELECT', '3'], ['SET', 'c', '1'], ['SELECT', '4'], ['DEL', 'd'], ['EXEC'], ['SELECT', '0']],
  [['PING']],
  [
    ['SELECT', '11'],
    ['HPERSIST', 'h', 'FIELDS', '1', 'f'],
    ['SELECT', '0'],
  ],
  [
    ['SELECT', '4'],
    ['SET', 'e', '*2\r\n$4\r\nPING\r\n'],
    ['SELECT', '0'],
  ],
  [['MULTI'], ['SET', 'f', '1'], ['EXEC'], upstreamWords({ replicationId: 'f'.repeat(40), offset: 1, database: 0 })],
]
const AFTER_SYNC = [
  'SELECT 0',
  'SET a 1',
  'SELECT 3',
  'SET b 1',
  'MULTI',
  'SET c 1',
  'SELECT 4',
  'DEL d',
  'EXEC',
  'PING',
  'SET e *2\r\n$4\r\nPING\r\n',
  'SELECT 0',
  'MULTI',
  'SET f 1',
  'EXEC',
]

test('the stream after SYNC has commands alone, wherever a piece ends, and selects databases as Redis does', () => {
  const binlog = Buffer.concat(groupsOf(START, LOGGED).map(({ bytes }) => bytes))
  for (let cut = 0; cut <= binlog.length; cut++) {
    const translator = new StreamTranslator(() => 'translate', 'sync')
    const out = [binlog.subarray(0, cut), binlog.subarray(cut)].flatMap((piece) => translator.push(piece).map((part) => Buffer.from(part)))
    assert.equal(joined(read(Buffer.concat(out))), AFTER_SYNC, String(cut))
    assert.is(translator.deadlinesLeftOut, 1)
  }
})

test('heartbeats of a stream after SYNC are PINGs between commands, as many as are due', () => {
  const [group] = groupsOf(START, [[['SET', 'a', '1']]])
  const translator = new StreamTranslator(() => 'translate', 'sync')
  for (let i = 0; i < 200; i++) assert.equal(joined(read(translator.heartbeat()!)), ['PING'])
  assert.equal(joined(read(translated(group!.bytes, translator))), ['SELECT 0', 'SET a 1'])
  translator.push(group!.bytes.subarray(0, group!.bytes.length - 3))
  assert.is(translator.heartbeat(), null)
})

test.run()
