/**
 * Random requests of any command, made from the argument tree of its syntax line. There is no list
 * of forms to maintain, so a new command is covered at once. Options occur in any number, once or
 * twice. Words are valid often enough that most requests succeed.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Command } from '../../../commands/contract/command.ts'
import { type ArgumentDoc, argumentsOf } from '../../../commands/introspection/docs.ts'
import type { Seeded } from './seed.ts'

/** Kinds of keys; a key pool has some of each. */
export const TABLE_KINDS = ['str', 'hash', 'list', 'set', 'zset', 'stream', 'geo', 'hll'] as const
export type TableKind = (typeof TABLE_KINDS)[number]

const KIND_OF_GROUP: Readonly<Record<string, TableKind>> = {
  string: 'str',
  bitmap: 'str',
  hash: 'hash',
  list: 'list',
  set: 'set',
  'sorted-set': 'zset',
  stream: 'stream',
  geo: 'geo',
  hyperloglog: 'hll',
}

/** Words by the name of a placeholder; other placeholders use their type. */
const WORDS: Readonly<Record<string, readonly Bytes[]>> = {
  id: ['1-1', '2-0', '0', '$', '>', '*', '7-7'],
  group: ['g'],
  consumer: ['c'],
  field: ['a', '0'],
  member: ['a', 'b', '0'],
  member1: ['a'],
  member2: ['b'],
  element: ['0', '1', 'a'],
  timeout: ['0.001'],
  milliseconds: ['1'],
  start: ['', '-', '0', '(1', '1-1', '[a'],
  stop: ['+', '-1', '1'],
  end: ['', '+', '-1', '9-9'],
  min: ['-', '-inf', '0', '[a'],
  max: ['+', '+inf', '9', '(z'],
  type: ['string_with_value', 'string', 'hash', 'zset', 'nosuch'],
  cursor: ['0'],
  bit: ['0', '1'],
  longitude: ['10'],
  latitude: ['40'],
  radius: ['900'],
  encoding: ['u8', 'i5'],
  subcommand: ['ENCODING', 'GETREG', 'HELP'],
  function: ['readkey'],
  event: ['command'],
  index: ['0', '-1', '1'],
}

const BY_TYPE: Readonly<Record<string, readonly Bytes[]>> = {
  integer: ['0', '1', '2', '-1', '10'],
  double: ['1', '2.5', '900'],
  string: ['a', '0', '1', 'xyz', ''],
  'unix-time': ['4000000000', '1'],
}

export interface KeyPools {
  readonly key: (kind: TableKind) => Bytes
  readonly pattern: () => Bytes
  readonly script: () => Bytes
}

/** Every executable command, with subcommands in the place of containers. */
export function leavesOf(families: readonly (readonly Command[])[]): Command[] {
  return families.flat().flatMap((command) => command.subcommands ?? [command])
}

export function tableRequest(command: Command, chance: Seeded, pools: KeyPools): Bytes[] {
  return new RequestMaker(command, chance, pools).make()
}

class RequestMaker {
  private readonly words: Bytes[]
  /** The number of keys in a counted list, and of the ids or fields that go with it. */
  private readonly count: number
  private readonly command: Command
  private readonly chance: Seeded
  private readonly pools: KeyPools

  constructor(command: Command, chance: Seeded, pools: KeyPools) {
    this.command = command
    this.chance = chance
    this.pools = pools
    this.count = 1 + chance.integer(3)
    this.words = command.name.split('|')
  }

  make(): Bytes[] {
    for (const argument of argumentsOf(this.command)) this.add(argument)
    return this.words
  }

  private add(argument: ArgumentDoc): void {
    const { random } = this.chance
    if (argument.optional === true && random() < 0.45) return
    const times = argument.optional === true && random() < 0.25 ? 2 : 1
    for (let i = 0; i < times; i++) this.addOnce(argument)
  }

  private addOnce(argument: ArgumentDoc): void {
    const { name, type, token, parts, multiple, multipleToken } = argument
    if (token !== undefined && multipleToken !== true) this.words.push(token)
    const times = multiple !== true ? 1 : type === 'key' || name === 'id' || name === 'field' ? this.count : 1 + this.chance.integer(2)
    for (let i = 0; i < times; i++) {
      if (token !== undefined && multipleToken === true) this.words.push(token)
      if (type === 'oneof') this.addOnce(this.chance.pick(parts ?? []))
      else if (type === 'block') for (const part of parts ?? []) this.add(part)
      else if (type !== 'pure-token') this.words.push(this.word(name, type))
    }
  }

  private word(name: string, type: string): Bytes {
    const { pick, random } = this.chance
    if (type === 'key') {
      const kind = KIND_OF_GROUP[this.command.group]
      return this.pools.key(kind === undefined || random() < 0.05 ? pick(TABLE_KINDS) : kind)
    }
    if (name === 'numkeys' || name === 'numfields') return String(this.count)
    if (type === 'pattern') return this.pools.pattern()
    if (name === 'script') return this.pools.script()
    return pick(WORDS[name] ?? BY_TYPE[type] ?? ['x'])
  }
}
