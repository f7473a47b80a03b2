/**
 * Loading libraries of functions on a Lua machine, and the calls that are refused while they load.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { LuaFunctions } from '../../../commands/functions/engine.ts'
import { FunctionLibraries } from '../../../commands/functions/libraries.ts'
import { LuaMachine } from '../../../lua/machine.ts'
import { Libraries } from '../../../storage/keyspace/libraries.ts'

const LIMIT_BYTES = 16 * 2 ** 20

/** Returns a machine whose `redis` table differs between loading and calling. */
function makeMachine(monotonicMs: () => number): LuaMachine {
  return new LuaMachine({
    limitBytes: LIMIT_BYTES,
    monotonicMs,
    libraries: [
      [
        'redis',
        (stack) => {
          stack.pushTable()
          for (const name of ['log', 'LOG_DEBUG', 'REDIS_VERSION', 'call', 'sha1hex']) {
            stack.push(name)
            stack.rawSetField(-2, name)
          }
        },
      ],
    ],
  })
}

function makeLibraries(monotonicMs = () => performance.now()) {
  const engine = new LuaFunctions(() => makeMachine(monotonicMs))
  const warnings: string[] = []
  const libraries = new FunctionLibraries(new Libraries(() => {}), engine, (message) => warnings.push(message))
  const load = (body: string, name = 'lib') => {
    try {
      return libraries.load(`#!lua name=${name}\n${body}`, true)
    } catch (error) {
      return (error as Error).message
    }
  }
  const call = (name: string) => {
    const found = libraries.find(name)
    if (found === undefined) return 'not found'
    const { machine } = engine
    const state = machine.start(found.function.reference)
    if (machine.stack.isTable(-1)) machine.stack.rawGetField(-1, 'err')
    const result = machine.stack.string(-1)
    machine.finish(state)
    return result
  }
  return { engine, libraries, warnings, load, call }
}

const FAILED = 'ERR Error registering functions: ERR'

test('libraries register functions in either form', () => {
  const { load, call, libraries } = makeLibraries()
  assert.is(load("redis.register_function('f', function() return 'one' end)"), 'lib')
  assert.is(call('f'), 'one')
  assert.is(
    load(
      "redis.register_function{FUNCTION_name='f', callback=function() return 'two' end, description='d', flags={'allow-oom', 'NO-writes'}}",
    ),
    'lib',
  )
  assert.is(call('f'), 'two')
  const { description, flags } = libraries.find('f')?.function ?? {}
  assert.equal([description, flags], ['d', ['no-writes', 'allow-oom']])
})

test("invalid registrations have Redis's errors", () => {
  const { load, libraries } = makeLibraries()
  const register = (text: string) => load(`redis.register_function${text}`)
  assert.is(register('()'), `${FAILED} wrong number of arguments to redis.register_function`)
  assert.is(register("('f', 1, 2)"), `${FAILED} wrong number of arguments to redis.register_function`)
  assert.is(register('({}, function() end)'), `${FAILED} first argument to redis.register_function must be a string`)
  assert.is(register("('f', 1)"), `${FAILED} second argument to redis.register_function must be a function`)
  assert.match(register("('f-', function() end)"), `${FAILED} Library names can only contain letters`)
  assert.match(register("('f')"), `${FAILED} calling redis.register_function with a single argument is only applicable to Lua table`)
  assert.is(register('{}'), `${FAILED} redis.register_function must get a function name argument`)
  assert.is(register("{function_name='f'}"), `${FAILED} redis.register_function must get a callback argument`)
  assert.is(register('{callback=function() end}'), `${FAILED} redis.register_function must get a function name argument`)
  const proper = "function_name='f', callback=function() end"
  assert.is(register(`{${proper}, flags={'x'}}`), `${FAILED} unknown flag given`)
  assert.is(register(`{${proper}, flags={1}}`), `${FAILED} unknown flag given`)
  assert.is(
    register(`{${proper}, flags=1}`),
    `${FAILED} flags argument to redis.register_function must be a table representing function flags`,
  )
  assert.is(register(`{${proper}, foo=1}`), `${FAILED} unknown argument given to redis.register_function`)
  assert.is(register(`{${proper}, 5}`), `${FAILED} unknown argument given to redis.register_function`)
  assert.is(register(`{${proper}, [true]=1}`), `${FAILED} named argument key given to redis.register_function is not a string`)
  assert.is(
    register(`{${proper}, description=function() end}`),
    `${FAILED} description argument given to redis.register_function must be a string`,
  )
  assert.is(
    register('{function_name={}, callback=function() end}'),
    `${FAILED} function_name argument given to redis.register_function must be a string`,
  )
  assert.is(
    register("{function_name='f', callback='g'}"),
    `${FAILED} callback argument given to redis.register_function must be a function`,
  )
  assert.is(
    load("redis.register_function('f', function() end) redis.register_function('F', function() end)"),
    `${FAILED} Function already exists in the library`,
  )
  assert.is(load('return 1'), 'ERR No functions registered')
  assert.is(load('x x'), "ERR Error compiling function: user_function:2: '=' expected near 'x'")
  assert.is(load('\x1bLua'), "ERR Error compiling function: user_function:2: unexpected symbol near 'char(27)'")
  assert.is(libraries.functionCount, 0)
})

