/**
 * Results of cjson in redis-server 7.0.15. The order matters: a changed setting stays. See casesOf.
 */
export const CJSON_CASES = String.raw`
return cjson.encode({1,2,3})
  "[1,2,3]"
return cjson.encode({a=1})
  "{"a":1}"
return cjson.encode({})
  "{}"
return cjson.encode("a\"b\\c/d\b\f\n\r\t\0\127\200")
  ""a\"b\\c\/d\b\f\n\r\t\u0000\u007f\c8""
return cjson.encode(1.5), cjson.encode(1e100), cjson.encode(-0), cjson.encode(0.1), cjson.encode(1/3), cjson.encode(123456789012345678)
  "1.5" "1e+100" "-0" "0.1" "0.33333333333333" "1.2345678901235e+17"
return cjson.encode(1e14), cjson.encode(99999999999999), cjson.encode(1e15), cjson.encode(0.0001), cjson.encode(0.00001234)
  "1e+14" "99999999999999" "1e+15" "0.0001" "1.234e-05"
return cjson.encode(10000000000000.5), cjson.encode(10000000000001.5), cjson.encode(0.5)
  "10000000000000" "10000000000002" "0.5"
return cjson.encode(0/0)
  error: "user_script:1: Cannot serialise number: must not be NaN or Inf"
return cjson.encode({1/0})
  error: "user_script:1: Cannot serialise number: must not be NaN or Inf"
return cjson.encode({[1.5]=1})
  "{"1.5":1}"
return cjson.encode({[-1]=1})
  "{"-1":1}"
return cjson.encode({[0]=1})
  "{"0":1}"
return cjson.encode({[1e10]=1})
  "{"10000000000":1}"
return cjson.encode({[3]=1})
  "[null,null,1]"
return cjson.encode({[10]=1})
  "[null,null,null,null,null,null,null,null,null,1]"
return cjson.encode({[11]=1})
  error: "user_script:1: Cannot serialise table: excessively sparse array"
return cjson.encode({[true]=1})
  error: "user_script:1: Cannot serialise boolean: table key must be a number or string"
return cjson.encode({[1]=1,a=2})
  "{"1":1,"a":2}"
return cjson.encode(tostring)
  error: "user_script:1: Cannot serialise function: type not supported"
return cjson.encode({tostring})
  error: "user_script:1: Cannot serialise function: type not supported"
return cjson.encode({x=tostring})
  error: "user_script:1: Cannot serialise function: type not supported"
return cjson.encode(nil)
  "null"
return cjson.encode(cjson.null), cjson.encode({cjson.null}), cjson.encode({a=cjson.null})
  "null" "[null]" "{"a":null}"
return cjson.encode(true), cjson.encode(false)
  "true" "false"
return cjson.encode()
  error: "user_script:1: bad argument #1 to 'encode' (expected 1 argument)"
return cjson.encode(1,2)
  error: "user_script:1: bad argument #1 to 'encode' (expected 1 argument)"
return pcall(cjson.encode)
  false "bad argument #1 to '?' (expected 1 argument)"
local t={} t[1]=t return cjson.encode(t)
  error: "user_script:1: Cannot serialise, excessive nesting (1001)"
local t={} t.a=t return cjson.encode(t)
  error: "user_script:1: Cannot serialise, excessive nesting (1001)"
return cjson.encode_sparse_array()
  false 2 10
return cjson.encode_max_depth(), cjson.decode_max_depth(), cjson.encode_number_precision(), cjson.encode_keep_buffer(), cjson.encode_invalid_numbers(), cjson.decode_invalid_numbers()
  1000 1000 14 true false true
return cjson.encode_max_depth(0)
  error: "user_script:1: bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647)"
return cjson.encode_max_depth("x")
  error: "user_script:1: bad argument #1 to 'encode_max_depth' (number expected, got string)"
return cjson.encode_max_depth(1,2)
  error: "user_script:1: bad argument #2 to 'encode_max_depth' (found too many arguments)"
return pcall(cjson.encode_max_depth, 0)
  false "bad argument #1 to '?' (expected integer between 1 and 2147483647)"
return cjson.encode_number_precision(15)
  error: "user_script:1: bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14)"
return cjson.encode_number_precision(0)
  error: "user_script:1: bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14)"
return cjson.encode_number_precision("3")
  3
return cjson.encode(3.14159265358979), cjson.encode(1234.5), cjson.encode(0.00001), cjson.encode(2.5), cjson.encode(1e20), cjson.encode(1235)
  "3.14" "1.23e+03" "1e-05" "2.5" "1e+20" "1.24e+03"
return cjson.encode_number_precision(1), cjson.encode(2.5), cjson.encode(3.5), cjson.encode(0.25), cjson.encode(0.35), cjson.encode(95), cjson.encode(15), cjson.encode(9.5), cjson.encode(0.00015)
  1 "2" "4" "0.2" "0.3" "1e+02" "2e+01" "1e+01" "0.0001"
return cjson.encode_number_precision(14)
  14
return cjson.encode_invalid_numbers("on"), cjson.encode({1/0,-1/0,0/0})
  true "[inf,-inf,nan]"
return cjson.encode_invalid_numbers("null"), cjson.encode({1/0,-1/0,0/0})
  "null" "[null,null,null]"
return cjson.encode_invalid_numbers("off")
  false
return cjson.encode_invalid_numbers(true), cjson.encode_invalid_numbers(false)
  true false
return cjson.encode_invalid_numbers("x")
  error: "user_script:1: bad argument #1 to 'encode_invalid_numbers' (invalid option 'x')"
return cjson.encode_invalid_numbers({})
  error: "user_script:1: bad argument #1 to 'encode_invalid_numbers' (string expected, got table)"
return cjson.encode_invalid_numbers(1)
  error: "user_script:1: bad argument #1 to 'encode_invalid_numbers' (invalid option '1')"
return cjson.decode_invalid_numbers("off")
  false
return cjson.decode('nan')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('-nan')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('0x10')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('01')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('-01')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('0'), cjson.decode('0.5'), cjson.decode('-0.5'), cjson.decode('10')
  0 0.5 -0.5 10
return cjson.decode('+1')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('-inf')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('-x')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('inf')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('00')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode_invalid_numbers(true)
  true
return cjson.encode_sparse_array(true)
  true 2 10
return cjson.encode({[11]=1}), cjson.encode({[10]=1})
  "{"11":1}" "[null,null,null,null,null,null,null,null,null,1]"
return cjson.encode_sparse_array(false, 0), cjson.encode({[20]=1})
  false "[null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,1]"
return cjson.encode_sparse_array(false, 1, 3), cjson.encode({1,2,3}), cjson.encode({[3]=1})
  false "[1,2,3]" "[null,null,1]"
return cjson.encode({[4]=1})
  error: "user_script:1: Cannot serialise table: excessively sparse array"
return cjson.encode({1,2,3,4})
  "[1,2,3,4]"
return cjson.encode_sparse_array("off", 2, 10)
  false 2 10
return cjson.encode_sparse_array("zzz", 2, 10)
  error: "user_script:1: bad argument #1 to 'encode_sparse_array' (invalid option 'zzz')"
return cjson.encode_sparse_array(nil, -1)
  error: "user_script:1: bad argument #1 to 'encode_sparse_array' (expected integer between 0 and 2147483647)"
return cjson.encode_sparse_array(nil, nil, "q")
  error: "user_script:1: bad argument #3 to 'encode_sparse_array' (number expected, got string)"
return cjson.encode_sparse_array(1,2,3,4)
  error: "user_script:1: bad argument #4 to 'encode_sparse_array' (found too many arguments)"
return cjson.encode_keep_buffer("off"), cjson.encode_keep_buffer("on"), cjson.encode_keep_buffer(1)
  error: "user_script:1: bad argument #1 to 'encode_keep_buffer' (invalid option '1')"
return cjson.encode_max_depth(2), cjson.encode({{1}})
  2 "[[1]]"
return cjson.encode({{{1}}})
  error: "user_script:1: Cannot serialise, excessive nesting (3)"
return cjson.encode_max_depth(1000)
  1000
return cjson.encode_max_depth(2^32+5), cjson.encode_max_depth(5.9), cjson.encode_max_depth(1000)
  5 5 1000
return cjson.encode_max_depth(1e300)
  error: "user_script:1: bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647)"
return cjson.encode_max_depth(0/0)
  error: "user_script:1: bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647)"
return cjson.decode_max_depth(2), cjson.decode('[[1]]')
  2 {[1]={[1]=1}}
return cjson.decode('[[[1]]]')
  error: "user_script:1: Found too many nested data structures (3) at character 3"
return cjson.decode('[{"a":[1]}]')
  error: "user_script:1: Found too many nested data structures (3) at character 7"
return cjson.decode_max_depth(100000), cjson.encode_max_depth(100000)
  100000 100000
return cjson.decode(string.rep('[', 10000))
  error: "user_script:1: Found too many nested data structures (7999) at character 7999"
return cjson.decode(string.rep('{"a":', 10000))
  error: "user_script:1: Found too many nested data structures (4000) at character 19996"
return cjson.decode(string.rep('[', 7980)..'x')
  error: "user_script:1: Expected value but found invalid token at character 7981"
local t={} for i=1,10000 do t={t} end return cjson.encode(t)
  error: "user_script:1: Cannot serialise, excessive nesting (7998)"
local t={} for i=1,10000 do t={a=t} end return cjson.encode(t)
  error: "user_script:1: Cannot serialise, excessive nesting (4000)"
return cjson.decode_max_depth(1000), cjson.encode_max_depth(1000)
  1000 1000
local c = cjson.new() c.encode_max_depth(3) return c.encode_max_depth(), cjson.encode_max_depth(), c._NAME, c._VERSION, c.null, c.encode({1})
  3 1000 "cjson" "2.1.0" null "[1]"
local c = cjson.new() return c.encode({{{{{}}}}}), c.decode('[1]')
  "[[[[{}]]]]" {[1]=1}
local c = cjson.new() c.encode_number_precision(3) return c.encode(1/3), cjson.encode(1/3)
  "0.333" "0.33333333333333"
local t = {} for k in pairs(cjson) do t[k] = true end return t
  {["_NAME"]=true,["_VERSION"]=true,["decode"]=true,["decode_invalid_numbers"]=true,["decode_max_depth"]=true,["encode"]=true,["encode_invalid_numbers"]=true,["encode_keep_buffer"]=true,["encode_max_depth"]=true,["encode_number_precision"]=true,["encode_sparse_array"]=true,["new"]=true,["null"]=true}
local x = setmetatable({}, {__index=function() return 1 end}) return cjson.encode(x)
  "{}"
return cjson.encode({1,nil,3})
  "[1,null,3]"
return cjson.encode({1,2,nil,nil,nil,nil,nil,nil,nil,nil,nil,12})
  error: "user_script:1: Cannot serialise table: excessively sparse array"
return cjson.encode({n=1.0, m=-1e-7})
  "{"m":-1e-07,"n":1}"
return cjson.encode("\128\255")
  ""\80\ff""
return cjson.encode({["a\0b"]=1})
  "{"a\u0000b":1}"
return cjson.decode('{"a\\u0000b":1}')
  {["a\00b"]=1}
return cjson.encode(coroutine.create(function() end))
  error: "user_script:1: Cannot serialise thread: type not supported"
local f = cjson.encode return pcall(f, 1, 2)
  false "bad argument #1 to '?' (expected 1 argument)"
return cjson.encode(cjson.decode('[1.0,1e3,0.1e1,-0.0,1e-3]'))
  "[1,1000,1,-0,0.001]"
return cjson.encode({{}, {}, {{}}})
  "[{},{},[{}]]"
return cjson.encode({a={}, b={1, {c=false}}})
  "{"a":{},"b":[1,{"c":false}]}"
`
