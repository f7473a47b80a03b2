/**
 * Results of cmsgpack in redis-server 7.0.15. The order matters: a changed setting stays. See
 * casesOf.
 */
export const CMSGPACK_CASES = String.raw`
local t = {} for k in pairs(cmsgpack) do t[k] = true end return t, cmsgpack._VERSION, cmsgpack._COPYRIGHT, cmsgpack._DESCRIPTION, cmsgpack._NAME
  {["_COPYRIGHT"]=true,["_DESCRIPTION"]=true,["_NAME"]=true,["_VERSION"]=true,["pack"]=true,["unpack"]=true,["unpack_limit"]=true,["unpack_one"]=true} "lua-cmsgpack 0.4.0" "Copyright (C) 2012, Salvatore Sanfilippo" "MessagePack C implementation for Lua" "cmsgpack"
return cmsgpack.pack(1), cmsgpack.pack(-1), cmsgpack.pack(127), cmsgpack.pack(128), cmsgpack.pack(255), cmsgpack.pack(256), cmsgpack.pack(65535), cmsgpack.pack(65536), cmsgpack.pack(2^32-1), cmsgpack.pack(2^32), cmsgpack.pack(2^53), cmsgpack.pack(2^62), cmsgpack.pack(2^63), cmsgpack.pack(2^63-1024)
  "\01" "\ff" "\7f" "\cc\80" "\cc\ff" "\cd\01\00" "\cd\ff\ff" "\ce\00\01\00\00" "\ce\ff\ff\ff\ff" "\cf\00\00\00\01\00\00\00\00" "\cf\00 \00\00\00\00\00\00" "\cf@\00\00\00\00\00\00\00" "\ca_\00\00\00" "\cf\7f\ff\ff\ff\ff\ff\fc\00"
return cmsgpack.pack(-32), cmsgpack.pack(-33), cmsgpack.pack(-128), cmsgpack.pack(-129), cmsgpack.pack(-32768), cmsgpack.pack(-32769), cmsgpack.pack(-2^31), cmsgpack.pack(-2^31-1), cmsgpack.pack(-2^63), cmsgpack.pack(-2^63-2048), cmsgpack.pack(-2^40-5)
  "\e0" "\d0\df" "\d0\80" "\d1\ff\7f" "\d1\80\00" "\d2\ff\ff\7f\ff" "\d2\80\00\00\00" "\d3\ff\ff\ff\ff\7f\ff\ff\ff" "\d3\80\00\00\00\00\00\00\00" "\cb\c3\e0\00\00\00\00\00\01" "\d3\ff\ff\fe\ff\ff\ff\ff\fb"
return cmsgpack.pack(0.5), cmsgpack.pack(0.1), cmsgpack.pack(1/0), cmsgpack.pack(-1/0), cmsgpack.pack(1e300), cmsgpack.pack(-0)
  "\ca?\00\00\00" "\cb?\b9\99\99\99\99\99\9a" "\ca\7f\80\00\00" "\ca\ff\80\00\00" "\cb~7\e4<\88\00u\9c" "\00"
return cmsgpack.pack(0/0)
  "\cb\ff\f8\00\00\00\00\00\00"
return cmsgpack.pack(-(0/0))
  "\cb\7f\f8\00\00\00\00\00\00"
return cmsgpack.pack(tonumber("nan") or 0)
  "\cb\7f\f8\00\00\00\00\00\00"
return cmsgpack.pack("a"), cmsgpack.pack(("x"):rep(31)), cmsgpack.pack(("x"):rep(32)), #cmsgpack.pack(("x"):rep(255)), cmsgpack.pack(("x"):rep(256)):sub(1,5), cmsgpack.pack(("x"):rep(65536)):sub(1,6), cmsgpack.pack(("x"):rep(65535)):sub(1,6)
  "\a1a" "\bfxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" "\d9 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" 257 "\da\01\00xx" "\db\00\01\00\00x" "\da\ff\ffxxx"
return cmsgpack.pack(true), cmsgpack.pack(false), cmsgpack.pack(nil), cmsgpack.pack(tostring), cmsgpack.pack(cjson.null), cmsgpack.pack(coroutine.create(function() end))
  "\c3" "\c2" "\c0" "\c0" "\c0" "\c0"
return cmsgpack.pack({}), cmsgpack.pack({1,2,3}), cmsgpack.pack({a=1}), cmsgpack.pack({[2]=1}), cmsgpack.pack({1,nil,3}), cmsgpack.pack({[1.5]=1}), cmsgpack.pack({[0]=1}), cmsgpack.pack({[-1]=1})
  "\90" "\93\01\02\03" "\81\a1a\01" "\81\02\01" "\82\01\01\03\03" "\81\ca?\c0\00\00\01" "\81\00\01" "\81\ff\01"
return cmsgpack.pack(1,2,"x",{1},nil,true)
  "\01\02\a1x\91\01\c0\c3"
return cmsgpack.pack()
  error: "user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.)"
local t={} for i=1,16 do t[i]=i end return cmsgpack.pack(t)
  "\dc\00\10\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f\10"
local t={} for i=1,70000 do t[i]=1 end return cmsgpack.pack(t):sub(1,10), #cmsgpack.pack(t)
  "\dd\00\01\11p\01\01\01\01\01" 70005
local t={} for i=1,16 do t['k']={} end for i=1,20 do t[i..'']=1 end return #cmsgpack.pack(t), cmsgpack.pack(t):sub(1,3)
  77 "\de\00\15"
local t={} for i=1,70000 do t['k'..i]=1 end return cmsgpack.pack(t):sub(1,5), #cmsgpack.pack(t)
  "\df\00\01\11p" 548899
local t={} t[1]=t return cmsgpack.pack(t)
  "\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\c0"
local t={} t.a=t return cmsgpack.pack(t)
  "\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\81\a1a\c0"
local t=1 for i=1,15 do t={t} end return cmsgpack.pack(t)
  "\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\01"
local t=1 for i=1,16 do t={t} end return cmsgpack.pack(t)
  "\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\01"
local t=1 for i=1,17 do t={t} end return cmsgpack.pack(t)
  "\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\91\c0"
return cmsgpack.unpack(cmsgpack.pack({a={1,2,{b=3}},c="x"}))
  {["a"]={[1]=1,[2]=2,[3]={["b"]=3}},["c"]="x"}
return cmsgpack.unpack("\1\2\3")
  1 2 3
return cmsgpack.unpack("")
  
return cmsgpack.unpack("\204\255"), cmsgpack.unpack("\208\255"), cmsgpack.unpack("\205\255\254"), cmsgpack.unpack("\209\255\254"), cmsgpack.unpack("\206\255\255\255\255"), cmsgpack.unpack("\210\255\255\255\254"), cmsgpack.unpack("\207\255\255\255\255\255\255\255\255"), cmsgpack.unpack("\211\255\255\255\255\255\255\255\254"), cmsgpack.unpack("\207\0\0\0\1\0\0\0\0"), cmsgpack.unpack("\207\0\32\0\0\0\0\0\1")
  255 -1 65534 -2 4294967295 -2 -1 -2 4294967296 9007199254740992
return cmsgpack.unpack("\202\63\0\0\0"), cmsgpack.unpack("\203\63\240\0\0\0\0\0\0"), cmsgpack.unpack("\202\127\192\0\0"), cmsgpack.unpack("\192\194\195")
  0.5 1 nan nil false true
return cmsgpack.unpack("\224\255\127")
  -32 -1 127
return cmsgpack.unpack("\193")
  error: "user_script:1: Bad data format in input."
return cmsgpack.unpack("\196\1a")
  error: "user_script:1: Bad data format in input."
return cmsgpack.unpack("\212\1a")
  error: "user_script:1: Bad data format in input."
return cmsgpack.unpack("\204")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\163ab")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\217"), 1
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\217\5abc")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\217\3abc"), cmsgpack.unpack("\218\0\3abc"), cmsgpack.unpack("\219\0\0\0\3abc")
  "abc" "abc" "abc"
return cmsgpack.unpack("\219\255\255\255\255abc")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\147\1\2")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\146\192\1")
  {[2]=1}
return cmsgpack.unpack("\129\192\1")
  error: "table index is nil"
return cmsgpack.unpack("\129\202\127\192\0\0\1")
  error: "table index is NaN"
return cmsgpack.unpack("\129\1\192")
  {}
return cmsgpack.unpack("\130\1\2\1\3")
  {[1]=3}
return cmsgpack.unpack("\129\1")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\129\147\1\2\3\1") ~= nil
  true
return cmsgpack.unpack("\220\0\2\1\2"), cmsgpack.unpack("\221\0\0\0\2\1\2"), cmsgpack.unpack("\222\0\1\1\2"), cmsgpack.unpack("\223\0\0\0\1\1\2")
  {[1]=1,[2]=2} {[1]=1,[2]=2} {[1]=2} {[1]=2}
return cmsgpack.unpack("\221\255\255\255\255\1")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\223\255\255\255\255\1")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack("\220\0")
  error: "user_script:1: Missing bytes in input."
return cmsgpack.unpack(("\145"):rep(10000))
  error: "user_script:1: stack overflow (in function mp_decode_to_lua_array)"
return cmsgpack.unpack(("\129\1"):rep(10000))
  error: "user_script:1: stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)"
return cmsgpack.unpack(("\145"):rep(3000)..'\1') ~= nil
  true
return cmsgpack.unpack(("\1"):rep(9000))
  error: "user_script:1: stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)"
return select('#', cmsgpack.unpack(("\1"):rep(7000)))
  7000
return cmsgpack.unpack(5)
  53
return cmsgpack.unpack()
  error: "user_script:1: bad argument #1 to 'unpack' (string expected, got no value)"
return cmsgpack.unpack({})
  error: "user_script:1: bad argument #1 to 'unpack' (string expected, got table)"
return cmsgpack.unpack("\1\2", 5, 6)
  1 2
return cmsgpack.unpack_one("\1\2\3"), cmsgpack.unpack_one("\1\2\3", 1), cmsgpack.unpack_one("\1\2\3", 2)
  1 2 -1 3
return cmsgpack.unpack_one("\1\2\3", 3)
  -1
return cmsgpack.unpack_one("\1\2\3", 4)
  error: "user_script:1: Start offset 4 greater than input length 3."
return cmsgpack.unpack_one("\1\2\3", -1)
  error: "user_script:1: Invalid request to unpack with offset of -1 and limit of 3."
return cmsgpack.unpack_one("", 0)
  -1
return cmsgpack.unpack_one()
  error: "user_script:1: bad argument #1 to 'unpack_one' (string expected, got no value)"
return cmsgpack.unpack_one("x", "y")
  error: "user_script:1: bad argument #2 to 'unpack_one' (number expected, got string)"
return cmsgpack.unpack_one("\1", "0")
  -1 1
return cmsgpack.unpack_one("\1", nil)
  -1 1
return cmsgpack.unpack_limit("\1\2\3", 2)
  2 1 2
return cmsgpack.unpack_limit("\1\2\3", 2, 1)
  -1 2 3
return cmsgpack.unpack_limit("\1\2\3", 0)
  1 2 3
return cmsgpack.unpack_limit("\1\2\3", 0, 1)
  1
return cmsgpack.unpack_limit("\1\2\3", -1)
  error: "user_script:1: Invalid request to unpack with offset of 0 and limit of 3."
return cmsgpack.unpack_limit("\1\2\3", 10)
  -1 1 2 3
return cmsgpack.unpack_limit("\1\2\3")
  error: "user_script:1: bad argument #2 to 'unpack_limit' (number expected, got no value)"
return cmsgpack.unpack_limit()
  error: "user_script:1: bad argument #2 to 'unpack_limit' (number expected, got no value)"
return cmsgpack.unpack_limit("\1\2\3", 1e300)
  error: "user_script:1: Invalid request to unpack with offset of 0 and limit of 3."
return cmsgpack.unpack_limit("\1\2\3", 1, 1e300)
  error: "user_script:1: Invalid request to unpack with offset of 0 and limit of 3."
return cmsgpack.unpack_limit("\1\2\3", 1, 2^40)
  error: "user_script:1: Start offset 0 greater than input length 3."
return cmsgpack.unpack_limit("\1\2\3", 1, 2^32+1)
  error: "user_script:1: Start offset 1 greater than input length 3."
return cmsgpack.unpack_one("\1\2\3", 1.9)
  2 2
`
