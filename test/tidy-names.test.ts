/**
 * House rules about names. Limits begin with MAX or MIN, flags are questions, times and sizes end
 * in their unit. One word has one meaning: few methods share a name, no two types do.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { declaredIn } from './support/tidy/declared-names.ts'
import { isProduct, none, sources } from './support/tidy/sources.ts'

const SUPERLATIVE = /(?:^|_)(?:MOST|FEWEST|LEAST|LONGEST|SHORTEST|LARGEST|SMALLEST|GREATEST|HIGHEST|LOWEST|DEEPEST|SPARSEST)(?:_|$)/
const LIMIT_BEHIND = /_(?:MAX|MIN)(?:_|$)/
const QUESTION = /^(?:is|has|may|must|can|should|needs)[A-Z]/
const MEASURED = /(?:At|[tT]imeout|[bB]ytes|[mM]emory)$|^now$/
const UNIT = /(?:Ms|Seconds|Micros|Nanos|Bytes|Count|Offset|Index)$|^bytes$/
const MAX_FILES_OF_A_METHOD = 5

/** Flags with another name: a field that is stored as JSON keeps its name. */
const FLAGS: readonly string[] = ['MasterAddress.failover']

/**
 * Verbs that any number of files may declare. `forget` removes a client that has disconnected;
 * `end` finishes what `begin` or the first item started.
 */
const VERBS: readonly string[] = [
  'add',
  'clear',
  'close',
  'delete',
  'encode',
  'end',
  'evict',
  'fail',
  'find',
  'flush',
  'forget',
  'get',
  'has',
  'load',
  'next',
  'open',
  'pause',
  'push',
  'put',
  'read',
  'release',
  'remove',
  'reset',
  'resume',
  'run',
  'send',
  'set',
  'start',
  'stop',
  'tick',
  'write',
]

const product = sources()
  .filter(isProduct)
  .map(({ path, code }) => ({ path, ...declaredIn(code) }))

const isWrongLimit = (name: string) => SUPERLATIVE.test(name) || LIMIT_BEHIND.test(name)
const memberOf = (name: string) => name.slice(name.indexOf('.') + 1)
const isWrongFlag = (name: string) => !QUESTION.test(memberOf(name))
const isWrongMeasure = (name: string) => MEASURED.test(memberOf(name)) && !UNIT.test(memberOf(name))

/** Returns the names that more files than the limit declare. */
function shared(files: readonly { readonly path: string; readonly names: readonly string[] }[], limit: number): Map<string, string[]> {
  const places = new Map<string, string[]>()
  for (const { path, names } of files) for (const name of new Set(names)) places.set(name, [...(places.get(name) ?? []), path])
  return new Map([...places].filter(([, paths]) => paths.length > limit))
}

/** Fails for names that are not excused, and for excuses that nothing needs. */
function judge(what: string, found: readonly string[], excused: readonly string[]): void {
  none(
    what,
    found.filter((name) => !excused.includes(name)),
  )
  none(
    `${what}: excused for nothing`,
    excused.filter((name) => !found.includes(name)),
  )
}

test('declared names are read from the code', () => {
  const code = `export const MAX_KEYS = 5
export class Room {
  isLow = false
  private readonly leftAt: number | null = null
  get sizeBytes(): number {
    isWide = true
  }
  async take<T>(n: number): Promise<void> {}
}
interface Door {
  readonly open: boolean
  close(): void
}
type Pair = readonly [string, string]
function f() {
  found = true
}
`
  assert.equal(declaredIn(code), {
    types: ['Room', 'Door', 'Pair'],
    constants: ['MAX_KEYS'],
    fields: [
      { name: 'Room.isLow', kind: 'boolean' },
      { name: 'Room.leftAt', kind: 'number' },
      { name: 'Door.open', kind: 'boolean' },
    ],
    methods: ['take', 'close'],
  })
})

test('limits begin with MAX or MIN', () => {
  assert.equal(['MOST_KEYS', 'LONGEST', 'KEY_MAX_BYTES', 'MAX_KEYS', 'MIN_AT', 'ALMOST_KEYS'].filter(isWrongLimit), [
    'MOST_KEYS',
    'LONGEST',
    'KEY_MAX_BYTES',
  ])
  none(
    'limits',
    product.flatMap(({ path, constants }) => constants.filter(isWrongLimit).map((name) => `${path}: ${name}`)),
  )
})

test('flags are questions', () => {
  assert.equal(['A.isOpen', 'A.open', 'A.mayRun', 'A.island', 'A.needsKey'].filter(isWrongFlag), ['A.open', 'A.island'])
  const flags = product.flatMap(({ fields }) => fields.filter(({ kind }) => kind === 'boolean').map(({ name }) => name))
  judge('flags', [...new Set(flags.filter(isWrongFlag))], FLAGS)
})

test('fields that hold a time or a size end in its unit', () => {
  assert.equal(['A.sentAt', 'A.now', 'A.nowMs', 'A.timeout', 'A.timeoutMs', 'A.memory', 'A.bytes', 'A.format'].filter(isWrongMeasure), [
    'A.sentAt',
    'A.now',
    'A.timeout',
    'A.memory',
  ])
  const measures = product.flatMap(({ fields }) => fields.filter(({ kind }) => kind === 'number').map(({ name }) => name))
  none('times and sizes without a unit', measures.filter(isWrongMeasure))
})

test(`a method name that more than ${MAX_FILES_OF_A_METHOD} files declare is a well-known verb`, () => {
  const twice = [
    { path: 'a.ts', names: ['add', 'add', 'settle'] },
    { path: 'b.ts', names: ['add'] },
  ]
  assert.equal([...shared(twice, 1)], [['add', ['a.ts', 'b.ts']]])
  const files = product.map(({ path, methods }) => ({ path, names: methods }))
  judge('method names', [...shared(files, MAX_FILES_OF_A_METHOD).keys()].sort(), VERBS)
})

test('a type name is declared in one file', () => {
  const files = product.map(({ path, types }) => ({ path, names: types }))
  judge('types', [...shared(files, 1).keys()].sort(), [])
})

test.run()
