/** Results of Lua's own functions in the sandbox of redis-server 7.0.15. See casesOf. */
export const LUA_CASES = String.raw`
return pcall(function() return nil + 1 end)
  false "user_script:1: attempt to perform arithmetic on a nil value"
return pcall(function() local t = nil; return t.x end)
  false "user_script:1: attempt to index local 't' (a nil value)"
return pcall(function() local t = nil; t.x = 1 end)
  false "user_script:1: attempt to index local 't' (a nil value)"
return pcall(function() return undefined_name end)
  false "user_script:1: Script attempted to access nonexistent global variable 'undefined_name'"
return pcall(function() undefined_name = 1 end)
  false "user_script:1: Attempt to modify a readonly table"
return pcall(function() return {} < {} end)
  false "user_script:1: attempt to compare two table values"
return pcall(function() return {} .. 'x' end)
  false "user_script:1: attempt to concatenate a table value"
return pcall(function() return #5 end)
  false "user_script:1: attempt to get length of a number value"
return pcall(function() return ('x')() end)
  false "user_script:1: attempt to call a string value"
return pcall(function() string.x() end)
  false "user_script:1: attempt to call field 'x' (a nil value)"
return pcall(string.rep)
  false "bad argument #1 to '?' (string expected, got no value)"
return pcall(string.rep, 'x', -1)
  true ""
return pcall(string.rep, {}, 1)
  false "bad argument #1 to '?' (string expected, got table)"
return pcall(string.format, '%d', 'x')
  false "bad argument #2 to '?' (number expected, got string)"
return pcall(setmetatable, 1, {})
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(setmetatable, {}, 1)
  false "bad argument #2 to '?' (nil or table expected)"
return pcall(setmetatable, setmetatable({}, {__metatable = 1}), {})
  false "cannot change a protected metatable"
return getmetatable(setmetatable({}, {__metatable = 'mine'}))
  "mine"
return pcall(rawset, 1, 2, 3)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(rawset, {})
  false "bad argument #2 to '?' (value expected)"
return pcall(rawget, 1, 2)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(rawget, {})
  false "bad argument #2 to '?' (value expected)"
return pcall(next, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(next, {}, 'x')
  false "invalid key to 'next'"
return pcall(ipairs)
  false "bad argument #1 to '?' (table expected, got no value)"
return pcall(ipairs, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.insert)
  false "bad argument #1 to '?' (table expected, got no value)"
return pcall(table.insert, 1, 2)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.insert, {}, 1, 2, 3)
  false "wrong number of arguments to 'insert'"
return pcall(table.insert, {})
  false "wrong number of arguments to 'insert'"
return pcall(table.remove, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.sort, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.sort, {3, 1, 'x'})
  false "attempt to compare string with number"
return pcall(table.sort, {3, 1, 2}, 5)
  false "bad argument #2 to '?' (function expected, got number)"
return pcall(table.concat, {1, {}, 2})
  false "invalid value (table) at index 2 in table for 'concat'"
return pcall(table.concat, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.concat)
  false "bad argument #1 to '?' (table expected, got no value)"
return pcall(table.maxn, 1)
  false "bad argument #1 to '?' (table expected, got number)"
return pcall(table.foreach, {1}, print)
  error: "user_script:1: Script attempted to access nonexistent global variable 'print'"
local t = {3, 1, 2} table.sort(t) return t
  {[1]=1,[2]=2,[3]=3}
local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t
  {[1]=3,[2]=2,[3]=1}
local t = {1, 2} table.insert(t, 3) table.insert(t, 1, 0) return t, table.remove(t), table.remove(t, 1), #t
  {[1]=1,[2]=2} 3 0 2
return table.concat({1, 2, 'x'}, ', '), table.concat({1, 2, 3}, '-', 2, 3), table.getn({1, 2}), table.maxn({[5] = 1, [2.5] = 1})
  "1, 2, x" "2-3" 2 5
local s = '' table.foreach({1, 2}, function(k, v) s = s .. k .. v end) table.foreachi({3}, function(k, v) s = s .. k .. v end) return s
  "112213"
return table.setn({}, 1)
  error: "user_script:1: 'setn' is obsolete"
return table.foreachi({1, 2, 3}, function(i, v) if i == 2 then return 'found' end end)
  "found"
return loadstring('return 1 + 1')()
  2
return loadstring('return +')
  nil "[string "return +"]:1: unexpected symbol near '+'"
return loadstring('return ...', 'mine')(7)
  7
return loadstring('error("x")', '@mine')
  function
return pcall(loadstring('error("x")', '@mine'))
  false "mine:1: x"
return pcall(loadstring('error("x")', '=mine'))
  false "mine:1: x"
return pcall(loadstring('error("x")'))
  false "[string "error("x")"]:1: x"
return loadstring('x = = 1', '@mine')
  nil "mine:1: unexpected symbol near '='"
return loadstring('x = = 1')
  nil "[string "x = = 1"]:1: unexpected symbol near '='"
return loadstring('\27Lua')
  nil "[string "\1bLua"]:1: unexpected symbol near 'char(27)'"
return pcall(loadstring, 12)
  true nil "[string "12"]:1: unexpected symbol near '12'"
return loadstring(12)
  nil "[string "12"]:1: unexpected symbol near '12'"
return pcall(loadstring('y = 1'))
  false "[string "y = 1"]:1: Attempt to modify a readonly table"
return pcall(loadstring('return y'))
  false "[string "return y"]:1: Script attempted to access nonexistent global variable 'y'"
local n = 0 return load(function() n = n + 1 return ({'return ', '4', '2'})[n] end)()
  42
return pcall(load, function() error('x') end)
  true nil "user_script:1: x"
local n = 0 return pcall(load, function() n = n + 1 if n < 3 then return 'x' end error('boom') end)
  true nil "user_script:1: boom"
local n = 0 return load(function() n = n + 1 return ({'x = = ', '4', '2'})[n] end, '@mine')
  nil "mine:1: unexpected symbol near '='"
return loadstring(string.dump(function() return 1 end))
  nil "[string "\1bLuaQ"]:1: unexpected symbol near 'char(27)'"
return string.dump(function() end):sub(1, 4)
  "\1bLua"
local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end) local _, x = coroutine.resume(co, 1) local _, y = coroutine.resume(co, 10) return x, y, coroutine.status(co), coroutine.resume(co)
  2 20 "dead" false "cannot resume dead coroutine"
local f = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) return f(), f(), f(), f()
  1 2 3
local f = coroutine.wrap(function() error('x') end) return pcall(f)
  false "user_script:1: x"
local f = coroutine.wrap(function() end) f() return pcall(f)
  false "cannot resume dead coroutine"
return pcall(coroutine.create)
  false "bad argument #1 to '?' (Lua function expected)"
return pcall(coroutine.create, 1)
  false "bad argument #1 to '?' (Lua function expected)"
return pcall(coroutine.create, tostring)
  false "bad argument #1 to '?' (Lua function expected)"
return coroutine.running()
  nil
return type(coroutine.running())
  "nil"
local co co = coroutine.create(function() return coroutine.running() == co, coroutine.status(co) end) return coroutine.resume(co)
  true true "running"
local co co = coroutine.create(function() return coroutine.resume(co) end) return coroutine.resume(co)
  true false "cannot resume running coroutine"
local outer outer = coroutine.create(function() local inner = coroutine.create(function() return coroutine.status(outer) end) return coroutine.resume(inner) end) return coroutine.resume(outer)
  true true "normal"
local co = coroutine.create(function() coroutine.yield() end) return coroutine.status(co)
  "suspended"
return pcall(coroutine.yield)
  false "attempt to yield across metamethod/C-call boundary"
return coroutine.yield()
  error: "attempt to yield across metamethod/C-call boundary"
local co = coroutine.create(function() return pcall(function() return 1 end) end) return coroutine.resume(co)
  true true 1
local co = coroutine.create(function() return pcall(function() error('x') end) end) return coroutine.resume(co)
  true false "user_script:1: x"
local co = coroutine.create(function() error('x') end) return coroutine.resume(co)
  false "user_script:1: x"
local co = coroutine.create(function() error('x') end) coroutine.resume(co) return coroutine.status(co), coroutine.resume(co)
  "dead" false "cannot resume dead coroutine"
local co = coroutine.create(function(...) return select('#', ...) end) return coroutine.resume(co, nil, nil)
  true 2
local co = coroutine.wrap(function(...) return select('#', coroutine.yield()) end) co() return co(nil, nil, nil)
  3
math.randomseed(1) return math.random(100), math.random(100), math.random(100)
  5 46 84
return math.random(0)
  error: "user_script:1: bad argument #1 to 'random' (interval is empty)"
return pcall(math.random, 2, 1)
  false "bad argument #2 to '?' (interval is empty)"
return pcall(math.random, 1, 2, 3)
  false "wrong number of arguments"
return pcall(math.random, 'x')
  false "bad argument #1 to '?' (number expected, got string)"
math.randomseed(5) return math.random(), math.random(2^31), math.random(-5, 5), math.random(1.5), math.random(2.5, 4.7)
  error: "user_script:1: bad argument #1 to 'random' (interval is empty)"
math.randomseed(-1) return math.random()
  0.3000257272739083
math.randomseed(1.9) return math.random()
  0.041630344484760586
math.randomseed(2^40) return math.random()
  0.1708280361121651
return pcall(math.randomseed)
  false "bad argument #1 to '?' (number expected, got no value)"
return pcall(math.randomseed, 'x')
  false "bad argument #1 to '?' (number expected, got string)"
math.randomseed('7') return math.random()
  0.26644419658297869
return ('abc'):gsub('%w', function(c) return c .. c end), ('abc'):gsub('b', {b = 'x'}), ('abc'):find('b'), ('a,b'):match('(%w),(%w)')
  "aabbcc" "axc" 2 "a" "b"
local t = {} for w in ('a b c'):gmatch('%a') do t[#t+1] = w end return t
  {[1]="a",[2]="b",[3]="c"}
return pcall(string.gsub, 'abc', 'b', function() error('x') end)
  false "user_script:1: x"
return pcall(string.gsub, 'abc', '(', '')
  true "abc" 4
return pcall(string.find, 'abc', '[')
  false "malformed pattern (missing ']')"
local t = setmetatable({}, {__index = function(_, k) return k .. '!' end, __newindex = function(t, k, v) rawset(t, k, v * 2) end}) t.x = 2 return t.x, t.y, rawget(t, 'z')
  4 "y!" nil
return tostring(setmetatable({}, {__tostring = function() return 'mine' end}))
  "mine"
return pcall(tostring, setmetatable({}, {__tostring = function() error('x') end}))
  false "user_script:1: x"
return setmetatable({}, {__add = function() return 'sum' end}) + 1, setmetatable({}, {__concat = function() return 'joined' end}) .. 'x', -setmetatable({}, {__unm = function() return 'less' end}), #setmetatable({}, {__len = function() return 5 end})
  "sum" "joined" "less" 0
return setmetatable({}, {__eq = function() return true end}) == setmetatable({}, {__eq = function() return true end})
  false
local function f(n) if n == 0 then return 'deep' end return f(n - 1) end return f(1e6)
  "deep"
local function f(n) return 1 + f(n + 1) end return pcall(f, 1)
  false "user_script:1: stack overflow"
local function f(n) return n == 0 and 'end' or pcall(f, n - 1) end return f(100)
  true
local function f(n) local ok, v = pcall(function() return n == 0 and 'end' or f(n - 1) end) return v end return f(100)
  "end"
local function f(n) if n == 0 then return 'end' end local co = coroutine.wrap(f) return co(n - 1) end return f(100)
  "end"
local function f() return string.gsub('x', 'x', f) end return pcall(f)
  false "C stack overflow"
local function f() local t = {3, 2, 1} table.sort(t, f) end return pcall(f)
  false "C stack overflow"
local t = setmetatable({}, {}) getmetatable(t).__index = t return pcall(function() return t.x end)
  false "user_script:1: loop in gettable"
local t = setmetatable({}, {__index = function(t, k) return t[k .. 'x'] end}) return pcall(function() return t.x end)
  false "user_script:1: C stack overflow"
return ('x'):rep(10, ',')
  "xxxxxxxxxx"
return loadstring(('('):rep(300) .. '1' .. (')'):rep(300))
  nil "[string "(((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((..."]:1: chunk has too many syntax levels"
return (loadstring('return ' .. ('{'):rep(300) .. ('}'):rep(300)))
  nil
local s = {} for i = 1, 300 do s[i] = 'local a' .. i .. ' = 1' end return loadstring(table.concat(s, ' '))
  nil "[string "local a1 = 1 local a2 = 1 local a3 = 1 local a4 = 1 local a5 = ..."]:1: main function has more than 200 local variables"
return 0x7fffffff, 1e308 * 10, -0, 5 % -3, -5 % 3, 2 ^ 0.5, 7 / 2
  2147483647 inf -0 -1 1 1.4142135623730951 3.5
return 3 == 3.0, '10' + 5, '0x10' * 1, 10 .. 20
  true 15 16 "1020"
return math.floor(-3.5), math.ceil(3.2), math.fmod(-7, 3), math.mod(7, 3), math.huge, -math.huge, math.pi, math.max(1, 5, 3), math.min(2, 0)
  -4 4 -1 1 inf -inf 3.1415926535897931 5 0
return string.len('\0\0'), ('a\0b'):byte(1, -1), string.char(0, 255), ('x'):upper(), ('%q'):format('a"b\n\0'), ('%s|%5.2f|%x|%c|%i|%g'):format('s', 3.14159, 255, 65, 3, 1e20)
  2 97 "\00\ff" "X" ""a\"b\\0a\000"" "s| 3.14|ff|A|3|1e+20"
return ('%s'):format(), 1
  error: "user_script:1: bad argument #1 to 'format' (no value)"
return pcall(string.format, '%s')
  false "bad argument #2 to '?' (no value)"
return pcall(string.format, '%y', 1)
  false "invalid option '%y' to 'format'"
return ('abc'):sub(-2), ('abc'):reverse(), ('%5s|%-5s|%05d'):format('a', 'b', 42)
  "bc" "cba" "    a|b    |00042"
return string.gfind ~= nil
  true
return rawget(_G, 'nothing'), rawget(_G, 'string') == string
  nil true
return _G.string == string, _G._G == _G
  true true
for k, v in pairs(_G) do if k == 'string' then return v == string end end
  true
for k, v in next, string do if k == 'rep' then return v == string.rep end end
  true
return next(string) ~= nil, #string
  true 0
return rawequal(_G, _G._G)
  true
return type(rawget(string, 'rep'))
  "function"
return tostring(nil) .. tostring(false), tostring(print)
  error: "user_script:1: Script attempted to access nonexistent global variable 'print'"
return pcall(string.char, 256)
  false "bad argument #1 to '?' (invalid value)"
return type(string.format('%p', {}))
  error: "user_script:1: invalid option '%p' to 'format'"
return pcall(function() local f = coroutine.wrap(function() error('x') end) f() end)
  false "user_script:1: user_script:1: x"
local f = coroutine.wrap(function() error('x', 0) end) f()
  error: "user_script:1: x"
local f = coroutine.wrap(function() error(5) end) f()
  error: "user_script:1: user_script:1: 5"
pairs(nil)
  error: "user_script:1: bad argument #1 to 'pairs' (table expected, got nil)"
pairs(5)
  error: "user_script:1: bad argument #1 to 'pairs' (table expected, got number)"
table.insert(nil, 1)
  error: "user_script:1: bad argument #1 to 'insert' (table expected, got nil)"
table.insert({}, 1, 2, 3)
  error: "user_script:1: wrong number of arguments to 'insert'"
table.concat({{}})
  error: "user_script:1: invalid value (table) at index 1 in table for 'concat'"
table.concat({1, {}, 2})
  error: "user_script:1: invalid value (table) at index 2 in table for 'concat'"
table.sort(5)
  error: "user_script:1: bad argument #1 to 'sort' (table expected, got number)"
table.remove()
  error: "user_script:1: bad argument #1 to 'remove' (table expected, got no value)"
setmetatable(1, {})
  error: "user_script:1: bad argument #1 to 'setmetatable' (table expected, got number)"
setmetatable({}, 1)
  error: "user_script:1: bad argument #2 to 'setmetatable' (nil or table expected)"
setmetatable({})
  error: "user_script:1: bad argument #2 to 'setmetatable' (nil or table expected)"
rawget(5, 1)
  error: "user_script:1: bad argument #1 to 'rawget' (table expected, got number)"
rawset({}, 1)
  error: "user_script:1: bad argument #3 to 'rawset' (value expected)"
next(5)
  error: "user_script:1: bad argument #1 to 'next' (table expected, got number)"
next({}, 'x')
  error: "invalid key to 'next'"
coroutine.resume(5)
  error: "user_script:1: bad argument #1 to 'resume' (coroutine expected)"
coroutine.status(5)
  error: "user_script:1: bad argument #1 to 'status' (coroutine expected)"
coroutine.wrap(5)
  error: "user_script:1: bad argument #1 to 'wrap' (Lua function expected)"
coroutine.create(5)
  error: "user_script:1: bad argument #1 to 'create' (Lua function expected)"
math.random('x')
  error: "user_script:1: bad argument #1 to 'random' (number expected, got string)"
math.random(2, 1)
  error: "user_script:1: bad argument #2 to 'random' (interval is empty)"
math.random(1, 2, 3)
  error: "user_script:1: wrong number of arguments"
math.randomseed({})
  error: "user_script:1: bad argument #1 to 'randomseed' (number expected, got table)"
return math.random(2^31)
  error: "user_script:1: bad argument #1 to 'random' (interval is empty)"
math.randomseed(3) return math.random(2^31 - 1), math.random(-10, -5), math.random(1.9, 3.9), math.random('3')
  1681984274 -5 1 1
local t = {5, 3, 9} table.sort(t, function(a, b) return pcall(function() return a < b end) end) return #t
  3
return select('#', table.remove({})), select('#', table.remove({1}))
  0 1
return pcall(table.foreachi, string, function() end)
  true
local n = 0 table.foreach(string, function() n = n + 1 end) return n
  15
return table.getn(string), table.maxn(string), table.concat(string)
  0 0 ""
return #_G
  0
local t = setmetatable({}, {__call = function(_, x) return x end}) return pcall(t, 3), xpcall(function() return t(4) end, tostring)
  true true 4
return pcall(next, {1}), pcall(next, {1}, 1)
  true true nil
`
