/** The libraries of functions in memory: names, replacement, restoring all or none. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../../base/bytes.ts'
import { clientError } from '../../../commands/contract/errors.ts'
import {
  type FunctionEngine,
  FunctionLibraries,
  type RegisteredFunction,
  type RestorePolicy,
  storeLibraries,
} from '../../../commands/functions/libraries.ts'
import type { LuaMachine } from '../../../lua/machine.ts'
import { Libraries } from '../../../storage/keyspace/libraries.ts'
import { seeded } from '../../support/generators/seed.ts'

/**
 * An engine whose code is a list of function names, one a line. `!` does not compile, and `!!`
 * breaks the machine, too. Counts functions that are compiled and not released.
 */
class FakeEngine implements FunctionEngine {
  losses = 0
  readonly usedBytes = 0
  declare machine: LuaMachine
  readonly live = new Set<number>()
  private next = 1

  compile(body: Bytes): readonly RegisteredFunction[] {
    const names = body.split('\n').filter((line) => line !== '')
    if (names.includes('!!')) this.lose()
    if (names.some((name) => name.startsWith('!'))) throw clientError('ERR Error compiling function: !')
    return names.map((name) => {
      this.live.add(this.next)
      return { name, description: null, flags: [], reference: this.next++ }
    })
  }

  release(functions: readonly RegisteredFunction[]): void {
    for (const { reference } of functions) assert.ok(this.live.delete(reference), 'released twice')
  }

  reset(): void {
    this.live.clear()
  }

  lose(): void {
    this.losses++
    this.live.clear()
  }
}

function makeNode() {
  const stored = new Libraries(() => {})
  const engine = new FakeEngine()
  const warnings: string[] = []
  return { stored, engine, warnings, libraries: new FunctionLibraries(stored, engine, (message) => warnings.push(message)) }
}

const codeOf = (name: string, ...functions: string[]) => `#!lua name=${name}\n${functions.join('\n')}`
const textOf = (action: () => unknown): string => {
  try {
    return String(action())
  } catch (error) {
    return (error as Error).message
  }
}

test("the first line names the library, or has Redis's error", () => {
  const { libraries } = makeNode()
  const load = (code: string) => textOf(() => libraries.load(code, false))
  const badName = 'ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one character long'
  assert.is(load('x'), 'ERR Missing library metadata')
  assert.is(load(''), 'ERR Missing library metadata')
  assert.is(load('#!'), 'ERR Invalid library metadata')
  assert.is(load('#!lua name=a'), 'ERR Invalid library metadata')
  assert.is(load('#!lua "name=x\n'), 'ERR Invalid library metadata')
  assert.is(load('#!lua\n'), 'ERR Library name was not given')
  assert.is(load('#!lua name=\n'), badName)
  assert.is(load('#!lua name=a-b\n'), badName)
  assert.is(load('#!lua name=a b\n'), 'ERR Invalid metadata value given: b')
  assert.is(load('#!lua foo=b name=x\n'), 'ERR Invalid metadata value given: foo=b')
  assert.is(load('#!lua name=a name=b\n'), 'ERR Invalid metadata value, name argument was given multiple times')
  assert.is(load('#!foo name=a\n'), "ERR Engine 'foo' not found")
  assert.is(load('#! name=a\n'), "ERR Engine '' not found")
  assert.is(load('#!lua name=a\n'), 'ERR No functions registered')
  assert.is(load('#!LUA NAME=a\nf'), 'a')
  assert.is(load("#!lua 'name=b'\ng"), 'b')
})

test('function names ignore case, and library names do not', () => {
  const { libraries, engine } = makeNode()
  libraries.load(codeOf('lib', 'Some'), false)
  assert.is(libraries.find('sOME')?.function.name, 'Some')
  assert.is(libraries.find('other'), undefined)
  assert.is(
    textOf(() => libraries.delete('LIB')),
    'ERR Library not found',
  )
  assert.is(
    textOf(() => libraries.load(codeOf('lib', 'x'), false)),
    "ERR Library 'lib' already exists",
  )
  assert.is(
    textOf(() => libraries.load(codeOf('other', 'some'), false)),
    'ERR Function some already exists',
  )
  assert.is(libraries.load(codeOf('lib', 'x', 'y'), true), 'lib')
  assert.is(libraries.find('some'), undefined)
  assert.equal([libraries.libraryCount, libraries.functionCount, engine.live.size], [1, 2, 2])
  libraries.delete('lib')
  assert.equal([libraries.libraryCount, libraries.functionCount, engine.live.size], [0, 0, 0])
})

test('a library that does not compile leaves the previous one in place', () => {
  const { libraries, engine } = makeNode()
  libraries.load(codeOf('lib', 'f'), false)
  assert.match(
    textOf(() => libraries.load(codeOf('lib', '!'), true)),
    /Error compiling/,
  )
  assert.is(
    textOf(() => libraries.load(codeOf('lib'), true)),
    'ERR No functions registered',
  )
  assert.is(libraries.find('f')?.library.name, 'lib')
  assert.is(engine.live.size, 1)
})

