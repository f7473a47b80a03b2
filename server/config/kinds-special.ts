/** The kinds of configuration values that have a grammar of their own. See kinds.ts. */
import { at, must } from '../../base/assert.ts'
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { hostOf } from '../../commands/parsing/args.ts'
import {
  type BufferLimit,
  type BufferLimitClass,
  type BufferLimits,
  ConfigRefused,
  type ConfigValue,
  type Kind,
  memoryBytesOf,
  memoryText,
  oneWord,
  quoted,
  requireChoice,
} from './kinds.ts'

/** The words of a value given as separate words, as one argument with spaces, or as both. */
function separated(words: readonly Bytes[]): Bytes[] {
  return words.flatMap((word) => word.split(' ')).filter((word) => word !== '')
}

/** A kind of any number of words. */
function manyWords<V extends ConfigValue>(
  describe: string,
  parse: (words: readonly Bytes[], previous: V | undefined) => V,
  print: (value: V) => Bytes,
  lines: (value: V) => readonly Bytes[] = (value) => [print(value) || '""'],
): Kind<V> {
  return { describe, takes: 'many', parse: (words, previous) => parse(separated(words), previous), print, lines }
}

const joined = (values: readonly (Bytes | number)[]) => values.join(' ')

/**
 * Addresses to listen on. `*` is every IPv4 address, `::*` every IPv6 one. An address with a
 * leading minus may be missing from the machine. No address: no TCP.
 */
export const addresses = manyWords<readonly Bytes[]>(
  'addresses',
  (words) => {
    if (words.length > 16) throw new ConfigRefused('Too many bind addresses specified.')
    return words
  },
  joined,
)

const BUFFER_CLASSES: Readonly<Record<string, BufferLimitClass>> = {
  normal: 'normal',
  slave: 'replica',
  replica: 'replica',
  pubsub: 'pubsub',
}
const NO_LIMIT: BufferLimit = { hard: 0, soft: 0, softSeconds: 0 }
const printLimit = ({ hard, soft, softSeconds }: BufferLimit) => `${hard} ${soft} ${softSeconds}`

/** `<class> <hard> <soft> <seconds>`, repeated; a class that is not named keeps its limits. */
export const bufferLimits = manyWords<BufferLimits>(
  'class hard soft seconds',
  (words, previous) => {
    if (words.length === 0 || words.length % 4 !== 0) throw new ConfigRefused('Wrong number of arguments in buffer limit configuration.')
    const limits = { ...(previous ?? { normal: NO_LIMIT, replica: NO_LIMIT, pubsub: NO_LIMIT }) }
    for (let i = 0; i < words.length; i += 4) {
      const name = BUFFER_CLASSES[lowerCase(at(words, i))]
      if (name === undefined) throw new ConfigRefused('Invalid client class specified in buffer limit configuration.')
      const hard = memoryBytesOf(at(words, i + 1))
      const soft = memoryBytesOf(at(words, i + 2))
      const seconds = at(words, i + 3)
      if (hard === null || soft === null || !/^\d{1,9}$/.test(seconds))
        throw new ConfigRefused('Error in hard, soft or soft_seconds setting in buffer limit configuration.')
      limits[name] = { hard: Number(hard), soft: Number(soft), softSeconds: Number(seconds) }
    }
    return limits
  },
  ({ normal, replica, pubsub }) => `normal ${printLimit(normal)} slave ${printLimit(replica)} pubsub ${printLimit(pubsub)}`,
  (limits) =>
    (['normal', 'replica', 'pubsub'] as const).map((name) => {
      const { hard, soft, softSeconds } = limits[name]
      return `${name} ${memoryText(hard)} ${memoryText(soft)} ${softSeconds}`
    }),
)

/** `<seconds> <changes>`, repeated. The lines of a file add up; an empty word means none. */
export const savePoints = manyWords<readonly number[]>(
  'seconds changes ...',
  (words, previous) => {
    if (words.length === 0) return []
    const numbers = words.map((word) => (/^\d{1,15}$/.test(word) ? Number(word) : -1))
    if (numbers.length % 2 !== 0 || numbers.some((number, i) => number < (i % 2 === 0 ? 1 : 0)))
      throw new ConfigRefused('Invalid save parameters')
    return [...(previous ?? []), ...numbers]
  },
  joined,
  (numbers) => {
    const lines: Bytes[] = []
    for (let i = 0; i < numbers.length; i += 2) lines.push(`${numbers[i]} ${numbers[i + 1]}`)
    return lines.length > 0 ? lines : ['""']
  },
)

/** Percentiles, each 0 to 100. */
export const percentiles = manyWords<readonly number[]>(
  'percentiles',
  (words) =>
    words.map((word) => {
      if (!/^-?(\d+\.?\d*|\.\d+)$/.test(word)) throw new ConfigRefused('Invalid latency-tracking-info-percentiles parameters')
      const value = Number(word)
      if (value < 0 || value > 100) throw new ConfigRefused('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]')
      return value
    }),
  joined,
)