test('a loading library sees nothing but redis, and of that only what works then', () => {
  const { load, call } = makeLibraries()
  const missing = (name: string) => `${FAILED} user_function:2: Script attempted to access nonexistent global variable '${name}'`
  for (const name of ['math', 'pairs', 'error', '_G', 'pcall', 'server']) assert.is(load(`local x = ${name}`), missing(name))
  for (const name of ['call', 'sha1hex']) assert.is(load(`local x = redis.${name}`), missing(name))
  assert.is(load('a = 1'), `${FAILED} user_function:2: Attempt to modify a readonly table`)
  assert.is(load('redis.a = 1'), `${FAILED} user_function:2: Attempt to modify a readonly table`)
  assert.is(
    load('redis.register_function(redis.log, function() return redis.call .. type(pairs) .. tostring(redis.register_function) end)'),
    'lib',
  )
  assert.is(call('log'), 'callfunctionnil')
  assert.is(load("local kept = redis.register_function kept('f', function() kept('g', function() end) end)"), 'lib')
  assert.is(call('f'), 'ERR redis.register_function can only be called on FUNCTION LOAD command')
})

test('a library with long loading code is loaded again after the machine was lost', () => {
  const { load, call, engine } = makeLibraries()
  assert.is(load("for i = 1, 2e6 do end redis.register_function('f', function() return 'still there' end)"), 'lib')
  engine.machine.isBroken = true
  assert.is(call('f'), 'still there')
})

test('endless loading code is stopped', () => {
  const { load, call } = makeLibraries()
  assert.is(load('while true do end'), `${FAILED} FUNCTION LOAD timeout`)
  assert.is(load("redis.register_function('f', function() return 'still there' end)"), 'lib')
  assert.is(call('f'), 'still there')
})

test('loading code that uses up the memory is refused, and other libraries keep working', () => {
  // No time passes: the time limit does not come first.
  const { load, call, engine } = makeLibraries(() => 0)
  assert.is(load("redis.register_function('f', function() return 'still there' end)"), 'lib')
  assert.match(load('local t = {} local i = 0 while true do i = i + 1 t[i] = {{}} end', 'other'), `${FAILED} not enough memory`)
  assert.is(call('f'), 'still there')
  engine.machine.isBroken = true
  assert.is(call('f'), 'still there')
  assert.is(engine.losses, 1)
})

test('loading a library many times leaves no memory behind', () => {
  const { load, engine } = makeLibraries()
  const some = () => load(`redis.register_function('f', function() return '${'x'.repeat(10_000)}' end)`)
  some()
  const collect = () => engine.machine.stack.api.lua_gc(engine.machine.main, 2, 0)
  collect()
  const before = engine.usedBytes
  for (let i = 0; i < 2000; i++) some()
  for (let i = 0; i < 2000; i++) load("redis.register_function('f', function() end) redis.register_function('f', 1)")
  collect()
  assert.ok(engine.usedBytes < before + 50_000, `${before} bytes before, ${engine.usedBytes} after`)
})

test.run()
