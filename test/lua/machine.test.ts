/**
 * The machine suspends and resumes a script at any point, and ends it with an error that nothing
 * can catch. Memory that one script has used is free for the next. Tests of the sandbox itself are
 * in test/lua/libraries/cases.test.ts.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Bytes } from '../../base/bytes.ts'
import { LIBRARIES } from '../../lua/libraries/all.ts'
import { LuaMachine, type RunState } from '../../lua/machine.ts'

const MEGABYTE = 2 ** 20

/**
 * A machine whose clock advances by 1 ms at each reading, so that each call of the hook suspends
 * the script.
 */
class Bench {
  readonly machine: LuaMachine
  slices = 0
  private ms = 0

  constructor(limitBytes = 32 * MEGABYTE, firstSliceMs = 1) {
    this.machine = new LuaMachine({ limitBytes, monotonicMs: () => this.ms++, libraries: LIBRARIES })
    this.machine.firstSliceMs = firstSliceMs
    this.machine.sliceMs = 1
  }

  start(text: Bytes): RunState {
    const reference = this.machine.compile(text, '@user_script')
    if (typeof reference === 'string') throw new Error(reference)
    this.slices = 1
    const state = this.machine.start(reference)
    this.machine.release(reference)
    return state
  }

  /** Resumes a script until it has ended. */
  end(first: RunState): RunState {
    let state = first
    while (state === 'suspended') {
      this.slices++
      state = this.machine.resume()
    }
    return state
  }

  /** Returns a script's results on one line; an error has a star before it. */
  take(state: RunState): Bytes {
    const { machine } = this
    const { stack } = machine
    const values: Bytes[] = []
    const from = state === 'done' ? 1 : stack.top
    for (let i = from; i <= stack.top; i++)
      values.push(stack.typeOf(i) === 'boolean' ? String(stack.boolean(i)) : (stack.string(i) ?? stack.typeOf(i)))
    machine.finish(state)
    return `${state === 'done' ? '' : '*'}${values.join(' ')}`
  }

  run(text: Bytes): Bytes {
    return this.take(this.end(this.start(text)))
  }
}

/** Work that is suspended several times. */
const WORK = 'local function work() local n = 0 for i = 1, 3e5 do n = n + 1 end return n end '

function inSlices(text: Bytes, expected: Bytes): void {
  const bench = new Bench()
  assert.is(bench.run(WORK + text), expected, text)
  assert.ok(bench.slices >= 3, `${bench.slices} slices of: ${text}`)
  assert.is(bench.run('return 1'), '1')
}

test('a long script is suspended and resumed where it was', () => {
  inSlices('return work(), work()', '300000 300000')
  inSlices('local t = {} for i = 1, 1e5 do t[i] = i * 2 end work() return #t, t[99999]', '100000 199998')
  inSlices("work() error('x')", '*user_script:1: x')
})

test('a long call inside of pcall and xpcall is suspended too', () => {
  inSlices('return pcall(work)', 'true 300000')
  inSlices("return pcall(function() work() error('x', 0) end)", 'false x')
  inSlices('return pcall(pcall, pcall, work)', 'true true true 300000')
  inSlices("return xpcall(function() work() error('x', 0) end, function(e) return work() .. e end)", 'false 300000x')
  inSlices('local t = setmetatable({}, {__call = function(_, n) return n + work() end}) return pcall(t, 1)', 'true 300001')
  inSlices('return pcall(function() return (pcall(work)), pcall(function() error({err = work()}) end) end)', 'true true false 300000')
})

test('a long call inside of coroutines is suspended too, and not confused with their own yields', () => {
  inSlices('return coroutine.resume(coroutine.create(work))', 'true 300000')
  inSlices('local f = coroutine.wrap(function() for i = 1, 3 do work() coroutine.yield(i) end end) return f(), f(), f()', '1 2 3')
  inSlices(
    'local f = coroutine.wrap(function() return pcall(function() work() local got = coroutine.yield(1) work() return got end) end) return f(), f(2)',
    '1 true 2',
  )
  inSlices(
    'local g = coroutine.wrap(function() local f = coroutine.wrap(function() work() coroutine.yield(1) work() return 2 end) coroutine.yield(f()) work() return f() end) return g(), g()',
    '1 2',
  )
  inSlices(
    "local co = coroutine.create(function() work() error('x', 0) end) local ok, e = coroutine.resume(co) return ok, e, coroutine.status(co)",
    'false x dead',
  )
  inSlices(
    'local co co = coroutine.create(function() work() return coroutine.running() == co, coroutine.status(co) end) return coroutine.resume(co)',
    'true true running',
  )
})

