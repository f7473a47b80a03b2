/**
 * Results of the sandbox in redis-server 7.0.15: protected and missing globals, errors, and
 * catching them. See casesOf.
 */
export const SANDBOX_CASES = `
x = 1
  error: "user_script:1: Attempt to modify a readonly table"
return x
  error: "user_script:1: Script attempted to access nonexistent global variable 'x'"
rawset(_G, 'x', 1)
  error: "Attempt to modify a readonly table"
_G.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
_G._G.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
setmetatable(_G, {})
  error: "Attempt to modify a readonly table"
return getmetatable(_G)
  {["__index"]=function}
getmetatable(_G).__index = nil
  error: "user_script:1: Attempt to modify a readonly table"
getmetatable(_G).__newindex = nil
  error: "user_script:1: Attempt to modify a readonly table"
rawset(getmetatable(_G), '__index', nil)
  error: "Attempt to modify a readonly table"
string.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
string.format = nil
  error: "user_script:1: Attempt to modify a readonly table"
string['rep'] = 1
  error: "user_script:1: Attempt to modify a readonly table"
rawset(string, 'rep', 1)
  error: "Attempt to modify a readonly table"
table.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
math.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
coroutine.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
bit.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
cjson.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
cmsgpack.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
struct.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
rawset(cjson, 'x', 1)
  error: "Attempt to modify a readonly table"
rawset(bit, 'x', 1)
  error: "Attempt to modify a readonly table"
setmetatable(string, {})
  error: "Attempt to modify a readonly table"
setmetatable(cjson, nil)
  error: "Attempt to modify a readonly table"
table.insert(string, 1)
  error: "Attempt to modify a readonly table"
table.insert(_G, 1)
  error: "Attempt to modify a readonly table"
getmetatable('').__index = nil
  error: "user_script:1: Attempt to modify a readonly table"
getmetatable('').x = 1
  error: "user_script:1: Attempt to modify a readonly table"
getmetatable('').__index.x = 1
  error: "user_script:1: Attempt to modify a readonly table"
return type(getmetatable(''))
  "table"
return getmetatable('').__index == string
  true
rawset(getmetatable(''), '__index', 1)
  error: "Attempt to modify a readonly table"
setmetatable(getmetatable(''), {})
  error: "Attempt to modify a readonly table"
return ('x'):rep(3), ('%d'):format(3), #'abc', ('x').y
  "xxx" "3" 3 nil
return type(load), type(loadstring), type(dofile), type(loadfile), type(print), type(require), type(module), type(newproxy), type(getfenv), type(setfenv)
  error: "user_script:1: Script attempted to access nonexistent global variable 'dofile'"
return type(loadstring), type(load)
  "function" "function"
return dofile
  error: "user_script:1: Script attempted to access nonexistent global variable 'dofile'"
return loadfile
  error: "user_script:1: Script attempted to access nonexistent global variable 'loadfile'"
return print
  error: "user_script:1: Script attempted to access nonexistent global variable 'print'"
return require
  error: "user_script:1: Script attempted to access nonexistent global variable 'require'"
return module
  error: "user_script:1: Script attempted to access nonexistent global variable 'module'"
return newproxy
  error: "user_script:1: Script attempted to access nonexistent global variable 'newproxy'"
return getfenv
  error: "user_script:1: Script attempted to access nonexistent global variable 'getfenv'"
return setfenv
  error: "user_script:1: Script attempted to access nonexistent global variable 'setfenv'"
return io
  error: "user_script:1: Script attempted to access nonexistent global variable 'io'"
return debug
  error: "user_script:1: Script attempted to access nonexistent global variable 'debug'"
return package
  error: "user_script:1: Script attempted to access nonexistent global variable 'package'"
local t = {} for k in pairs(string) do t[#t+1] = k end table.sort(t) return t
  {[10]="lower",[11]="match",[12]="rep",[13]="reverse",[14]="sub",[15]="upper",[1]="byte",[2]="char",[3]="dump",[4]="find",[5]="format",[6]="gfind",[7]="gmatch",[8]="gsub",[9]="len"}
local t = {} for k in pairs(table) do t[#t+1] = k end table.sort(t) return t
  {[1]="concat",[2]="foreach",[3]="foreachi",[4]="getn",[5]="insert",[6]="maxn",[7]="remove",[8]="setn",[9]="sort"}
local t = {} for k in pairs(math) do t[#t+1] = k end table.sort(t) return t
  {[10]="exp",[11]="floor",[12]="fmod",[13]="frexp",[14]="huge",[15]="ldexp",[16]="log",[17]="log10",[18]="max",[19]="min",[1]="abs",[20]="mod",[21]="modf",[22]="pi",[23]="pow",[24]="rad",[25]="random",[26]="randomseed",[27]="sin",[28]="sinh",[29]="sqrt",[2]="acos",[30]="tan",[31]="tanh",[3]="asin",[4]="atan",[5]="atan2",[6]="ceil",[7]="cos",[8]="cosh",[9]="deg"}
local t = {} for k in pairs(coroutine) do t[#t+1] = k end table.sort(t) return t
  {[1]="create",[2]="resume",[3]="running",[4]="status",[5]="wrap",[6]="yield"}
return _VERSION
  "Lua 5.1"
return gcinfo and type(gcinfo())
  "number"
return collectgarbage('stop')
  0
return collectgarbage()
  0
return collectgarbage('step')
  false
return rawequal('a', 'a'), rawequal({}, {})
  true false
return select('#', 1, nil, nil), select(2, 'a', 'b', 'c'), select(-1, 'a', 'b')
  3 "b" "b"
return select(0)
  error: "user_script:1: bad argument #1 to 'select' (index out of range)"
return tonumber('0x10'), tonumber('10', 2), tonumber('zz', 36), tonumber(''), tonumber(' 1 '), tonumber('1e2'), tonumber(nil)
  16 2 1295 nil 1 100 nil
return tostring(nil), tostring(true), tostring(1.5), tostring('x'), tostring(1e15), tostring(1e16), tostring(0/0), tostring(1/0)
  "nil" "true" "1.5" "x" "1e+15" "1e+16" "-nan" "inf"
return unpack({1, 2, 3}), unpack({1, 2, 3}, 2), unpack({}, 1, 2)
  1 2 nil nil
return unpack({}, 1, 1e7)
  error: "user_script:1: too many results to unpack"
return unpack({}, 1, 8000)
  error: "user_script:1: too many results to unpack"
return next({}), next({5})
  nil 1 5
return type(next), ipairs({})
  "function" function {} 0
for i, v in ipairs({1, 2, nil, 4}) do if i > 2 then return 'no' end end return 'yes'
  "yes"
return assert(false)
  error: "user_script:1: assertion failed!"
return assert(nil, 'message')
  error: "user_script:1: message"
return assert(false, {1})
  error: "user_script:1: bad argument #2 to 'assert' (string expected, got table)"
return assert(1, 2, 3)
  1 2 3
error('x')
  error: "user_script:1: x"
error('x', 0)
  error: "x"
error('x', 1)
  error: "user_script:1: x"
error('x', 2)
  error: "x"
error({err = 'x'})
  error: "x"
error()
  error: nil
error(nil)
  error: nil
local ok, e = pcall(error) return ok, e
  false nil
return pcall(error, 'x')
  false "x"
return pcall(error, 'x', 0)
  false "x"
return pcall(function() error('x') end)
  false "user_script:1: x"
return pcall(function() error('x', 0) end)
  false "x"
return pcall(function() error('x', 2) end)
  false "x"
return pcall(function(...) return ... end, 1, nil, 3)
  true 1 nil 3
return pcall(function(...) return select('#', ...) end, 1, nil, nil)
  true 3
return pcall(nil)
  false "attempt to call a nil value"
return pcall(1)
  false "attempt to call a number value"
return pcall({})
  false "attempt to call a table value"
return pcall('x')
  false "attempt to call a string value"
return pcall(setmetatable({}, {__call = function(self, a) return a end}), 5)
  true 5
return pcall(pcall, error)
  true false nil
return pcall(pcall, function() error('x') end)
  true false "user_script:1: x"
return xpcall(function() error('x') end, function(e) return 'handled ' .. e end)
  false "handled user_script:1: x"
return xpcall(function() error('x') end, function(e) error('y') end)
  false "error in error handling"
return xpcall(function() return 1, 2 end, function() end)
  true 1 2
return xpcall(function() local x = nil + 1 end, function(e) return e end)
  false "user_script:1: attempt to perform arithmetic on a nil value"
return xpcall(function(...) return select('#', ...) end, function(e) return e end, 1, 2)
  true 0
return xpcall(nil, function(e) return e end)
  false "attempt to call a nil value"
return xpcall(error, function(e) return e, 2 end)
  false nil
return xpcall(function() error({1}) end, function(e) return e[1] end)
  false 1
return xpcall(function() error('x') end, nil)
  false "error in error handling"
return xpcall(function() error('x') end, 1)
  false "error in error handling"
return xpcall(tostring, function(e) return e end)
  false "bad argument #1 to '?' (value expected)"
`