/**
 * `host port`, Pika's `host:port`, or `no one`. The value is host and port, or empty for a master.
 */
export const masterAddress = manyWords<readonly Bytes[]>(
  'host port',
  (words) => {
    const [name, port] = words.length === 1 ? splitAddress(at(words, 0)) : words
    if (name === undefined || (words.length === 2 && lowerCase(words.join(' ')) === 'no one')) return []
    if (words.length > 2 || port === undefined) throw new ConfigRefused('wrong number of arguments')
    const host = hostOf(name)
    if (host === null) throw new ConfigRefused('Invalid master host')
    if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) throw new ConfigRefused('Invalid master port')
    return [host, port]
  },
  joined,
  ([host, port]) => [host === undefined ? '""' : `${quoted(host)} ${port}`],
)

/** The name or address of a machine, or empty. */
export const hostName: Kind<Bytes> = oneWord(
  'host',
  (word) => {
    if (word === '') return word
    const host = hostOf(word)
    if (host === null) throw new ConfigRefused('argument must be the name or address of a machine')
    return host
  },
  (value) => value,
)

function splitAddress(word: Bytes): Bytes[] {
  const parts = /^\[?(.+?)\]?:(\d+)$/.exec(word)
  return parts === null ? [word] : [must(parts[1]), must(parts[2])]
}

const SHUTDOWN_WORDS = ['default', 'save', 'nosave', 'now', 'force']

/** How a signal shuts the server down: `default`, or options of SHUTDOWN. */
export const shutdownOptions = manyWords<readonly Bytes[]>(
  SHUTDOWN_WORDS.join(', '),
  (words) => {
    const given = new Set((words.length === 0 ? [''] : words).map((word) => requireChoice(lowerCase(word), SHUTDOWN_WORDS)))
    if (given.has('save') && given.has('nosave')) throw new ConfigRefused("shutdown options SAVE and NOSAVE can't be used simultaneously")
    const real = SHUTDOWN_WORDS.filter((word) => word !== 'default' && given.has(word))
    return real.length > 0 ? real : ['default']
  },
  joined,
)

/** Three scores for the kernel's out-of-memory killer. */
export const oomScores = manyWords<readonly number[]>(
  'three integers -2000 to 2000',
  (words) => {
    if (words.length !== 3) throw new ConfigRefused('wrong number of arguments')
    const scores = words.map((word) => (/^-?\d{1,9}$/.test(word) ? Number(word) : Number.NaN))
    if (!scores.every((score) => Math.abs(score) <= 2000))
      throw new ConfigRefused('Invalid oom-score-adj-values, elements must be between -2000 and 2000.')
    return scores
  },
  joined,
)

const EVENT_CLASSES = 'g$lshzxetd'
const EVENT_ORDER = 'Ag$lshzxetdKEmn'

/** Classes of keyspace events, printed in Redis's order with A for all of the common ones. */
export const eventClasses: Kind<Bytes> = oneWord(
  'event classes',
  (word) => {
    for (const char of word)
      if (!EVENT_ORDER.includes(char)) throw new ConfigRefused("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
    const all = word.includes('A') || [...EVENT_CLASSES].every((char) => word.includes(char))
    return [...EVENT_ORDER].filter((char) => (char === 'A' ? all : word.includes(char) && !(all && EVENT_CLASSES.includes(char)))).join('')
  },
  (value) => value,
)

/** A file mode in octal, at most `most`. */
export const octal = (most: number): Kind<number> =>
  oneWord(
    `octal 0 to ${most.toString(8)}`,
    (word) => {
      if (!/^[0-7]{1,4}$/.test(word)) throw new ConfigRefused("argument couldn't be parsed as an octal number")
      const mode = Number.parseInt(word, 8)
      if (mode > most) throw new ConfigRefused(`argument must be between 0 and ${most.toString(8)} inclusive`)
      return mode
    },
    (mode) => mode.toString(8),
  )

/** A size, or a percentage (kept as a negative number). */
export const memoryOrPercent: Kind<number> = {
  describe: 'memory or percentage',
  takes: 'one',
  parse(words) {
    if (words.length !== 1) throw new ConfigRefused('wrong number of arguments')
    const word = at(words, 0)
    const percent = /^(\d+)%$/.exec(word)
    if (percent !== null && Number(percent[1]) > 100) throw new ConfigRefused('percentage argument must be less or equal to 100')
    if (percent !== null) return -Number(percent[1])
    const bytes = memoryBytesOf(word)
    if (bytes === null) throw new ConfigRefused('argument must be a memory or percent value')
    return Number(bytes)
  },
  print: (value) => (value < 0 ? `${-value}%` : String(value)),
  lines: (value) => [quoted(value < 0 ? `${-value}%` : memoryText(value))],
}
