/**
 * DEBUG's subcommands about the structure of one value or database. They report on haypile's trees
 * instead of Redis's hash tables. Output that Redis prints to its standard output goes to the
 * server's log.
 */
import type { Bytes } from '../../base/bytes.ts'
import { ENTRY_OVERHEAD_BYTES, type Entry } from '../../storage/keyspace/entry.ts'
import { idleSecondsOf } from '../../storage/keyspace/last-use.ts'
import type { Steps } from '../../storage/scan/steps.ts'
import type { Tree } from '../../storage/tree/tree.ts'
import type { Collection } from '../../storage/values/collection.ts'
import { Rope } from '../../storage/values/rope.ts'
import type { Args } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError, noSuchKey } from '../contract/errors.ts'
import { type Reply, SimpleString, Verbatim } from '../contract/reply.ts'
import { encodingOf, referenceCountOf } from '../keys/object.ts'
import { integerOf, requireClampedInteger } from '../parsing/args.ts'

export interface DebugSubcommand {
  /** Number of words with DEBUG and the name; negative means at least that number. */
  readonly arity: number
  /** The words from position 2 on that are keys whose values are shown: the first, or all. */
  readonly shows?: 'one-key' | 'keys'
  readonly run?: ((context: Context, args: Args) => Reply) | undefined
  readonly steps?: (context: Context, args: Args) => Steps<Reply>
}

interface Shape {
  readonly levels: number
  readonly leaves: number
  readonly inner: number
}

/** Reads inner pages only. */
function shapeOf(tree: Tree): Shape {
  const root = tree.rootNode()
  if (root.level === 0) return { levels: 1, leaves: 1, inner: 0 }
  let leaves = 0
  let inner = 0
  const waiting = [root]
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    inner++
    if (node.level === 1) leaves += node.length
    else for (let slot = 0; slot < node.length; slot++) waiting.push(tree.childAt(node, slot))
  }
  return { levels: root.level + 1, leaves, inner }
}

/** Returns the encoded size of a tree's elements in bytes; an estimate for a large tree. */
function encodedBytes(tree: Tree): number {
  const { encodedBytes, count } = tree
  if (encodedBytes !== Number.POSITIVE_INFINITY) return encodedBytes
  const leaf = tree.cursor(0).nextRun()?.leaf
  return leaf === undefined ? 0 : Math.round((leaf.encodedBytes / leaf.length) * count)
}

/**
 * Returns the size of a string in Redis's RDB format before compression, in bytes. For a collection
 * it is the encoded size of its elements here.
 */
function serializedLength({ value }: Entry): number {
  if (value === null) return 0
  if (typeof value !== 'string' && !(value instanceof Rope)) return encodedBytes(value.object.tree(0))
  if (typeof value === 'string' && integerOf(value) !== null) {
    const number = Number(value)
    if (number >= -128 && number <= 127) return 2
    if (number >= -32_768 && number <= 32_767) return 3
    if (number >= -(2 ** 31) && number < 2 ** 31) return 5
  }
  const { length } = value
  if (length < 64) return 1 + length
  return (length < 16_384 ? 2 : 5) + length
}

/**
 * Returns the fields for a list that Redis would hold as a quicklist, with leaves in place of
 * quicklist nodes.
 */
function quicklistFields({ server }: Context, { object, size }: Collection): string {
  const tree = object.tree(0)
  const { leaves } = shapeOf(tree)
  const most = server.config.number('list-max-listpack-size')
  return ` ql_nodes:${leaves} ql_avg_node:${(size / leaves).toFixed(2)} ql_listpack_max:${most} ql_compressed:0 ql_uncompressed_size:${encodedBytes(tree)}`
}

function requireEntry({ db }: Context, key: Bytes): Entry {
  const entry = db.lookup(key) // an expired key exists until it is deleted
  if (entry === undefined) throw noSuchKey()
  return entry
}

function collectionOf({ value }: Entry): Collection | null {
  return value === null || typeof value === 'string' || value instanceof Rope ? null : value
}

/** OBJECT key. The address is always 0, because values here have none. */
function describeObject(context: Context, args: Args): Reply {
  const entry = requireEntry(context, args[2])
  const encoding = encodingOf(entry)
  const { useCounter, monotonicSeconds } = context.keyspace
  const idle = idleSecondsOf(entry.lastUse, monotonicSeconds)
  const lastUse = useCounter === null ? Math.floor(context.nowMs / 1000) - idle : entry.lastUse
  const more = encoding === 'quicklist' ? quicklistFields(context, entry.value as Collection) : ''
  return new SimpleString(
    `Value at:0x000000000000 refcount:${referenceCountOf(entry)} encoding:${encoding} serializedlength:${serializedLength(entry)} lru:${lastUse & 0xffffff} lru_seconds_idle:${idle}${more}`,
  )
}

