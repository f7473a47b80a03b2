/**
 * Results of bit in redis-server 7.0.15. The order matters: a changed setting stays. See casesOf.
 */
export const BIT_CASES = `
local t = {} for k in pairs(bit) do t[k] = true end return t
  {["arshift"]=true,["band"]=true,["bnot"]=true,["bor"]=true,["bswap"]=true,["bxor"]=true,["lshift"]=true,["rol"]=true,["ror"]=true,["rshift"]=true,["tobit"]=true,["tohex"]=true}
return bit.tobit(0xffffffff), bit.tobit(2^31), bit.tobit(2^32+5), bit.tobit(-1), bit.tobit(1.5), bit.tobit(2.5), bit.tobit(-1.5), bit.tobit(2^40+3), bit.tobit(2^52+1), bit.tobit(1e300), bit.tobit(1/0), bit.tobit(0/0), bit.tobit("12"), bit.tobit("0x10"), bit.tobit(2^51), bit.tobit(-2^51), bit.tobit(2^53)
  -1 -2147483648 5 -1 2 2 -2 3 0 -2013235812 0 0 12 16 0 0 0
return bit.tobit("x")
  error: "user_script:1: bad argument #1 to 'tobit' (number expected, got string)"
return bit.tobit()
  error: "user_script:1: bad argument #1 to 'tobit' (number expected, got no value)"
return bit.tobit(nil)
  error: "user_script:1: bad argument #1 to 'tobit' (number expected, got nil)"
return bit.bnot(0), bit.bnot(5), bit.bnot(-1)
  -1 -6 0
return bit.band(0xff, 0x0f), bit.band(1), bit.band(7,3,2), bit.bor(1,2,4), bit.bxor(1,2,4,1)
  15 1 2 7 6
return bit.band()
  error: "user_script:1: bad argument #1 to 'band' (number expected, got no value)"
return bit.band(1, nil)
  error: "user_script:1: bad argument #2 to 'band' (number expected, got nil)"
return bit.band(1, {}, "x")
  error: "user_script:1: bad argument #3 to 'band' (number expected, got string)"
return bit.band("x", {})
  error: "user_script:1: bad argument #1 to 'band' (number expected, got string)"
return bit.lshift(1, 31), bit.lshift(1, 32), bit.lshift(1, -1), bit.rshift(-1, 1), bit.rshift(-1, 0), bit.arshift(-8, 1), bit.rol(0x12345678, 12), bit.ror(0x12345678, 12), bit.rol(1, 0), bit.ror(1, 0), bit.rol(-1,33)
  -2147483648 1 -2147483648 2147483647 -1 -4 1164411171 1736516421 1 1 -1
return bit.lshift(1)
  error: "user_script:1: bad argument #2 to 'lshift' (number expected, got no value)"
return bit.bswap(0x12345678), bit.bswap(0x80000000), bit.bswap(255)
  2018915346 128 -16777216
return bit.tohex(255), bit.tohex(255, 4), bit.tohex(255, -4), bit.tohex(-1), bit.tohex(-1, 0), bit.tohex(-1, 100), bit.tohex(0xabcdef, -100), bit.tohex(1, -2^31), bit.tohex(1, 2.5)
  "000000ff" "00ff" "00FF" "ffffffff" "" "ffffffff" "00ABCDEF" "00000001" "01"
return bit.tohex()
  error: "user_script:1: bad argument #1 to 'tohex' (number expected, got no value)"
return bit.tohex(1, "x")
  error: "user_script:1: bad argument #2 to 'tohex' (number expected, got string)"
return bit.tohex(1, nil)
  error: "user_script:1: bad argument #2 to 'tohex' (number expected, got nil)"
`
