/**
 * The meaning of names in syntax lines: their types, and the names of choices and tokens. Only
 * docs.ts reads it.
 */
import type { Command } from '../contract/command.ts'
import type { ArgumentDoc, ArgumentType } from './docs.ts'

/** Placeholders that are keys, in commands with key specs. */
export const keyNames: ReadonlySet<string> = new Set('key key1 key2 newkey source destination destkey sourcekey src dst'.split(' '))

/** Placeholders that Redis prints in capitals, if no other placeholder follows. */
export const capitalPlaceholders: ReadonlySet<string> = new Set(['ID', 'COMMAND'])

/** Tokens that Redis prints in lower case. */
const LOWER_CASE_TOKENS = new Set('lib-name lib-ver m km ft mi normal master slave replica pubsub'.split(' '))

const TOKEN_NAMES: Readonly<Record<string, string>> = {
  '=': 'equal',
  '~': 'approximately',
  '*': 'auto-id',
  $: 'new-id',
  '""': 'empty-string',
  CH: 'change',
  INCR: 'increment',
  ALPHA: 'sorting',
  TO: 'target',
}

const INTEGERS = new Set(
  `bit bits client-id count cursor db decrement destination-db entries-added entries-read frequency index index1 index2 len limit
  milliseconds min-match-len min-idle-time ms num-matches numfields numkeys numlocal numreplicas offset port protover rank seconds ttl version weight
  increment end start stop timeout value`.split(/\s+/),
)
const DOUBLES = new Set('height latitude longitude radius score width'.split(' '))
/** Commands whose increments are doubles in Redis's documents. ZINCRBY's is an integer there. */
const FLOAT_INCREMENTS = new Set(['incrbyfloat', 'hincrbyfloat'])
/** Integers in some groups only; strings elsewhere. */
const POSITIONS = new Set(['start', 'stop', 'end'])
const POSITION_GROUPS = new Set(['string', 'bitmap', 'list'])
/** Commands whose bounds need not be scores. */
const TEXT_BOUNDS = /lex|store/
const BY_RANK = new Set(['zrevrange', 'zremrangebyrank'])

/** Redis's names of choices, by the tokens or names of their parts. */
const CHOICES: Readonly<Record<string, string>> = {
  'nx xx gt lt': 'condition',
  'nx xx': 'condition',
  'gt lt': 'comparison',
  'asc desc': 'order',
  'before after': 'where',
  'left right': 'where',
  'min max': 'where',
  'async sync': 'flush-type',
  'on off': 'enabled',
  'on off skip': 'action',
  'byte bit': 'unit',
  'm km ft mi': 'unit',
  'ex px exat pxat keepttl': 'expiration',
  'ex px exat pxat persist': 'expiration',
  'maxlen minid': 'strategy',
  '= ~': 'operator',
  '* id': 'id-selector',
  'id $': 'id-selector',
  'byscore bylex': 'sortby',
  'sum min max': 'aggregate',
  'nosave save': 'save-selector',
  'timeout error': 'unblock-type',
  'write all': 'mode',
  'wrap sat fail': 'overflow-block',
  'set incrby': 'write-operation',
  'get overflow-block-write-operation': 'operation',
  'and or xor not': 'operation',
  'store storedist': 'store',
  'frommember fromlonlat': 'from',
  'key ""': 'key-selector',
  'auth auth2': 'authentication',
  'yes no': 'skipme',
  'module aclcat pattern': 'filterby',
  'lib-name lib-ver': 'attr',
  'host-port-force no-one': 'args',
  'flush append replace': 'policy',
  'normal master slave replica pubsub': 'client-type',
  'normal master replica pubsub': 'client-type',
}

/** True if a word of a syntax line is literal. */
export function isTokenWord(word: string): boolean {
  return !/[a-z]/.test(word) || LOWER_CASE_TOKENS.has(word)
}

export function tokenName(token: string): string {
  return TOKEN_NAMES[token] ?? token.toLowerCase()
}

/** Returns Redis's name of a choice, or the joined names of its parts. */
export function alternativesName(parts: readonly ArgumentDoc[]): string {
  return CHOICES[parts.map((part) => (part.token ?? part.name).toLowerCase()).join(' ')] ?? parts.map((part) => part.name).join('-')
}

/** Renames LMOVE's two choices of an end to wherefrom and whereto. */
export function withEndsNamed(documents: ArgumentDoc[]): ArgumentDoc[] {
  const [from, to] = documents.filter(({ name }) => name === 'where')
  if (from === undefined || to === undefined) return documents
  return documents.map((document) =>
    document === from ? { ...from, name: 'wherefrom' } : document === to ? { ...to, name: 'whereto' } : document,
  )
}

/** Returns the type of a placeholder that is not a key. */
export function placeholderTypeOf(name: string, command: Command): ArgumentType {
  if (name.startsWith('unix-time')) return 'unix-time'
  if (name === 'pattern') return 'pattern'
  if (DOUBLES.has(name)) return 'double'
  if (name === 'increment' && FLOAT_INCREMENTS.has(command.name)) return 'double'
  if (name === 'timeout' && command.flags.includes('blocking') && command.group !== 'stream' && command.group !== 'generic') return 'double'
  if ((name === 'min' || name === 'max') && command.group === 'sorted-set' && !TEXT_BOUNDS.test(command.name)) return 'double'
  if (name === 'value' && command.group !== 'bitmap') return 'string'
  if (POSITIONS.has(name) && !POSITION_GROUPS.has(command.group) && !BY_RANK.has(command.name)) return 'string'
  return INTEGERS.has(name) ? 'integer' : 'string'
}
