/**
 * Results of json in redis-server 7.0.15. The order matters: a changed setting stays. See casesOf.
 */
export const JSON_CASES = String.raw`
return cjson.decode('[1,2,3]')
  {[1]=1,[2]=2,[3]=3}
return cjson.decode('{"a":[1,{"b":null}],"c":true,"d":false}')
  {["a"]={[1]=1,[2]={["b"]=null}},["c"]=true,["d"]=false}
return cjson.decode('{}'), cjson.decode('[]'), cjson.decode(' [ ] ')
  {} {} {}
return cjson.decode('')
  error: "user_script:1: Expected value but found T_END at character 1"
return cjson.decode('  ')
  error: "user_script:1: Expected value but found T_END at character 3"
return cjson.decode('[')
  error: "user_script:1: Expected value but found T_END at character 2"
return cjson.decode('{')
  error: "user_script:1: Expected object key string but found T_END at character 2"
return cjson.decode('{a')
  error: "user_script:1: Expected object key string but found invalid token at character 2"
return cjson.decode('{"a"')
  error: "user_script:1: Expected colon but found T_END at character 5"
return cjson.decode('{"a":')
  error: "user_script:1: Expected value but found T_END at character 6"
return cjson.decode('{"a":1')
  error: "user_script:1: Expected comma or object end but found T_END at character 7"
return cjson.decode('{"a":1,')
  error: "user_script:1: Expected object key string but found T_END at character 8"
return cjson.decode('{"a":1,}')
  error: "user_script:1: Expected object key string but found T_OBJ_END at character 8"
return cjson.decode('[1,]')
  error: "user_script:1: Expected value but found T_ARR_END at character 4"
return cjson.decode('[1 2]')
  error: "user_script:1: Expected comma or array end but found T_NUMBER at character 4"
return cjson.decode('[1}')
  error: "user_script:1: Expected comma or array end but found T_OBJ_END at character 3"
return cjson.decode('{"a" 1}')
  error: "user_script:1: Expected colon but found T_NUMBER at character 6"
return cjson.decode('1 2')
  error: "user_script:1: Expected the end but found T_NUMBER at character 3"
return cjson.decode('tru')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('nul')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('True')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('xyz')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('"abc')
  error: "user_script:1: Expected value but found unexpected end of string at character 5"
return cjson.decode('"abc\\')
  error: "user_script:1: Expected value but found invalid escape code at character 5"
return cjson.decode('"abc\\q"')
  error: "user_script:1: Expected value but found invalid escape code at character 5"
return cjson.decode('"abc\\u12"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 5"
return cjson.decode('"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"')
  "A\c3\a9\e2\82\ac\f0\9f\98\80"
return cjson.decode('"\\ud83d"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\ud83dx"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\ud83d\\u0041"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\udc00"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\u0000"')
  "\00"
return cjson.decode('"\\"\\\\\\/\\b\\f\\n\\r\\t"')
  ""\/\08\0c\0a\0d\09"
return cjson.decode('1\0garbage')
  error: "user_script:1: JSON parser does not support UTF-16 or UTF-32"
return cjson.decode('12\0garbage')
  12
return cjson.decode('"a\0b"')
  error: "user_script:1: Expected value but found unexpected end of string at character 3"
return cjson.decode('\0"')
  error: "user_script:1: JSON parser does not support UTF-16 or UTF-32"
return cjson.decode('-'), 1
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('-5'), cjson.decode('5.'), cjson.decode('-.5'), cjson.decode('1e5'), cjson.decode('1E+5'), cjson.decode('1e-5')
  -5 5 -0.5 100000 100000 1.0000000000000001e-05
return cjson.decode('.5')
  error: "user_script:1: Expected value but found invalid token at character 1"
return cjson.decode('1e')
  error: "user_script:1: Expected the end but found invalid token at character 2"
return cjson.decode('0x10'), cjson.decode('0x1p4'), cjson.decode('0x.8'), cjson.decode('-0x1.8p1')
  16 16 0.5 -3
return cjson.decode('0x')
  error: "user_script:1: Expected the end but found invalid token at character 2"
return cjson.decode('+5')
  5
return cjson.decode('+')
  error: "user_script:1: Expected value but found invalid number at character 1"
return cjson.decode('nan'), cjson.decode('-nan'), cjson.decode('inf'), cjson.decode('-inf'), cjson.decode('Infinity'), cjson.decode('NaN'), cjson.decode('INF')
  nan nan inf -inf inf nan inf
return cjson.decode('nan(abc)')
  nan
return cjson.decode('infi')
  error: "user_script:1: Expected the end but found invalid token at character 4"
return cjson.decode('01'), cjson.decode('007')
  1 7
return cjson.decode('123456789012345678901234567890')
  1.2345678901234568e+29
return cjson.decode('1234567890123456')
  1234567890123456
return cjson.decode('1e400'), cjson.decode('-1e400'), cjson.decode('1e-400')
  inf -inf 0
return cjson.decode('-0')
  -0
return cjson.decode(5)
  5
return cjson.decode()
  error: "user_script:1: bad argument #1 to 'decode' (expected 1 argument)"
return cjson.decode(nil)
  error: "user_script:1: bad argument #1 to 'decode' (string expected, got nil)"
return cjson.decode({})
  error: "user_script:1: bad argument #1 to 'decode' (string expected, got table)"
return cjson.decode('1', 2)
  error: "user_script:1: bad argument #1 to 'decode' (expected 1 argument)"
return cjson.decode(string.rep('[', 1000)..string.rep(']', 1000)) ~= nil
  true
return cjson.decode(string.rep('[', 1001)..string.rep(']', 1001))
  error: "user_script:1: Found too many nested data structures (1001) at character 1001"
return cjson.decode(string.rep('{"a":', 1001))
  error: "user_script:1: Found too many nested data structures (1001) at character 5001"
return cjson.decode(string.rep('[', 999))
  error: "user_script:1: Expected value but found T_END at character 1000"
return cjson.decode('{"a":1,"a":2}')
  {["a"]=2}
return cjson.decode('{1:2}')
  error: "user_script:1: Expected object key string but found T_NUMBER at character 2"
return cjson.decode('[nope]')
  error: "user_script:1: Expected value but found invalid token at character 2"
return cjson.decode('[1,nope]')
  error: "user_script:1: Expected value but found invalid token at character 4"
return cjson.decode('{"a":nope}')
  error: "user_script:1: Expected value but found invalid token at character 6"
return cjson.decode("{'a':1}")
  error: "user_script:1: Expected object key string but found invalid token at character 2"
return cjson.decode('a\0')
  error: "user_script:1: JSON parser does not support UTF-16 or UTF-32"
return cjson.decode('[\0]')
  error: "user_script:1: JSON parser does not support UTF-16 or UTF-32"
return cjson.decode('["\\ud800\\udc00","\\udbff\\udfff","\\uD834\\uDD1E"]')
  {[1]="\f0\90\80\80",[2]="\f4\8f\bf\bf",[3]="\f0\9d\84\9e"}
return cjson.decode('"\\ud800\\ud800"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\u00zz"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"\\u"')
  error: "user_script:1: Expected value but found invalid unicode escape code at character 2"
return cjson.decode('"tab	in string"')
  "tab\09in string"
return cjson.decode('[1,2'), 1
  error: "user_script:1: Expected comma or array end but found T_END at character 5"
return cjson.decode('[1,,2]')
  error: "user_script:1: Expected value but found T_COMMA at character 4"
return cjson.decode('{"a":1 "b":2}')
  error: "user_script:1: Expected comma or object end but found T_STRING at character 8"
return cjson.decode('{,}')
  error: "user_script:1: Expected object key string but found T_COMMA at character 2"
return cjson.decode('{"a"::1}')
  error: "user_script:1: Expected value but found T_COLON at character 6"
return cjson.decode(']')
  error: "user_script:1: Expected value but found T_ARR_END at character 1"
return cjson.decode('}')
  error: "user_script:1: Expected value but found T_OBJ_END at character 1"
return cjson.decode(':')
  error: "user_script:1: Expected value but found T_COLON at character 1"
return cjson.decode(',')
  error: "user_script:1: Expected value but found T_COMMA at character 1"
return cjson.decode('[}')
  error: "user_script:1: Expected value but found T_OBJ_END at character 2"
return cjson.decode('{]')
  error: "user_script:1: Expected object key string but found T_ARR_END at character 2"
return cjson.decode('[1]]')
  error: "user_script:1: Expected the end but found T_ARR_END at character 4"
return cjson.decode('truefalse')
  error: "user_script:1: Expected the end but found T_BOOLEAN at character 5"
return cjson.decode('nullx')
  error: "user_script:1: Expected the end but found invalid token at character 5"
return cjson.decode('[true,false,null]')
  {[1]=true,[2]=false,[3]=null}
return cjson.decode(1.5)
  1.5
`