test('the reader of load and the chunk of loadstring are suspended too', () => {
  inSlices("local n = 0 return load(function() work() n = n + 1 return ({'return ', '7'})[n] end)()", '7')
  inSlices("return loadstring('local work = ... return work()')(work)", '300000')
})

test('a metamethod, an iterator and a gsub callback run for a bounded time', () => {
  for (const text of [
    'local t = setmetatable({}, {__index = function() while true do end end}) return t.x',
    "return ('x'):gsub('x', function() while true do end end)",
    'table.sort(setmetatable({2, 1}, {}), function() while true do end end)',
    'for _ in function() while true do end end do end',
    'return tostring(setmetatable({}, {__tostring = function() while true do end end}))',
    "while true do pcall(string.gsub, ('x'):rep(1e4), 'x', function() pcall(error, 'x') end) end",
  ]) {
    const bench = new Bench(32 * MEGABYTE, 20)
    assert.match(bench.run(text), /^\*the script has run for too long inside a metamethod/, text)
    assert.is(bench.run('return 1'), '1')
  }
  const bench = new Bench(32 * MEGABYTE, 2000)
  // Each call has the same time, independently of the time before it.
  assert.is(bench.run(`${WORK}for i = 1, 20 do work() end return (('x'):gsub('x', function() return work() end))`), '300000')
})

const STOP = 'Stopped by the test.'

test('no pcall or coroutine catches a stop', () => {
  for (const text of [
    'while true do end',
    'pcall(function() while true do end end) return 1',
    'while true do pcall(function() while true do end end) end',
    'while true do xpcall(function() while true do end end, function(e) while true do end end) end',
    'while true do pcall(pcall, pcall, function() while true do end end) end',
    'while true do coroutine.resume(coroutine.create(function() while true do end end)) end',
    'while true do pcall(coroutine.wrap(function() while true do pcall(function() coroutine.yield() end) end end)) end',
    'local function f() while true do pcall(f) end end f()',
    'while true do pcall(table.sort, {3, 2, 1}, function() pcall(error) return false end) end',
    'local t = setmetatable({}, {__index = function(t, k) pcall(error) return t[k + 1] end}) while true do pcall(function() return t[1] end) end',
    'while true do load(function() while true do end end) end',
    'table.sort({2, 1}, function() while true do end end)',
    'pcall(table.sort, {2, 1}, function() while true do end end) return 1',
  ]) {
    const bench = new Bench(32 * MEGABYTE, 5000)
    const state = bench.start(text)
    assert.is(state, 'suspended', text)
    assert.is(bench.machine.resume(), 'suspended', text)
    assert.is(bench.take(bench.machine.stop(STOP)), `*${STOP}`, text)
    assert.is(bench.run(`${WORK}return work()`), '300000', `after ${text}`)
  }
})

test('full memory is an error that can be caught, and is free for the next script', () => {
  const bomb = "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end"
  const bench = new Bench(16 * MEGABYTE)
  for (let i = 0; i < 5; i++) {
    assert.is(bench.run(bomb), '*not enough memory')
    assert.is(bench.machine.isBroken, false)
    assert.is(bench.run("local t = {} for i = 1, 1e3 do t[i] = ('x'):rep(1000) .. i end return #t"), '1000')
  }
  assert.is(bench.run(`return pcall(function() ${bomb} end)`), 'false not enough memory')
  assert.is(bench.run("local s = 'x' while true do s = s .. s end"), '*not enough memory')
  assert.is(bench.run('return 1'), '1')
  assert.ok(bench.machine.usedBytes < 2 * MEGABYTE, `${bench.machine.usedBytes} bytes in use`)
})

test('endless recursion is an error, through any kind of call', () => {
  const bench = new Bench()
  for (const text of [
    'local function f(n) return 1 + f(n + 1) end return f(1)',
    'local function f() return 1 + select(2, pcall(f)) end return f()',
    'local function f() return 1 + coroutine.wrap(f)() end return f()',
    "local function f() return 1 + #string.gsub('x', 'x', f) end return f()",
    'local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}) return t[1]',
    'local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x',
    'local function f() table.sort({1, 2, 3}, f) end return f()',
    "local function f() return 1 + loadstring('return (...)()')(f) end return f()",
    'return unpack({}, 1, 1e6)',
  ]) {
    assert.match(bench.run(text), /^\*/, text)
    assert.is(bench.machine.isBroken, false, text)
    assert.is(bench.run(`${WORK}return work(), pcall(error, 'x')`), '300000 false x', `after ${text}`)
  }
  assert.match(bench.run(`return loadstring(('('):rep(1e4) .. 1 .. (')'):rep(1e4))`), /chunk has too many syntax levels|C levels/)
})

