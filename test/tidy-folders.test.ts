/**
 * The folders of the product are those of `FOLDERS`: what lies in them, what they import, and the
 * map that ARCHITECTURE.md prints of them.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CYCLES, FOLDERS } from './folders.ts'
import { cyclesOf } from './support/tidy/cycles.ts'
import { importsOf, isProduct, none, ROOT, slashed, sources } from './support/tidy/sources.ts'

const { HAYPILE_WRITE_DOCS } = process.env
const MAX_FILES = 20
const MAP = join(ROOT, 'ARCHITECTURE.md')
const BEGIN = '<!-- the map: printed from test/folders.ts -->'
const END = '<!-- the end of the map -->'

const files = sources().filter(isProduct)
const known = new Set(files.map(({ path }) => path))

/** The files of the product that a file imports, types included. */
const imported = new Map(
  files.map((file) => {
    const targets = importsOf(file).map((specifier) => slashed(normalize(join(dirname(file.path), specifier))))
    return [file.path, targets.filter((target) => known.has(target))]
  }),
)

/** The folders that each folder imports. */
const arrows = new Map<string, Set<string>>()
for (const [path, targets] of imported) {
  const from = dirname(path)
  const to = arrows.get(from) ?? new Set()
  for (const target of targets) if (dirname(target) !== from) to.add(dirname(target))
  arrows.set(from, to)
}

test('FOLDERS lists exactly the folders of the product', () => {
  assert.equal(Object.keys(FOLDERS).sort(), [...arrows.keys()].sort())
})

test(`no folder has more than ${MAX_FILES} files`, () => {
  const counts = new Map<string, number>()
  for (const { path } of sources()) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1)
  none(
    'folders that are two',
    [...counts].filter(([, count]) => count > MAX_FILES).map(([folder, count]) => `${folder}: ${count} files`),
  )
})

test('a folder imports exactly the folders that FOLDERS names', () => {
  const wrong = Object.entries(FOLDERS).flatMap(([folder, { imports }]) => {
    const actual = arrows.get(folder) ?? new Set()
    return [
      ...[...actual].filter((target) => !imports.includes(target)).map((target) => `${folder} imports ${target}`),
      ...imports.filter((target) => !actual.has(target)).map((target) => `${folder} no longer imports ${target}`),
    ]
  })
  none('imports across folders', wrong)
})

test('import cycles cross folders only where CYCLES lists them', () => {
  const found = cyclesOf(imported).filter((cycle) => new Set(cycle.map((path) => dirname(path))).size > 1)
  const listed = (path: string) => CYCLES.findIndex((cycle) => cycle.includes(path))
  const wrong = found.flatMap((cycle) => {
    const place = listed(cycle[0] as string)
    return place >= 0 && cycle.every((path) => listed(path) === place) ? [] : [`new: ${cycle.join(' ')}`]
  })
  const inCycle = new Set(found.flat())
  none('cycles', [
    ...wrong,
    ...CYCLES.flat()
      .filter((path) => !inCycle.has(path))
      .map((path) => `no longer in a cycle: ${path}`),
  ])
})

test('test/ has no folder that the product lacks', () => {
  const layers = new Set([...arrows.keys()].map((folder) => folder.split('/')[0] as string))
  const folders = new Set(sources().map(({ path }) => dirname(path)))
  none(
    'folders of tests without one of the product',
    [...folders].filter((folder) => {
      const mirrored = folder.replace(/^test\//, '')
      return folder.startsWith('test/') && layers.has(mirrored.split('/')[0] as string) && !arrows.has(mirrored)
    }),
  )
})

test('ARCHITECTURE.md contains the map printed from FOLDERS', () => {
  const rows = Object.entries(FOLDERS).map(([folder, { purpose }]) => `| \`${folder}/\` | ${purpose} |`)
  const map = [BEGIN, '', '| folder | subject |', '| --- | --- |', ...rows, '', END].join('\n')
  const text = readFileSync(MAP, 'utf8')
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)]
  assert.ok(begin >= 0 && end > begin, 'the marks of the map')
  if (HAYPILE_WRITE_DOCS === '1') writeFileSync(MAP, text.slice(0, begin) + map + text.slice(end + END.length))
  else assert.is(text.slice(begin, end + END.length), map)
})

test('every folder of the map exists', () => {
  none(
    'folders that are not there',
    Object.keys(FOLDERS).filter((folder) => !existsSync(join(ROOT, folder))),
  )
})

test.run()
