/**
 * table.sort of the sandbox, written in Lua so that the hook can suspend it: in a comparator, and
 * while very many elements are sorted. Lua cannot yield in a comparator that a function of C calls.
 *
 * The algorithm is the quicksort of Lua 5.1 (ltablib.c), comparison by comparison. The result of an
 * unstable sort and the errors of contradictory comparators depend on it.
 */

import { LUA_FUNCTION, LUA_NIL, LUA_NUMBER, LUA_STRING, LUA_TABLE } from './api.ts'
import type { LuaStack } from './stack.ts'

/**
 * Tables of at least this many elements are sorted in Lua even without a comparator. For fewer,
 * Lua's own sort takes a few milliseconds.
 */
const MIN_SORTED_IN_LUA = 10_000

/**
 * Pushes the helper that decides by the arguments of table.sort which function sorts. It returns
 * true for `sortBy` (a comparator in Lua), and false for Lua's own sort (no comparator, few
 * elements). It returns nil for all other arguments, which `sort` examines further.
 */
export function pushSortKind(stack: LuaStack): number {
  const { api, module } = stack
  stack.pushFunction(
    module.addFunction('ii', (state) => {
      if (api.lua_type(state, 1) !== LUA_TABLE || api.lua_getmetatable(state, 1) !== 0) return 0
      const kind = api.lua_type(state, 2)
      if (kind === LUA_FUNCTION && api.lua_iscfunction(state, 2) === 0) api.lua_pushboolean(state, 1)
      else if (kind > LUA_NIL || api.lua_objlen(state, 1) >= MIN_SORTED_IN_LUA) return 0
      else {
        api.lua_rawgeti(state, 1, 1)
        const first = api.lua_type(state, -1)
        if (first !== LUA_NUMBER && first !== LUA_STRING) return 0
        api.lua_pushboolean(state, 0)
      }
      return 1
    }),
  )
  return 1
}

/**
 * Returns the source of a function that sorts t[l] to t[u]. The function returns true, or nil if
 * comparisons contradict one another.
 */
function sorter(name: string, less: (a: string, b: string) => string): string {
  return `
local function ${name}(t, l, u, less)
  while l < u do
    local low, high = t[l], t[u]
    if ${less('high', 'low')} then t[l], t[u] = high, low end
    if u - l == 1 then break end
    local i = floor((l + u) / 2)
    local middle = t[i]
    low = t[l]
    if ${less('middle', 'low')} then t[i], t[l] = low, middle
    else
      high = t[u]
      if ${less('high', 'middle')} then t[i], t[u] = high, middle end
    end
    if u - l == 2 then break end
    local pivot = t[i]
    t[i], t[u - 1] = t[u - 1], pivot
    i = l
    local j = u - 1
    while true do
      i = i + 1
      local first = t[i]
      while ${less('first', 'pivot')} do
        if i > u then return nil end
        i = i + 1
        first = t[i]
      end
      j = j - 1
      local last = t[j]
      while ${less('pivot', 'last')} do
        if j < l then return nil end
        j = j - 1
        last = t[j]
      end
      if j < i then break end
      t[i], t[j] = last, first
    end
    t[u - 1], t[i] = t[i], t[u - 1]
    if i - l < u - i then
      j, i, l = l, i - 1, i + 1
    else
      j, i, u = i + 1, u, i - 1
    end
    if not ${name}(t, j, i, less) then return nil end
  end
  return true
end`
}

/** The part of the prelude that defines the sort. */
export const SORT = `
local floor = math.floor
${sorter('sortBy', (a, b) => `less(${a}, ${b})`)}
${sorter('sortPlain', (a, b) => `${a} < ${b}`)}
local nativeSort, sortKind = real.table.sort, host.sortKind(nil)
-- True if the first elements of a list have this type.
local function allAre(kind, t, count)
  for i = 1, count do if type(t[i]) ~= kind then return false end end
  return true
end
-- The number of sorts that are nested in comparators, limited as Lua limits nested calls of C.
local sorting = 0
-- The value of sorting when each nested coroutine was entered. It is restored after an error.
local sortingAt = {}
local INVALID = 'invalid order function for sorting'
-- Calls Lua's own sort, and raises its errors as if the script had called it.
local function sortNatively(t, less)
  local ok, message = rawpcall(nativeSort, t, less)
  if ok then return end
  suspended()
  error(message, message == INVALID and 3 or 0)
end
-- False for wrong arguments. Under pcall, Lua's own sort reports them.
local function isSortable(t, less) return type(t) == 'table' and (less == nil or type(less) == 'function') end
local function sort(...)
  local t, less = ...
  local sortsInLua = sortKind(t, less)
  if sortsInLua then
    if sorting >= MAX_NESTED then error('C stack overflow', 0) end
    sorting = sorting + 1
    local isValid = sortBy(t, 1, #t, less)
    sorting = sorting - 1
    if not isValid then error(INVALID, 2) end
    return
  end
  -- Only comparisons can fail here. Their errors name no line, so this call need not be in the
  -- script's frame.
  if sortsInLua == false then return unguardedSort(t) end
  if type(t) ~= 'table' then
    error("bad argument #1 to 'sort' (table expected, got " .. (select('#', ...) == 0 and 'no value' or type(t)) .. ')', 2)
  end
  if less ~= nil and type(less) ~= 'function' then error("bad argument #2 to 'sort' (function expected, got " .. type(less) .. ')', 2) end
  if less == nil and getmetatable(t) == nil then
    local kind, count = type(t[1]), #t
    if (kind == 'number' or kind == 'string') and allAre(kind, t, count) then
      sortPlain(t, 1, count)
      return
    end
  end
  sortNatively(t, less)
end
rawset(real.table, 'sort', sort)
`