test('the line of an error is the innermost line of the script itself', () => {
  const places: readonly (readonly [Bytes, number | null])[] = [
    ["error('x')", 1],
    ['\n\nlocal t = nil\nt.x = 1', 4],
    ["local function f()\n error('x')\nend\nf()", 2],
    ["local function f()\n return error('x')\nend\n\nf()", 2],
    ['\ntable.insert(nil, 1)', 2],
    ['\n\npairs(nil)', 3],
    ['\nlocal x = undefined', 2],
    ['\nx = 1', 2],
    ['\nstring.x = 1', 2],
    ["\nlocal f = coroutine.wrap(function()\n error('x') end)\nf()", 4],
    ["\nlocal ok, e = pcall(error, 'x')\nerror(e)", 3],
    ["\ncjson.decode('[')", 2],
  ]
  const bench = new Bench()
  for (const [text, line] of places) {
    const state = bench.end(bench.start(text))
    assert.is(state, 'failed', text)
    const place = bench.machine.errorPlace()
    bench.take(state)
    assert.equal(place === null ? null : [place.source, place.line], line === null ? null : ['@user_script', line], text)
  }
})

test('changes to shared tables do not reach the next script', () => {
  const bench = new Bench()
  for (const table of [
    '_G',
    'string',
    'table',
    'math',
    'coroutine',
    'os',
    'cjson',
    'cmsgpack',
    'struct',
    'bit',
    "getmetatable('')",
    'getmetatable(_G)',
  ]) {
    for (const change of [
      'T.type = 1',
      "rawset(T, 'type', 1)",
      'setmetatable(T, nil)',
      'table.insert(T, 1)',
      'getmetatable(T).__index = {}',
    ]) {
      const text = change.replace('T', `(${table})`)
      const isMeta = change.startsWith('getmetatable') && table.startsWith('getmetatable')
      assert.match(bench.run(`local T = ${table} ${change}`), isMeta ? /^\*/ : /^\*.*Attempt to modify a readonly table/, text)
    }
  }
  assert.is(
    bench.run("local before = math.random math.randomseed(7) return type, type('x'), math.random == before"),
    'function string true',
  )
  bench.run("KEYS = 1 rawset(_G, 'leak', 1)")
  assert.is(bench.run("return rawget(_G, 'leak'), rawget(_G, 'KEYS')"), 'nil nil')
})

test('compiled and released scripts leave no memory behind', () => {
  const bench = new Bench(16 * MEGABYTE)
  const { machine } = bench
  const once = (i: number) => {
    const reference = machine.compile(`local t = {${i}} return function() return '${'x'.repeat(1000)}', t end`, '@user_script')
    if (typeof reference === 'string') throw new Error(reference)
    bench.take(machine.start(reference))
    machine.release(reference)
  }
  for (let i = 0; i < 20_000; i++) once(i)
  assert.ok(machine.usedBytes < 4 * MEGABYTE, `${machine.usedBytes} bytes in use`)
  for (let i = 0; i < 2000; i++) assert.match(machine.compile(`return ${i} +`, '@user_script') as Bytes, /unexpected symbol near '<eof>'/)
  for (let i = 0; i < 2000; i++) bench.run('local f = coroutine.wrap(function() coroutine.yield() end) f() error({f})')
  assert.ok(machine.usedBytes < 4 * MEGABYTE, `${machine.usedBytes} bytes in use`)
})

test('a failed script leaves no nested coroutine state for the next one', () => {
  const bench = new Bench()
  for (let i = 0; i < 200; i++) bench.run("coroutine.wrap(function() pcall(function() local t = nil .. 'x' end) error({}) end)()")
  const state = bench.start('coroutine.wrap(function() while true do pcall(function() while true do end end) end end)()')
  assert.is(state, 'suspended')
  bench.take(bench.machine.stop(STOP))
  assert.is(bench.run('return coroutine.running(), pcall(coroutine.yield)'), 'nil false attempt to yield across metamethod/C-call boundary')
})

test.run()