test('FUNCTION RESTORE takes all libraries or none', () => {
  const { libraries, engine } = makeNode()
  const restore = (policy: RestorePolicy, ...codes: string[]) => textOf(() => libraries.restore(codes, policy))
  libraries.load(codeOf('a', 'f'), false)
  assert.is(restore('append', codeOf('b', 'g'), codeOf('a', 'h')), 'ERR Library a already exists')
  assert.is(restore('append', codeOf('b', 'g'), codeOf('b', 'h')), "ERR Library 'b' already exists")
  assert.is(restore('append', codeOf('b', 'g'), codeOf('c', 'G')), 'ERR Function G already exists')
  assert.is(restore('replace', codeOf('b', 'g'), codeOf('c', 'f')), 'ERR Function f already exists')
  assert.match(restore('flush', codeOf('b', 'g'), codeOf('c', '!')), /Error compiling/)
  assert.equal(
    [...libraries.all()].map(({ name }) => name),
    ['a'],
  )
  assert.is(engine.live.size, 1)
  assert.is(restore('replace', codeOf('a', 'g'), codeOf('b', 'f')), 'undefined', 'the library with f is replaced')
  assert.is(libraries.find('f')?.library.name, 'b')
  assert.is(restore('flush', codeOf('z', 'f')), 'undefined')
  assert.equal(
    [...libraries.all()].map(({ name }) => name),
    ['z'],
  )
  assert.is(engine.live.size, 1)
})

test('libraries follow the stored ones, and functions that the engine lost are compiled again', () => {
  const { stored, libraries, engine, warnings } = makeNode()
  libraries.load(codeOf('a', 'f'), false)
  storeLibraries(stored, [codeOf('b', 'g'), codeOf('broken', '!')], 'append')
  assert.is(libraries.find('g')?.library.name, 'b')
  assert.is(libraries.functionCount, 2)
  assert.is(libraries.libraryCount, 3, 'a library that does not compile is kept')
  assert.match(warnings.join('\n'), /cannot load function library 'broken', its functions are unavailable: ERR Error compiling/)
  engine.lose()
  assert.ok(engine.live.has(libraries.find('f')?.function.reference as number))
  stored.reset()
  assert.is(libraries.find('f'), undefined)
  assert.is(engine.live.size, 0)
})

test('a library that breaks the machine does not remove others', () => {
  const { stored, libraries, engine, warnings } = makeNode()
  storeLibraries(stored, [codeOf('a', 'f'), codeOf('bad', '!!'), codeOf('c', 'g')], 'append')
  for (const name of ['f', 'g']) assert.ok(engine.live.has(libraries.find(name)?.function.reference as number))
  assert.is(engine.live.size, 2)
  assert.is(warnings.length, 1)
  assert.match(
    textOf(() => libraries.load(codeOf('d', '!!'), false)),
    /Error compiling/,
  )
  for (const name of ['f', 'g']) assert.ok(engine.live.has(libraries.find(name)?.function.reference as number))
  assert.is(warnings.length, 1)
})

test('after any requests, losses and outside changes the functions are those of the stored libraries', () => {
  const { integer, pick } = seeded('function libraries')
  const { stored, libraries, engine } = makeNode()
  const someCode = () => codeOf(pick(['a', 'b', 'c']), ...Array.from({ length: integer(3) }, () => pick(['f', 'F', 'g', 'h', '!'])))
  const other = (): void => {
    const unlike = [codeOf('a', 'f'), codeOf('b', 'g'), codeOf('c', 'h', 'i')]
    storeLibraries(stored, unlike.slice(integer(3)), 'flush')
  }
  for (let round = 0; round < 3000; round++) {
    const codes = Array.from({ length: integer(3) }, someCode)
    const unique = (code: string) => new Set(code.toLowerCase().split('\n')).size === code.split('\n').length
    if (!codes.every(unique)) continue // the engine refuses these
    const action = integer(12)
    if (action < 5 && codes[0] !== undefined) textOf(() => libraries.load(codes[0] as string, integer(2) === 0))
    else if (action < 8) textOf(() => libraries.restore(codes, pick(['append', 'replace', 'flush'])))
    else if (action < 10) textOf(() => libraries.delete(pick(['a', 'b', 'c'])))
    else if (action === 10) other()
    else if (integer(2) === 0) engine.lose()
    else libraries.flush()
    const expected = [...stored.entries()].flatMap(([name, code]) =>
      code
        .split('\n')
        .slice(1)
        .map((line) => `${name} ${line}`),
    )
    const found = [...libraries.all()].flatMap(({ name, functions }) => functions.map((registered) => `${name} ${registered.name}`))
    assert.equal(found.sort(), expected.sort())
    assert.equal([libraries.functionCount, engine.live.size], [expected.length, expected.length])
  }
})

test.run()
