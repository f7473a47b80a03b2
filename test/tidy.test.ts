/**
 * The house rules that a machine can judge and no other tool does. They say who may import whom,
 * where time and chance come from, and how long a file may be. They find words that have no place
 * in finished code, and documents that name missing files.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { SLOW_FILES } from './slow-files.ts'
import { callsOf } from './support/tidy/call-arguments.ts'
import { documents } from './support/tidy/documents.ts'
import { importsOf, isProduct, LAYERS, matches, none, ROOT, type Source, slashed, sources } from './support/tidy/sources.ts'

const MAX_LINES = 400
const MAX_COLUMNS = 100
const MAX_OVERVIEW_LINES = 250
/**
 * Folders that a layer may import besides: replicas speak to commands, so commands know the grammar
 * of their messages.
 */
const ALSO_IMPORTS: Readonly<Record<string, readonly string[]>> = { commands: ['replication/protocol'] }

/** The layers that each layer may import. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: ['base'],
  rdb: ['base', 'rdb'],
  storage: ['base', 'rdb', 'storage'],
  lua: ['base', 'lua'],
  replication: ['base', 'rdb', 'storage', 'replication'],
  commands: ['base', 'rdb', 'storage', 'lua', 'commands'],
  server: ['base', 'rdb', 'storage', 'lua', 'replication', 'commands', 'server'],
  test: LAYERS,
  benchmarks: ['benchmarks', 'server', 'test'],
}

/**
 * Node's modules that only the files named may import: the disk and the network have one door each.
 */
const ONE_DOOR: Readonly<Record<string, (file: string) => boolean>> = {
  'node:fs': (file) => file === 'base/files.ts' || file === 'lua/module.ts' || file.startsWith('server/'),
  'node:fs/promises': (file) => file.startsWith('server/'),
  'node:net': (file) => file.startsWith('server/'),
  'node:tls': (file) => file.startsWith('server/'),
  'node:http': (file) => file.startsWith('server/'),
  'classic-level': (file) => /^storage\/records\/(level-(batch|iterators|records)|record-reader-worker)\.ts$/.test(file),
}

/**
 * Where the real clock and real chance are picked up and handed on. A hash's seed changes nothing
 * that can be seen.
 */
const CLOCKS = ['base/clock.ts']
const CHANCE = ['server/node.ts', 'storage/keyspace/key-hash.ts']

const files = sources()
/**
 * Public fields that hold functions: state that changes while the server runs, and the hook of a
 * Lua module, which is built on the module. This list only shrinks.
 */
const SET_FUNCTIONS: readonly string[] = [
  'commands/contract/transactions.ts continuation',
  'commands/execution/units.ts continuation',
  'lua/module.ts onWork',
  'server/loop/gates.ts busy',
]

test('sources of every layer are found', () => {
  for (const layer of ['storage', 'commands', 'server', 'test'])
    assert.ok(
      files.some((file) => file.layer === layer),
      layer,
    )
})

test('storage does not import commands, commands do not import the server, and only tests import the server', () => {
  const wrong: string[] = []
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue
      const target = slashed(normalize(join(dirname(file.path), specifier)))
      if (!existsSync(join(ROOT, target))) wrong.push(`${file.path} imports ${specifier}, which is not there`)
      const layer = target.split('/')[0] as string
      const isAllowed = MAY_IMPORT[file.layer]?.includes(layer) === true || ALSO_IMPORTS[file.layer]?.includes(dirname(target)) === true
      if (!isAllowed) wrong.push(`${file.path} imports ${target}`)
    }
  }
  none('imports across layers', wrong)
})

test('the disk, LevelDB and the network are each imported by one module', () => {
  const wrong: string[] = []
  for (const file of files.filter(isProduct)) {
    for (const specifier of importsOf(file)) {
      const mayImport = ONE_DOOR[specifier]
      if (mayImport !== undefined && !mayImport(file.path)) wrong.push(`${file.path} imports ${specifier}`)
    }
  }
  none('imports past the door', wrong)
})

test('only listed files read the time', () => {
  const readers = files.filter((file) => isProduct(file) && !CLOCKS.includes(file.path))
  none('clocks', matches(readers, /\bDate\.now\b|\bperformance\.now\b|\bnew Date\(\)|\bhrtime\b/))
})

