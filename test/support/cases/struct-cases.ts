/**
 * Results of struct in redis-server 7.0.15. The order matters: a changed setting stays. See
 * casesOf.
 */
export const STRUCT_CASES = String.raw`
local t = {} for k in pairs(struct) do t[k] = true end return t
  {["pack"]=true,["size"]=true,["unpack"]=true}
return struct.pack("b", 5), struct.pack("B", 255), struct.pack("h", -2), struct.pack("H", 65535), struct.pack("i", -3), struct.pack("I", 4), struct.pack("l", -5), struct.pack("L", 6), struct.pack("T", 7)
  "\05" "\ff" "\fe\ff" "\ff\ff" "\fd\ff\ff\ff" "\04\00\00\00" "\fb\ff\ff\ff\ff\ff\ff\ff" "\06\00\00\00\00\00\00\00" "\07\00\00\00\00\00\00\00"
return struct.pack(">h<h", 1, 1), struct.pack(">i3", 66051), struct.pack("<i3", 66051), struct.pack(">I16", 1), struct.pack("<i16", -1), struct.pack("i32", -1)
  "\00\01\01\00" "\01\02\03" "\03\02\01" "\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\01" "\ff\ff\ff\ff\ff\ff\ff\ff\00\00\00\00\00\00\00\00" "\ff\ff\ff\ff\ff\ff\ff\ff\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
return struct.pack("i33", 1)
  error: "user_script:1: integral size 33 is larger than limit of 32"
return struct.pack("i0", 1), struct.pack("I1", 300)
  "" ","
return struct.pack("i99999999999", 1)
  error: "user_script:1: integral size overflow"
return struct.pack("f", 1.5), struct.pack("d", 1.5), struct.pack(">f", 1.5), struct.pack(">d", 1.5), struct.pack("f", 1e300), struct.pack("d", 0.1)
  "\00\00\c0?" "\00\00\00\00\00\00\f8?" "?\c0\00\00" "?\f8\00\00\00\00\00\00" "\00\00\80\7f" "\9a\99\99\99\99\99\b9?"
return struct.pack("s", "abc"), struct.pack("s", "a\0b"), struct.pack("c0", "abc"), struct.pack("c2", "abc"), struct.pack("c", "abc")
  "abc\00" "a\00b\00" "abc" "ab" "a"
return struct.pack("c5", "abc")
  error: "user_script:1: bad argument #3 to 'pack' (string too short)"
return struct.pack("x"), struct.pack("bxb", 1, 2), struct.pack("")
  "\00" "\01\00\02" ""
return struct.pack("!bi", 1, 2), struct.pack("!4bd", 1, 2), struct.pack("!8bd", 1, 2), struct.pack("!2bi", 1, 2), struct.pack("!bl", 1, 2), struct.pack("!16bi16", 1, 2)
  "\01\00\00\00\02\00\00\00" "\01\00\00\00\00\00\00\00\00\00\00@" "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00@" "\01\00\02\00\00\00" "\01\00\00\00\00\00\00\00\02\00\00\00\00\00\00\00" "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\02\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00"
return struct.pack("!3", 1)
  error: "user_script:1: alignment 3 is not a power of 2"
return struct.pack("!0", 1)
  error: "user_script:1: alignment 0 is not a power of 2"
return struct.pack("!9999999999", 1)
  error: "user_script:1: integral size overflow"
return struct.pack("!1073741824bi", 1, 2)
  "\01\00\00\00\02\00\00\00"
return struct.pack("z", 1)
  error: "user_script:1: bad argument #1 to 'pack' (invalid format option 'z')"
return struct.pack("\200", 1)
  error: "user_script:1: bad argument #1 to 'pack' (invalid format option '\c8')"
return struct.pack("%")
  error: "user_script:1: bad argument #1 to 'pack' (invalid format option '%')"
return struct.pack("5")
  error: "user_script:1: bad argument #1 to 'pack' (invalid format option '5')"
return struct.pack("i")
  error: "user_script:1: bad argument #2 to 'pack' (number expected, got nil)"
return struct.pack("ii", 1)
  error: "user_script:1: bad argument #3 to 'pack' (number expected, got nil)"
return struct.pack("i", "x")
  error: "user_script:1: bad argument #2 to 'pack' (number expected, got string)"
return struct.pack("i", "12")
  "\0c\00\00\00"
return struct.pack("s")
  error: "user_script:1: bad argument #2 to 'pack' (string expected, got nil)"
return struct.pack("s", {})
  error: "user_script:1: bad argument #2 to 'pack' (string expected, got table)"
return struct.pack("s", 12), struct.pack("c0", 1.5)
  "12\00" "1.5"
return struct.pack()
  error: "user_script:1: bad argument #1 to 'pack' (string expected, got no value)"
return struct.pack("b\0i", 1)
  "\01"
return struct.pack("l", 2^63), struct.pack("l", 2^64), struct.pack("l", -2^63), struct.pack("l", -2^70), struct.pack("l", 1e300), struct.pack("L", 2^63+2^62), struct.pack("l", 0/0), struct.pack("l", 1/0), struct.pack("l", -1/0)
  "\00\00\00\00\00\00\00\80" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\80" "\00\00\00\00\00\00\00\80" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\c0" "\00\00\00\00\00\00\00\80" "\00\00\00\00\00\00\00\00" "\00\00\00\00\00\00\00\80"
return struct.pack("l", 1.9), struct.pack("l", -1.9), struct.pack("i", 2^31), struct.pack("i", 2^32+1), struct.pack("b", -129), struct.pack("L", 2^53+2), struct.pack("l", -2^53-2)
  "\01\00\00\00\00\00\00\00" "\ff\ff\ff\ff\ff\ff\ff\ff" "\00\00\00\80" "\01\00\00\00" "\7f" "\02\00\00\00\00\00 \00" "\fe\ff\ff\ff\ff\ff\df\ff"
return struct.pack(" > b < h ", 1, 2)
  "\01\02\00"
return struct.unpack("b", "\255"), struct.unpack("B", "\255"), struct.unpack("h", "\254\255"), struct.unpack("H", "\254\255"), struct.unpack("i", "\1\2\3\4"), struct.unpack(">i", "\1\2\3\4"), struct.unpack("l", ("\255"):rep(8)), struct.unpack("L", ("\255"):rep(8))
  -1 255 -2 65534 67305985 16909060 -1 1.8446744073709552e+19 9
return struct.unpack("i3", "\255\255\255"), struct.unpack("I3", "\255\255\255"), struct.unpack(">i3", "\128\0\1"), struct.unpack("i5", "\1\2\3\4\133"), struct.unpack("i7", "\1\2\3\4\5\6\255"), struct.unpack("I7", "\1\2\3\4\5\6\255")
  -1 16777215 -8388607 -528213671423 -274856364801535 71782737673126400 8
return struct.unpack("i16", ("\255"):rep(16)), struct.unpack("I16", ("\255"):rep(16)), struct.unpack(">I16", "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16"), struct.unpack("<I16", "\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15\16")
  -1 1.8446744073709552e+19 6.5134524249499622e+17 5.784376957523072e+17 17
return struct.unpack("<i9", "\129\0\0\0\0\0\0\0\0"), struct.unpack("<i9", "\1\0\0\0\0\0\0\0\0"), struct.unpack("<i9", "\0\1\0\0\0\0\0\0\0"), struct.unpack("<i12", "\129\129\129\129\0\0\0\0\0\0\0\0"), struct.unpack("<i10", "\129\129\0\0\0\0\0\0\0\0")
  -127 1 -128 -2122219135 -32383 11
return struct.unpack("i0", ""), struct.unpack("i0", "abc")
  0 0 1
return struct.unpack("f", struct.pack("f", 0.1)), struct.unpack("d", struct.pack("d", 0.1)), struct.unpack(">f", struct.pack(">f", 0.1)), struct.unpack(">d", struct.pack(">d", 0.1))
  0.10000000149011612 0.10000000000000001 0.10000000149011612 0.10000000000000001 9
return struct.unpack("s", "abc\0def"), struct.unpack("ss", "abc\0def\0")
  "abc" "abc" "def" 9
return struct.unpack("s", "abc")
  error: "user_script:1: unfinished string in data"
return struct.unpack("s", "")
  error: "user_script:1: unfinished string in data"
return struct.unpack("c3", "abcdef"), struct.unpack("c", "abcdef"), struct.unpack("bc0", "\2abcdef"), struct.unpack("c1c0", "3abc")
  "abc" "a" "ab" "abc" 5
return struct.unpack("c0", "abc")
  error: "user_script:1: format 'c0' needs a previous size"
return struct.unpack("c1c0", "xabc")
  error: "user_script:1: format 'c0' needs a previous size"
return struct.unpack("bc0", "\9abcdef")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("bc0", "\255abcdef")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("dc0", struct.pack("d", 1.9).."abc"), struct.unpack("dc0", struct.pack("d", -0.5).."abc")
  "a" "" 9
return struct.unpack("dc0", struct.pack("d", 0/0).."abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("c7", "abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("i", "abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("x", "a"), struct.unpack("xb", "a\1"), struct.unpack("", "abc")
  2 1 1
return struct.unpack("!bi", struct.pack("!bi", 1, 2)), struct.unpack("!4 b d", struct.pack("!4bd", 1, 2))
  1 1 2 13
return struct.unpack("b", "abc", 2), struct.unpack("b", "abc", 3)
  98 99 4
return struct.unpack("b", "abc", 4)
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("b", "abc", 0)
  error: "user_script:1: bad argument #3 to 'unpack' (offset must be 1 or greater)"
return struct.unpack("b", "abc", -1)
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("", "abc", -1), struct.unpack("", "abc", 100)
  -1 100
return struct.unpack(">", "abc", -1)
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack(">", "abc", 5)
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack(">", "abc", 4)
  4
return struct.unpack("b", "abc", "2")
  98 3
return struct.unpack("b", "abc", "x")
  error: "user_script:1: bad argument #3 to 'unpack' (number expected, got string)"
return struct.unpack("b", "abc", 1e300)
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("z", "abc")
  error: "user_script:1: bad argument #1 to 'unpack' (invalid format option 'z')"
return struct.unpack("b")
  error: "user_script:1: bad argument #2 to 'unpack' (string expected, got no value)"
return struct.unpack()
  error: "user_script:1: bad argument #1 to 'unpack' (string expected, got no value)"
return struct.unpack("b", 5)
  53 2
return struct.unpack(("b"):rep(9000), ("a"):rep(9000))
  error: "user_script:1: stack overflow (too many results)"
return select('#', struct.unpack(("b"):rep(7000), ("a"):rep(7000)))
  7001
return struct.unpack(" < > ! b", "a")
  97 2
return struct.size("bhilL"), struct.size("!bhilL"), struct.size("c10"), struct.size("i3"), struct.size("x"), struct.size("fd"), struct.size("!8bd"), struct.size(""), struct.size("z"), struct.size("5"), struct.size("T")
  23 24 10 3 1 12 16 0 0 0 8
return struct.size("s")
  error: "user_script:1: bad argument #1 to 'size' (option 's' has no fixed size)"
return struct.size("c0")
  error: "user_script:1: bad argument #1 to 'size' (option 'c0' has no fixed size)"
return struct.size("%")
  error: "user_script:1: bad argument #1 to 'size' (invalid format option '%')"
return struct.size("!3")
  error: "user_script:1: alignment 3 is not a power of 2"
return struct.size("i33")
  error: "user_script:1: integral size 33 is larger than limit of 32"
return struct.size("c2147483647"), struct.size("c2147483647c2147483647")
  2147483647 4294967294
return struct.size("c2147483648")
  error: "user_script:1: integral size overflow"
return struct.size("c4294967296")
  error: "user_script:1: integral size overflow"
return struct.size()
  error: "user_script:1: bad argument #1 to 'size' (string expected, got no value)"
return struct.size({})
  error: "user_script:1: bad argument #1 to 'size' (string expected, got table)"
local s = struct return s.pack("z")
  error: "user_script:1: bad argument #1 to 'pack' (invalid format option 'z')"
return struct.unpack("dc0", struct.pack("d", 2^64).."abc")
  "" 9
return struct.unpack("dc0", struct.pack("d", 1e300).."abc"), struct.unpack("fc0", struct.pack("f", 1/0).."abc")
  "" "" 5
return struct.unpack("dc0", struct.pack("d", 2^63).."abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("dc0", struct.pack("d", -2^70).."abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("dc0", struct.pack("d", -1/0).."abc")
  error: "user_script:1: bad argument #2 to 'unpack' (data string too short)"
return struct.unpack("!4bc0i", "\3\0\0\0abc\0\9\0\0\0")
  "\00\00\00" 6513249 9
return struct.unpack("!8dc0d", ("\0"):rep(16))
  "" 0 17
`
