/**
 * The places of the product that assume a value, by file (test/support/tidy/assumed-values.ts says
 * what counts). The numbers may only shrink.
 */

/**
 * Casts in code where a call of `must` would cost too much, each explained by a comment `// hot:`.
 */
export const HOT_ASSUMPTIONS: Readonly<Record<string, number>> = {
  'base/copy-bytes.ts': 1,
  'commands/cluster/routing.ts': 1,
  'commands/execution/admission.ts': 1,
  'commands/hyperloglogs/hyperloglog.ts': 1,
  'commands/hyperloglogs/sketch-access.ts': 2,
  'commands/strings/lcs.ts': 5,
  'lua/libraries/bit.ts': 1,
  'lua/libraries/cjson-encode.ts': 1,
  'lua/libraries/output.ts': 1,
  'lua/libraries/struct-integers.ts': 1,
  'rdb/format/lzf.ts': 8,
  'replication/replica/group-stream.ts': 1,
  'server/metrics/latency.ts': 1,
  'server/protocol/command-words.ts': 4,
  'server/protocol/preloader.ts': 5,
  'server/protocol/reply-buffer.ts': 1,
  'server/protocol/request-batch.ts': 3,
  'server/protocol/request-decoder.ts': 6,
  'storage/binlog/group.ts': 1,
  'storage/keyspace/key-map.ts': 19,
  'storage/records/checksums.ts': 20,
  'storage/records/record-merge.ts': 4,
  'storage/records/record-sort.ts': 25,
  'storage/records/table-writer.ts': 11,
  'storage/residents/packed-index.ts': 16,
  'storage/residents/packed-slabs.ts': 21,
  'storage/tree/balance.ts': 11,
  'storage/tree/cursor.ts': 2,
  'storage/tree/key-heads.ts': 9,
  'storage/tree/leaf-filter.ts': 2,
  'storage/tree/node.ts': 2,
  'storage/tree/page-codec.ts': 2,
  'storage/tree/preload.ts': 4,
  'storage/tree/tree.ts': 9,
  'storage/values/bits.ts': 10,
  'storage/values/hyperloglogs/hyperloglog.ts': 8,
  'storage/values/hyperloglogs/runs.ts': 9,
  'storage/values/hyperloglogs/sketch.ts': 8,
  'storage/values/packed-editor.ts': 5,
  'storage/values/packed-elements.ts': 2,
  'storage/values/score.ts': 4,
}

/**
 * Casts that only look so: the type that is assumed has undefined or null itself (Reply), or says
 * more than that a value is there.
 */
export const OTHER_ASSUMPTIONS: Readonly<Record<string, number>> = {
  'commands/scripting/lua-values.ts': 4,
  'commands/streams/reads.ts': 2,
  'lua/module.ts': 2,
  'replication/protocol/messages.ts': 1,
  'server/config/config.ts': 1,
  'server/protocol/reply-encoder.ts': 1,
  'storage/check/trees.ts': 2,
  'storage/values/streams/groups.ts': 1,
}