test('only listed files draw chance', () => {
  const readers = files.filter((file) => isProduct(file) && !CHANCE.includes(file.path))
  none('chance', matches(readers, /\bMath\.random\b|\brandomBytes\b|\brandomUUID\b|\brandomInt\b|\bgetRandomValues\b/))
})

test('storage and commands set no timers except to retry a disk', () => {
  const readers = files.filter(
    ({ layer, path }) => (layer === 'storage' || layer === 'commands') && path !== 'storage/recovery/reopening.ts',
  )
  none('timers', matches(readers, /\bsetTimeout\b|\bsetInterval\b/))
})

test('the product prints through its log only', () => {
  none('console', matches(files.filter(isProduct), /\bconsole\./))
})

test('no file has more than 400 lines', () => {
  const long = files.map((file) => ({ path: file.path, lines: file.text.split('\n').length - 1 })).filter(({ lines }) => lines > MAX_LINES)
  none(
    'files that are two',
    long.map(({ path, lines }) => `${path}: ${lines} lines`),
  )
})

test('callbacks are passed at construction: no field is a function that others set', () => {
  const field = /^ {2}(?:override |public )?\w+\??: \(.*=> .*[^,{]$/
  assert.ok(field.test('  wake: () => void = () => {}') && !field.test('  readonly wake: () => void'))
  const found = matches(files.filter(isProduct), field).map((line) => line.replace(/:\d+: (?:override )?(\w+).*/, ' $1'))
  assert.equal(found.sort(), SET_FUNCTIONS)
})

test('file names are words joined by hyphens', () => {
  none(
    'names',
    files.map((file) => file.path).filter((path) => !/^[a-z0-9]+([-/.][a-z0-9]+)*\.ts$/.test(path)),
  )
})

test('sources contain no marks of unfinished work', () => {
  const words = new RegExp(
    `\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK', 'not imple' + 'mented', 'not yet imple' + 'mented'].join('|')})\\b`,
  )
  none(
    'left over',
    matches(files, words, (source) => source.text),
  )
})

test('there are no parameter properties, enums, namespaces, decorators or lone tests', () => {
  none('parameter properties', matches(files, /\bconstructor\s*\(\s*(?:private|protected|public|readonly)\b/))
  none('enums and namespaces', matches(files, /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/))
  none('decorators', matches(files, /^\s*@\w+/))
  none('test.only', matches(files, /\btest\.only\(/))
})

test('every test file runs what it declares', () => {
  const tests = files.filter((file) => file.path.endsWith('.test.ts'))
  none(
    'tests without test.run()',
    tests.filter((file) => !/\.run\(\)/.test(file.code)).map((file) => file.path),
  )
})

/** uvu takes a string for the message of a failure, and then compares nothing. */
test('assert.throws takes a pattern or a function, never a string', () => {
  const wrong = files.flatMap(({ path, text }) =>
    callsOf('throws', text)
      .filter(({ args: [, expected] }) => expected !== undefined && !/^\/|=>|^\w+\(/.test(expected))
      .map(({ line, args }) => `${path}:${line}: ${args[1]}`),
  )
  none('errors that are not compared', wrong)
  const told = ["call(run, 'text')", 'call(() => run(/a,b/, [1]), text)', 'call(run, /,/)', 'call(run, failsWith(1))', 'call(run)']
  assert.equal(
    told.map((code) => callsOf('call', code)[0]?.args.slice(1)),
    [["'text'"], ['text'], ['/,/'], ['failsWith(1)'], []],
  )
})

test('every test file begins with a line of intent', () => {
  const tests = files.filter(({ path }) => path.endsWith('.test.ts'))
  none(
    'files that begin with something else',
    tests.filter(({ text }) => !text.startsWith('/**')).map(({ path }) => path),
  )
})

test('the table of slow test files names existing files', () => {
  const names = Object.keys(SLOW_FILES).map((name) => `test/${name}.test.ts`)
  none(
    'files that are not there',
    names.filter((path) => !existsSync(join(ROOT, path))),
  )
})

test('an object literal is written out, not spread from literals to save lines', () => {
  none('literals that are spread', matches(files, /\.\.\.[{]/))
})

test('only errorText reads the message of a caught value', () => {
  const product = files.filter((file) => isProduct(file) && file.path !== 'base/error-text.ts')
  none('other ways', matches(product, /(\w+) instanceof Error \? \1\.message : (String\(\1\)|\1\b)|\(\w+ as Error\)\.message/))
})

/**
 * Returns the literals of a file that begin like an error reply: a code word, a space, and a text
 * that is no syntax.
 */
function errorTextsOf({ text }: Source): string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '')
  const literals = code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)
  return [...literals].map((match) => (match[1] ?? match[2] ?? match[3]) as string).filter((one) => /^-?[A-Z]{2,} [^<[]*[a-z]{2}/.test(one))
}

test('each error text is written in one file', () => {
  const homes = new Map<string, Set<string>>()
  for (const file of files.filter(isProduct)) {
    for (const text of errorTextsOf(file)) homes.set(text, (homes.get(text) ?? new Set()).add(file.path))
  }
  assert.ok(homes.has('ERR syntax error'))
  none(
    'texts in several files',
    [...homes].filter(([, paths]) => paths.size > 1).map(([text, paths]) => `${text}: ${[...paths].join(', ')}`),
  )
})

test('the comment above a command is a sentence, not its syntax again', () => {
  const declarations = files
    .filter(({ path }) => path.startsWith('commands/'))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(?:export )?(?:const (\w+) = )?command\(\{/g)].map((match) => ({
        name: `${path}: ${match[2]}`,
        comment: (match[1] as string).replace(/\s*\n\s*\*\s*/g, ' ').trim(),
      })),
    )
  assert.ok(declarations.length > 20)
  none(
    'comments that are no sentence',
    declarations.filter(({ comment }) => !comment.endsWith('.')).map(({ name, comment }) => `${name}: ${comment}`),
  )
})

test('package-lock.json names every package for every platform, and no registry', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>
  }
  const named = Object.values(packages).flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies ?? {}))
  none(
    'npm ci fails without',
    named.filter((name) => packages[`node_modules/${name}`] === undefined),
  )
  none(
    'registries',
    Object.entries(packages).flatMap(([path, { resolved }]) => (resolved === undefined ? [] : [`${path}: ${resolved}`])),
  )
})

