/** The numbers of opcodes and of the types of values. On disk: never renumber. */

/** Slots that a node of a cluster was importing, in Valkey's version 80. */
export const OPCODE_SLOT_IMPORT = 243
export const OPCODE_SLOT_INFO = 244
export const OPCODE_FUNCTION2 = 245
export const OPCODE_FUNCTION_PRE_GA = 246
export const OPCODE_MODULE_AUX = 247
export const OPCODE_IDLE = 248
export const OPCODE_FREQ = 249
export const OPCODE_AUX = 250
export const OPCODE_RESIZEDB = 251
export const OPCODE_EXPIRETIME_MS = 252
export const OPCODE_EXPIRETIME = 253
export const OPCODE_SELECTDB = 254
export const OPCODE_EOF = 255

export const TYPE_STRING = 0
export const TYPE_LIST = 1
export const TYPE_SET = 2
export const TYPE_ZSET = 3
export const TYPE_HASH = 4
export const TYPE_ZSET_2 = 5
export const TYPE_MODULE_PRE_GA = 6
export const TYPE_MODULE_2 = 7
export const TYPE_HASH_ZIPMAP = 9
export const TYPE_LIST_ZIPLIST = 10
export const TYPE_SET_INTSET = 11
export const TYPE_ZSET_ZIPLIST = 12
export const TYPE_HASH_ZIPLIST = 13
export const TYPE_LIST_QUICKLIST = 14
export const TYPE_STREAM_LISTPACKS = 15
export const TYPE_HASH_LISTPACK = 16
export const TYPE_ZSET_LISTPACK = 17
export const TYPE_LIST_QUICKLIST_2 = 18
export const TYPE_STREAM_LISTPACKS_2 = 19
export const TYPE_SET_LISTPACK = 20
export const TYPE_STREAM_LISTPACKS_3 = 21
/** Valkey's version 80 uses this number for a hash with deadlines: TYPE_HASH_VALKEY. */
export const TYPE_HASH_METADATA_PRE_GA = 22
export const TYPE_HASH_LISTPACK_EX_PRE_GA = 23
export const TYPE_HASH_METADATA = 24
export const TYPE_HASH_LISTPACK_EX = 25
/** Valkey's hash with deadlines, whose number on disk is 22 under version 80. */
export const TYPE_HASH_VALKEY = 256

/** How a node of a quicklist 2 holds elements. */
export const NODE_PLAIN = 1
export const NODE_PACKED = 2

/** The first byte of a string that is not plain bytes. */
export const STRING_INT8 = 0xc0
export const STRING_INT16 = 0xc1
export const STRING_INT32 = 0xc2
export const STRING_LZF = 0xc3
/** The first byte of a length of 4 and of 8 bytes. */
export const LENGTH_32 = 0x80
export const LENGTH_64 = 0x81

/** The newest version of Redis's numbering, and the one of Valkey's, that the reader knows. */
export const MAX_VERSION = 12
export const VERSION_VALKEY = 80
/** The version that Redis 7.0 writes and every later Redis reads. */
export const VERSION_REDIS_7_0 = 10
/** The first version with deadlines of fields. */
export const VERSION_FIELD_DEADLINES = 12
/** The first version with a checksum at the end of the file. */
export const VERSION_CHECKSUM = 5

/** The fields of a stream's entry flags. */
export const STREAM_DELETED = 1
export const STREAM_SAME_FIELDS = 2
