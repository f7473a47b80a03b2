/**
 * HyperLogLogs: strings in Redis's format (storage/values/hyperloglogs/hyperloglog.ts).
 *
 * hll-sparse-max-bytes decides when a sparse sketch becomes dense, and replay must not depend on
 * it. A replayed PFADD therefore never makes a sketch dense because of its size. The log has a
 * PFDEBUG TODENSE instead.
 */
import { must } from '../../base/assert.ts'
import type { Bytes } from '../../base/bytes.ts'
import type { Entry } from '../../storage/keyspace/entry.ts'
import { EVENT_STRING } from '../../storage/keyspace/key-events.ts'
import {
  denseRegisterOf,
  EMPTY_SKETCH,
  isDense,
  keptCardinality,
  REGISTERS,
  registerAndHeightOf,
} from '../../storage/values/hyperloglogs/hyperloglog.ts'
import { type Raised, Sketch } from '../../storage/values/hyperloglogs/sketch.ts'
import { type Args, type Command, command, firstKey, keyRange } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { OK, type Reply } from '../contract/reply.ts'
import { hyperLogLogDebug } from './pfdebug.ts'
import { cardinalityOf, cardinalityOfRegisters, corrupt, findSketch, requireSketch, storeSketch } from './sketch-access.ts'

const sketch = new Sketch()
const registers = new Uint8Array(REGISTERS)
/** Stores the sketch at the first key, notifies of it, and logs the command. */
function storeAndLog(context: Context, args: Args, entry: Entry | undefined): void {
  sketch.invalidate()
  storeSketch(context.db, args[1], entry, sketch)
  context.notify(EVENT_STRING, 'pfadd', args[1])
  if (!sketch.isOutgrown) return
  context.effectList(args as unknown as Bytes[])
  context.effect('PFDEBUG', 'TODENSE', args[1])
}

function sparseMaxBytes({ keyspace, server }: Context): number {
  return keyspace.expiryMode === 'ignore' ? Number.POSITIVE_INFINITY : server.config.number('hll-sparse-max-bytes')
}

const pfadd = command({
  name: 'pfadd',
  group: 'hyperloglog',
  since: '2.8.9',
  summary: "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
  complexity: 'O(1) to add every element.',
  syntax: 'PFADD key [element [element ...]]',
  arity: -2,
  flags: ['write', 'denyoom', 'fast'],
  keys: firstKey('RW', 'insert'),
  isVerbatim: true,
  run(context, args) {
    const entry = context.db.find(args[1])
    const before = entry === undefined ? EMPTY_SKETCH : requireSketch(entry)
    let position = 2
    // Once a sketch holds many elements, most additions change nothing. The check needs no copy.
    if (isDense(before)) {
      while (position < args.length && isIn(before, registerAndHeightOf(must(args[position])))) position++
      if (position === args.length) return 0
    }
    sketch.load(before)
    const raised = addAll(args, position, sparseMaxBytes(context))
    if (raised === 0 && entry !== undefined) return 0
    context.countChanges(entry === undefined ? raised + 1 : raised)
    storeAndLog(context, args, entry)
    return 1
  },
})

function isIn(dense: Bytes, packed: number): boolean {
  return denseRegisterOf(dense, packed % REGISTERS) >= Math.floor(packed / REGISTERS)
}

/**
 * Adds the elements from a position on to the sketch. Returns the number of elements that changed
 * it.
 */
function addAll(args: Args, from: number, limit: number): number {
  let raised = 0
  for (let position = from; position < args.length; position++) {
    const packed = registerAndHeightOf(must(args[position]))
    if (requireValid(sketch.raise(packed % REGISTERS, Math.floor(packed / REGISTERS), limit)) === 'raised') raised++
  }
  return raised
}

function requireValid(raised: Raised): Raised {
  if (raised === 'corrupt') throw corrupt()
  return raised
}

const pfcount = command({
  name: 'pfcount',
  group: 'hyperloglog',
  since: '2.8.9',
  summary: 'Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s).',
  complexity:
    'O(1) with a very small average constant time when called with a single key. O(N) with N being the number of keys, and much bigger constant times, when called with multiple keys.',
  syntax: 'PFCOUNT key [key ...]',
  arity: -2,
  flags: ['readonly', 'may_replicate'],
  keys: [
    {
      ...keyRange(1, -1, 1, 'RW', 'access'),
      notes: 'RW because it may change the internal representation of the key, and propagate to replicas',
    },
  ],
  run(context, args) {
    if (args.length === 2) return countOne(context, args[1])
    registers.fill(0)
    for (let position = 1; position < args.length; position++) raiseFrom(context, must(args[position]))
    return cardinalityOfRegisters(registers)
  },
})

/**
 * The cardinality of one key. The value keeps it for the next call, unless this node may not write
 * now.
 */
function countOne(context: Context, key: Bytes): Reply {
  const entry = context.db.read(key)
  if (entry === undefined) return 0
  const value = requireSketch(entry)
  const kept = keptCardinality(value)
  if (kept !== null) return kept
  sketch.load(value)
  const counted = cardinalityOf(sketch)
  if (counted === null) throw corrupt()
  if (context.mayChange) {
    sketch.keepCardinality(counted)
    storeSketch(context.db, key, entry, sketch)
    context.effect('PFCOUNT', key)
  }
  return counted
}

/**
 * Raises `registers` to those of a key, and leaves the key's value in the sketch. Returns the
 * value; undefined if the key does not exist.
 */
function raiseFrom({ db, keyspace }: Context, key: Bytes): Bytes | undefined {
  keyspace.eviction.makeRoom()
  const entry = db.read(key)
  if (entry === undefined) return undefined
  const value = requireSketch(entry)
  sketch.load(value)
  if (!sketch.raiseInto(registers)) throw corrupt()
  return value
}

const pfmerge = command({
  name: 'pfmerge',
  group: 'hyperloglog',
  since: '2.8.9',
  summary: 'Merges one or more HyperLogLog values into a single key.',
  complexity: 'O(N) to merge N HyperLogLogs, but with high constant times.',
  syntax: 'PFMERGE destkey [sourcekey [sourcekey ...]]',
  arity: -2,
  flags: ['write', 'denyoom'],
  keys: [keyRange(1, 1, 1, 'RW', 'access', 'insert'), keyRange(2, -1, 1, 'RO', 'access')],
  isVerbatim: true,
  run(context, args) {
    registers.fill(0)
    let isAnyDense = false
    for (let position = 1; position < args.length; position++) {
      const value = raiseFrom(context, must(args[position]))
      if (value !== undefined && isDense(value)) isAnyDense = true
    }
    const { entry, value } = findSketch(context.db, args[1])
    sketch.load(value)
    if (isAnyDense && !sketch.makeDense()) throw corrupt()
    const limit = sparseMaxBytes(context)
    for (let index = 0; index < REGISTERS; index++) {
      const height = registers[index] as number // hot: each register
      if (height > 0) requireValid(sketch.raise(index, height, limit))
    }
    storeAndLog(context, args, entry)
    return OK
  },
})

export const hyperLogLogs: readonly Command[] = [pfadd, pfcount, pfmerge, ...hyperLogLogDebug]
