/**
 * The sandbox, in Lua. It is run once on a new machine, with the host's helpers as arguments, and returns what stands for the globals.
 *
 * What scripts share must not be changed by one of them, and stock Lua has no read-only tables. So each shared table (`string`, `redis`, the
 * globals themselves) is hidden behind an empty one: reading falls through to it, writing raises, and the functions that would go past
 * metatables (rawset, next, table.insert ...) know about it.
 *
 * A hook suspends a script that has run for long, by a yield that must reach the host from inside any number of coroutines: pcall and xpcall,
 * which stock Lua's yields cannot cross, run what they protect in a coroutine of its own, and every resume passes such a yield on.
 */
export const PRELUDE = `
local host = ...
local real = host.globals
local error, type, tostring, pairs = error, type, tostring, pairs
local rawget, rawset, next, setmetatable, getmetatable = rawget, rawset, next, setmetatable, getmetatable
local create, rawresume, rawyield, status = coroutine.create, coroutine.resume, coroutine.yield, coroutine.status
local suspended, mayYield, goOn, isNative, loadText = host.suspended, host.mayYield, host.goOn, host.isNative, host.loadText
local concat = table.concat
local rawpcall = pcall
local READ_ONLY = 'Attempt to modify a readonly table'
local MOST_NESTED = host.mostNested

-- From what scripts see to what it stands for.
local behind = setmetatable({}, {__mode = 'k'})
local function refuse() error(READ_ONLY, 2) end
local function hidden(table)
  local front = {}
  behind[front] = table
  local shown = {}
  behind[shown] = {__index = table == real and front or nil}
  setmetatable(shown, {__newindex = refuse, __metatable = false})
  setmetatable(front, {__index = table, __newindex = refuse, __metatable = shown})
  return front
end

local globals = hidden(real)
setmetatable(real, {__index = function(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end, __metatable = false})
rawset(real, '_G', globals)

-- Going past metatables.
rawset(real, 'rawget', function(table, key)
  local inner = behind[table]
  if inner ~= nil then return rawget(inner, key) end
  return rawget(table, key)
end)
rawset(real, 'rawset', function(table, key, value)
  if behind[table] ~= nil then error(READ_ONLY, 0) end
  return rawset(table, key, value)
end)
rawset(real, 'setmetatable', function(table, meta)
  if behind[table] ~= nil then error(READ_ONLY, 0) end
  return setmetatable(table, meta)
end)
local function following(table, key) return next(behind[table] or table, key) end
rawset(real, 'next', following)
rawset(real, 'pairs', function(table)
  if type(table) ~= 'table' then error("bad argument #1 to 'pairs' (table expected, got " .. (table == nil and 'no value' or type(table)) .. ')', 2) end
  if behind[table] ~= nil then return following, table, nil end
  return next, table, nil
end)
for _, name in pairs({'insert', 'remove', 'sort', 'setn'}) do
  local original = real.table[name]
  rawset(real.table, name, function(table, ...)
    if behind[table] ~= nil then error(READ_ONLY, 0) end
    return original(table, ...)
  end)
end
for _, name in pairs({'foreach', 'foreachi', 'getn', 'maxn', 'concat'}) do
  local original = real.table[name]
  rawset(real.table, name, function(table, ...) return original(behind[table] or table, ...) end)
end

-- Coroutines. nested counts those that are being resumed inside of each other; current is the one that the script made.
local nested = 0
local current = nil
local function letOthersRun() if mayYield() then rawyield() else goOn() end end

local function ofScript(co, before, ok, ...)
  if suspended() then
    letOthersRun()
    return ofScript(co, before, rawresume(co))
  end
  nested = nested - 1
  current = before
  return ok, ...
end
local function resume(co, ...)
  if type(co) ~= 'thread' then error('coroutine expected', 0) end
  if nested >= MOST_NESTED then return false, 'C stack overflow' end
  local before = current
  nested = nested + 1
  current = co
  return ofScript(co, before, rawresume(co, ...))
end
local function unwrapped(ok, ...)
  if not ok then error((...), 0) end
  return ...
end
rawset(real, 'coroutine', {
  create = create,
  resume = resume,
  running = function() return current end,
  status = function(co) if co == current then return 'running' end return status(co) end,
  wrap = function(body)
    local co = create(body)
    return function(...) return unwrapped(resume(co, ...)) end
  end,
  yield = function(...)
    if current == nil then error('attempt to yield across metamethod/C-call boundary', 0) end
    return rawyield(...)
  end,
})

-- A yield of the script's own goes through pcall as well.
local function protected(co, ok, ...)
  if suspended() then
    letOthersRun()
    return protected(co, rawresume(co))
  end
  if ok and status(co) == 'suspended' then return protected(co, rawresume(co, rawyield(...))) end
  nested = nested - 1
  return ok, ...
end
local function unlessStopped(...)
  suspended()
  return ...
end
-- Nothing can be suspended inside of a function that is not Lua, so that Lua's own pcall does, and messages of errors are as they should be.
local function pcall(body, ...)
  if nested >= MOST_NESTED then return false, 'stack overflow' end
  local co
  if type(body) == 'function' then
    if isNative(body) then return unlessStopped(rawpcall(body, ...)) end
    co = create(body)
  elseif host.isCallable(body) then co = create(function(...) return body(...) end)
  else return false, 'attempt to call a ' .. type(body) .. ' value' end
  nested = nested + 1
  return protected(co, rawresume(co, ...))
end
local function handled(handler, ok, ...)
  if ok then return ok, ... end
  return false, handler(...)
end
rawset(real, 'pcall', pcall)
rawset(real, 'xpcall', function(body, handler) return handled(handler, pcall(body)) end)
host.reset = function() nested = 0 current = nil end

-- Source text only: bytecode could do anything.
rawset(real, 'loadstring', function(text, name)
  if type(text) == 'number' then text = tostring(text) end
  if type(text) ~= 'string' then error("bad argument #1 to 'loadstring' (string expected, got " .. type(text) .. ')', 2) end
  return loadText(text, name == nil and text or name)
end)
rawset(real, 'load', function(reader, name)
  if type(reader) ~= 'function' then error("bad argument #1 to 'load' (function expected, got " .. type(reader) .. ')', 2) end
  local pieces = {}
  while true do
    local piece = reader()
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' then return nil, 'reader function must return a string' end
    pieces[#pieces + 1] = piece
  end
  return loadText(concat(pieces), name == nil and '=(load)' or name)
end)
for _, name in pairs({'dofile', 'loadfile', 'print', 'newproxy', 'require', 'module', 'getfenv', 'setfenv'}) do rawset(real, name, nil) end
rawset(real, 'os', {clock = real.os.clock})

local ofStrings = {}
getmetatable('').__metatable = hidden(ofStrings)
for _, name in pairs({'string', 'table', 'math', 'coroutine', 'os'}) do rawset(real, name, hidden(real[name])) end
ofStrings.__index = real.string
host.hidden = hidden
return globals
`
