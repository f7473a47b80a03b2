/**
 * The sandbox, in Lua. A new machine runs it once with the host's helpers as arguments. It returns
 * the table that scripts get as their globals.
 *
 * No script may change a table that all scripts share, and stock Lua has no read-only tables. So
 * scripts get an empty table, the *front*, in place of each shared table (`string`, `redis`, the
 * globals themselves). Reads fall through to the *hidden* table, and writes raise an error.
 * Functions that bypass metatables (rawset, next, table.insert ...) are guarded.
 *
 * The hook suspends a long-running script by a yield, which must reach the host through any number
 * of coroutines. Stock Lua's yields cannot cross pcall and xpcall. In the sandbox these two run the
 * function that they protect in a coroutine of its own. Every resume passes the hook's yields on.
 */
import { SORT } from './sort.ts'

export const PRELUDE = `
local host = ...
local real = host.globals
local error, type, tostring, pairs, select = error, type, tostring, pairs, select
local rawset, next, setmetatable, getmetatable = rawset, next, setmetatable, getmetatable
local create, rawresume, rawyield, rawstatus = coroutine.create, host.resumer(coroutine.resume), coroutine.yield, coroutine.status
local suspended, mayYield, cancelYield = host.suspended, host.mayYield, host.cancelYield
local isNative, loadText = host.isNative, host.loadText
local concat = table.concat
local rawpcall = pcall
local MAX_NESTED = host.maxNested

-- Maps each front, which scripts see, to the table that it hides.
local hiddenOf = setmetatable({}, {__mode = 'k'})
local function refuse() error('Attempt to modify a readonly table', 2) end
local function missing(_, name) error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2) end
-- Returns a new front for a table.
local function frontOf(table)
  local front = {}
  hiddenOf[front] = table
  local shownMeta = {}
  hiddenOf[shownMeta] = {__index = table == real and missing or nil}
  setmetatable(shownMeta, {__newindex = refuse, __metatable = false})
  setmetatable(front, {__index = table, __newindex = refuse, __metatable = shownMeta})
  return front
end

local globals = frontOf(real)
setmetatable(real, {__index = missing, __metatable = false})
rawset(real, '_G', globals)

-- Functions that bypass metatables refuse a front, or read the hidden table.
local unguardedSort = real.table.sort
host.hiddenOf = hiddenOf
for kind, names in pairs({refuses = {'rawset', 'setmetatable'}, reads = {'rawget', 'next'}}) do
  for _, name in pairs(names) do rawset(real, name, host.guarded(real[name], kind, name)) end
end
for kind, names in pairs({refuses = {'insert', 'remove', 'sort', 'setn'}, reads = {'foreach', 'foreachi', 'getn', 'maxn', 'concat'}}) do
  for _, name in pairs(names) do real.table[name] = host.guarded(real.table[name], kind, name) end
end
${SORT}
local guardedNext = real.next
rawset(real, 'pairs', function(table)
  if type(table) ~= 'table' then error("bad argument #1 to 'pairs' (table expected, got " .. type(table) .. ')', 2) end
  if hiddenOf[table] ~= nil then return guardedNext, table, nil end
  return next, table, nil
end)

-- The number of coroutines that are resumed inside one another.
local nested = 0
-- The innermost running coroutine that the script itself has created.
local current = nil
-- Passes the hook's yield to the next outer coroutine, or gives it up if a function of C is in
-- between.
local function passYieldOn() if mayYield() then rawyield() else cancelYield() end end

local function afterResume(co, before, ok, ...)
  if suspended() then
    passYieldOn()
    return afterResume(co, before, rawresume(co))
  end
  sorting = sortingAt[nested]
  nested = nested - 1
  current = before
  return ok, ...
end
local function resume(co, ...)
  if type(co) ~= 'thread' then error("bad argument #1 to 'resume' (coroutine expected)", 2) end
  if nested >= MAX_NESTED then return false, 'C stack overflow' end
  local before = current
  nested = nested + 1
  sortingAt[nested] = sorting
  current = co
  return afterResume(co, before, rawresume(co, ...))
end
-- Level 3 is the caller of the function that wrap has returned. One of the two calls in between is
-- a tail call.
local function returnOrRaise(ok, ...)
  if not ok then
    local message = ...
    if type(message) == 'string' or type(message) == 'number' then error(message, 3) end
    error(message, 0)
  end
  return ...
end
rawset(real, 'coroutine', {
  create = create,
  resume = resume,
  running = function() return current end,
  status = function(co)
    if type(co) ~= 'thread' then error("bad argument #1 to 'status' (coroutine expected)", 2) end
    if co == current then return 'running' end
    return rawstatus(co)
  end,
  wrap = function(body)
    if type(body) ~= 'function' or isNative(body) then error("bad argument #1 to 'wrap' (Lua function expected)", 2) end
    local co = create(body)
    return function(...) return returnOrRaise(resume(co, ...)) end
  end,
  yield = function(...)
    if current == nil then error('attempt to yield across metamethod/C-call boundary', 0) end
    return rawyield(...)
  end,
})

-- Continues a protected call after its coroutine has stopped. The script's own yields pass through
-- pcall, too.
local function protected(co, ok, ...)
  if suspended() then
    passYieldOn()
    return protected(co, rawresume(co))
  end
  if ok and rawstatus(co) == 'suspended' then return protected(co, rawresume(co, rawyield(...))) end
  sorting = sortingAt[nested]
  nested = nested - 1
  return ok, ...
end
-- Returns its arguments. Raises the error of a stop again, which the protected call has caught.
local function unlessStopped(...)
  suspended()
  return ...
end
-- Calls a function and returns like pcall. The hook cannot suspend a native function, so Lua's own
-- pcall calls it. That also keeps its error messages right.
local function try(body, ...)
  if nested >= MAX_NESTED then return false, 'stack overflow' end
  local co
  if type(body) == 'function' then
    if isNative(body) then return unlessStopped(rawpcall(body, ...)) end
    if body == sort and not isSortable(...) then return unlessStopped(rawpcall(nativeSort, ...)) end
    co = create(body)
  elseif host.isCallable(body) then co = create(function(...) return body(...) end)
  else return false, 'attempt to call a ' .. type(body) .. ' value' end
  nested = nested + 1
  sortingAt[nested] = sorting
  return protected(co, rawresume(co, ...))
end
-- Errors of redis.call are tables. pcall returns only the text of such a table, so that scripts can
-- append to it.
local function withErrorText(ok, ...)
  if ok then return ok, ... end
  local message = ...
  if type(message) == 'table' then
    local text = message.err
    if type(text) == 'string' or type(text) == 'number' then return false, text end
  end
  return false, message
end
local function handleError(handler, ok, ...)
  if ok then return ok, ... end
  local isHandled, message = try(handler, ...)
  if not isHandled then message = 'error in error handling' end
  return false, message
end
rawset(real, 'pcall', function(...) return withErrorText(try(...)) end)
rawset(real, 'xpcall', function(body, ...)
  if select('#', ...) == 0 then error("bad argument #2 to 'xpcall' (value expected)", 2) end
  return handleError((...), try(body))
end)
host.reset = function() nested = 0 current = nil sorting = 0 end

-- The host compiles source text only, never bytecode.
rawset(real, 'loadstring', function(text, name)
  if type(text) == 'number' then text = tostring(text) end
  if type(text) ~= 'string' then error("bad argument #1 to 'loadstring' (string expected, got " .. type(text) .. ')', 2) end
  return loadText(text, name == nil and text or name)
end)
rawset(real, 'load', function(reader, name)
  if type(reader) ~= 'function' then error("bad argument #1 to 'load' (function expected, got " .. type(reader) .. ')', 2) end
  local pieces = {}
  while true do
    local ok, piece = try(reader)
    if not ok then return nil, piece end
    if piece == nil or piece == '' then break end
    if type(piece) ~= 'string' and type(piece) ~= 'number' then return nil, 'reader function must return a string' end
    pieces[#pieces + 1] = piece
  end
  return loadText(concat(pieces), name == nil and '=(load)' or name)
end)
for _, name in pairs({'dofile', 'loadfile', 'print', 'newproxy', 'require', 'module', 'getfenv', 'setfenv'}) do rawset(real, name, nil) end
rawset(real, 'os', {clock = real.os.clock})

local stringMeta = {}
getmetatable('').__metatable = frontOf(stringMeta)
for _, name in pairs({'string', 'table', 'math', 'coroutine', 'os'}) do rawset(real, name, frontOf(real[name])) end
stringMeta.__index = real.string
host.frontOf = frontOf
return globals
`