/** Returns lines about each tree of a collection. */
function describeTrees({ object }: Collection): string {
  const lines: string[] = []
  for (const [index, tree] of object.trees.entries()) {
    if (tree === undefined) continue
    const { levels, leaves, inner } = shapeOf(tree)
    lines.push(`Tree ${index} stats:`, ` number of elements: ${tree.count}`, ` levels: ${levels}`)
    if (object.pages === null) lines.push(' pages: none, the root record holds it')
    else lines.push(` leaf pages: ${leaves}`, ` inner pages: ${inner}`, ` avg leaf length: ${(tree.count / leaves).toFixed(2)}`)
  }
  return `${lines.join('\n')}\n`
}

/** HTSTATS-KEY key [full] */
function describeTable(context: Context, args: Args): Reply {
  const entry = requireEntry(context, args[2])
  const encoding = encodingOf(entry)
  const value = collectionOf(entry)
  if (value === null || (encoding !== 'hashtable' && encoding !== 'skiplist'))
    throw clientError('ERR The value stored at the specified key is not represented using an hash table')
  return new Verbatim('txt', describeTrees(value))
}

/** HTSTATS dbid [full] */
function describeDatabase({ keyspace }: Context, args: Args): Reply {
  const db = keyspace.databases[requireClampedInteger(args[2])]
  if (db === undefined) throw clientError('ERR Out of range database')
  const { keyCount, keysInMemory, volatileCount } = db
  return new Verbatim(
    'txt',
    `[Dictionary HT]\n number of elements: ${keyCount}\n in memory: ${keysInMemory}\n[Expires HT]\n number of elements: ${volatileCount}\n`,
  )
}

/** LISTPACK key and QUICKLIST key [0|1] write to the log. */
function writeStructure(encoding: 'listpack' | 'quicklist'): DebugSubcommand['run'] {
  return (context, args) => {
    const entry = requireEntry(context, args[2])
    const value = collectionOf(entry)
    if (value === null || encodingOf(entry) !== encoding) throw clientError(`ERR Not a ${encoding} encoded object.`)
    context.server.writeLog(`tree in place of a ${encoding}: ${describeTrees(value).trim().split('\n').join(';')}`)
    return new SimpleString(`${encoding === 'listpack' ? 'Listpack' : 'Quicklist'} structure written to the log`)
  }
}

/** SDSLEN key returns lengths and their sizes in memory. */
function describeString(context: Context, args: Args): Reply {
  const { key, value } = requireEntry(context, args[2])
  if (typeof value !== 'string' && !(value instanceof Rope)) throw clientError('ERR Not an sds encoded string.')
  const valueBytes = typeof value === 'string' ? value.length : value.residentBytes
  return new SimpleString(
    `key_sds_len:${key.length}, key_sds_avail:0, key_zmalloc: ${key.length + ENTRY_OVERHEAD_BYTES}, val_sds_len:${value.length}, val_sds_avail:0, val_zmalloc: ${valueBytes}`,
  )
}

export const VALUE_SUBCOMMANDS: Readonly<Record<string, DebugSubcommand>> = {
  htstats: { arity: -3, run: describeDatabase },
  'htstats-key': { arity: -3, shows: 'one-key', run: describeTable },
  listpack: { arity: 3, shows: 'one-key', run: writeStructure('listpack') },
  object: { arity: -3, shows: 'one-key', run: describeObject },
  quicklist: { arity: -3, shows: 'one-key', run: writeStructure('quicklist') },
  sdslen: { arity: 3, shows: 'one-key', run: describeString },
}

export const VALUE_HELP: readonly string[] = [
  'HTSTATS <dbid>',
  '    Return numbers of keys of the specified database.',
  'HTSTATS-KEY <key>',
  '    Like HTSTATS but for the trees of a value that Redis would hold in a hash table.',
  'LISTPACK <key>',
  '    Write the tree of <key> to the log, if Redis would hold it as a listpack.',
  'OBJECT <key>',
  '    Show low level info about `key` and associated value.',
  'QUICKLIST <key> [<0|1>]',
  '    Like LISTPACK for a value that Redis would hold as a quicklist.',
  'SDSLEN <key>',
  '    Show the lengths of <key> and of the string that it holds.',
]