/** Words in backquotes and link targets of a document that look like a path of the repository. */
function pathsNamedIn(document: string): string[] {
  const text = readFileSync(join(ROOT, document), 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string)
  const linked = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map((match) => match[1] as string).filter((target) => !target.includes(':'))
  const known = new RegExp(`^(?:${[...LAYERS, 'docs', '.ci'].join('|')})/[\\w./-]+$`)
  return [...quoted.filter((word) => known.test(word)), ...linked.map((target) => slashed(join(dirname(document), target)))]
}

test('the documents name only existing files', () => {
  const wrong = [...documents(), 'CHANGELOG.md'].flatMap((document) =>
    pathsNamedIn(document)
      .filter((path) => !existsSync(join(ROOT, path)))
      .map((path) => `${document} names ${path}`),
  )
  none('files that are not there', wrong)
})

/**
 * The lines of a document that are wider than the limit. A table's row and a block of code may be.
 */
function wideLines(document: string, text: string): string[] {
  const blank = (block: string) => block.replace(/[^\n]/g, '')
  return text
    .replace(/^```[\s\S]*?^```/gm, blank)
    .split('\n')
    .flatMap((line, index) => ([...line].length > MAX_COLUMNS && !line.startsWith('|') ? [`${document}:${index + 1}`] : []))
}

test(`the documents have at most ${MAX_COLUMNS} columns outside of tables and code`, () => {
  const wide = 'x'.repeat(MAX_COLUMNS + 1)
  assert.equal(wideLines('a', `µ${wide.slice(2)}\n| ${wide} |\n\`\`\`text\n${wide}\n\`\`\`\n${wide}\n`), ['a:6'])
  const narrow = [...documents(), 'CHANGELOG.md', 'benchmarks/README.md', 'benchmarks/RESULTS.md']
  none(
    'wide lines',
    narrow.flatMap((document) => wideLines(document, readFileSync(join(ROOT, document), 'utf8'))),
  )
})

test(`ARCHITECTURE.md has at most ${MAX_OVERVIEW_LINES} lines`, () => {
  const lines = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').split('\n').length - 1
  assert.ok(lines <= MAX_OVERVIEW_LINES, `${lines} lines: an overview that is a book; docs/internals/ has a page a subject`)
})

test.run()
