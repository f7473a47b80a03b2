/**
 * The folders of the product. Each has one subject, at most 20 files, and imports from the folders
 * that are named and no others. ARCHITECTURE.md's map is printed from this table:
 * `HAYPILE_WRITE_DOCS=1 node dist/test/tidy-folders.test.js`.
 */
export interface Folder {
  readonly purpose: string
  readonly imports: readonly string[]
}

/** `imports`: folders, separated by spaces. */
const folder = (purpose: string, imports: string): Folder => ({ purpose, imports: imports === '' ? [] : imports.split(' ') })

export const FOLDERS: Readonly<Record<string, Folder>> = {
  base: folder('The lowest layer: bytes as strings, the clock, the file system and the log as interfaces', ''),
  lua: folder('Lua 5.1 as WebAssembly: the sandbox, its stack, its patterns and integers; start with `machine`', 'base lua/libraries'),
  'lua/libraries': folder('cjson, cmsgpack, struct and bit, written for the sandbox', 'base lua'),
  rdb: folder('RDB files and DUMP payloads, read and written as streams; start with `elements`', 'base rdb/encodings rdb/format'),
  'rdb/encodings': folder('The encodings of values in an RDB, each with its grammar', 'base rdb rdb/format'),
  'rdb/format': folder('Lengths and strings of an RDB, its bytes in and out, checksum, compression, codes, errors', 'base'),
  storage: folder(
    'The storage engine, which the server drives turn by turn; start with `storage`',
    'base storage/binlog storage/checkpoint storage/directory storage/keyspace storage/records storage/recovery storage/scan',
  ),
  'storage/binlog': folder('The log of all writes: groups, segments, reading, syncing, purging; commands as RESP', 'base storage/keyspace'),
  'storage/check': folder(
    '`haypile check`: every invariant of a data directory, read offline',
    'base storage/binlog storage/directory storage/keyspace storage/records storage/recovery storage/scan storage/tree ' +
      'storage/values storage/values/streams',
  ),
  'storage/checkpoint': folder(
    'Freezing dirty records, writing them to LevelDB, clearing the pages of dropped objects',
    'base storage/binlog storage/keyspace storage/records',
  ),
  'storage/directory': folder(
    "The data directory: identity, role, data sets, installing a full sync's, disk space",
    'base storage storage/binlog storage/keyspace storage/records storage/recovery storage/scan storage/slots',
  ),
  'storage/exchange': folder(
    'Values and snapshots as RDB values, and back; loading an RDB into the records of a data set',
    'base rdb rdb/format storage/binlog storage/checkpoint storage/keyspace storage/records storage/residents storage/tree ' +
      'storage/values storage/values/streams',
  ),
  'storage/slots': folder('The number of keys in each hash slot, on a node of a cluster', 'base storage/records'),
  'storage/keyspace': folder(
    'Databases in memory: entries, the key map, eviction, deadlines, events of keys',
    'base storage/records storage/residents storage/slots storage/tree storage/values',
  ),
  'storage/records': folder('The grammar of every LevelDB record, and LevelDB behind an interface', 'base storage/binlog'),
  'storage/recovery': folder(
    'Opening a data directory and replaying the log',
    'base storage storage/binlog storage/checkpoint storage/directory storage/keyspace storage/records storage/scan storage/slots',
  ),
  'storage/residents': folder('Entries and pages in memory, as eviction and checkpoints see them', 'base storage/records'),
  'storage/scan': folder(
    'Walking the keys in order; work in steps that may wait for the disk',
    'base storage/keyspace storage/records storage/values',
  ),
  'storage/tree': folder('The counted B+tree that collections are kept in', 'base storage/records storage/residents'),
  'storage/values': folder(
    'The types: strings, hashes, lists, sets, sorted sets',
    'base storage/records storage/residents storage/tree storage/values/streams',
  ),
  'storage/values/hyperloglogs': folder('HyperLogLogs, which are strings: the format and its arithmetic', 'base'),
  'storage/values/streams': folder('Streams: ids, packed entries, groups, consumers', 'base storage/records storage/tree'),
  replication: folder(
    'Both sides together on a node: changes of role, FAILOVER, WAIT; start with `replication`',
    'base replication/master replication/protocol replication/replica storage storage/directory',
  ),
  'replication/protocol': folder(
    'Shared by both sides: the grammar of messages and of chunks, connections, settings',
    'base storage/directory',
  ),
  'replication/master': folder(
    "The master's side: slave items, histories, feeds, full syncs",
    'base replication/protocol replication/redis-replicas storage storage/binlog storage/directory storage/records',
  ),
  'replication/redis-replicas': folder(
    "Replicas that speak Redis's protocol: PSYNC, an RDB, a stream; start with `redis-replicas`",
    'base rdb replication/master replication/protocol storage/binlog storage/directory storage/exchange storage/records',
  ),
  'replication/redis-master': folder(
    'A Redis as the master: the conversation, its RDB, its stream of commands',
    'base rdb replication/protocol storage storage/binlog storage/directory storage/exchange storage/records',
  ),
  'replication/replica': folder(
    "The replica's side: a state machine, the link that it drives, applying what arrives",
    'base replication/protocol replication/redis-master storage storage/binlog storage/directory storage/recovery',
  ),
  commands: folder(
    'The list of all families of commands',
    'commands/acl commands/clients commands/cluster commands/contract commands/geo commands/hashes commands/hyperloglogs commands/introspection ' +
      'commands/keys commands/lists commands/pubsub commands/replication commands/scripting commands/server commands/sets ' +
      'commands/sorted-sets commands/streams commands/strings commands/transactions commands/transfer',
  ),
  'commands/contract': folder(
    'The declaration, context and replies of commands; interfaces of their surroundings; start with `command`',
    'base commands/parsing replication/protocol storage/keyspace storage/scan',
  ),
  'commands/execution': folder(
    'The path of a request through its command to reply and log; units of several commands; start with `executor`',
    'base commands/blocking commands/clients commands/cluster commands/contract commands/transactions storage/binlog storage/keyspace storage/scan',
  ),
  'commands/parsing': folder(
    'Arguments, decimal numbers, patterns, typed access to values',
    'base commands/contract storage/keyspace storage/scan storage/values',
  ),
  'commands/strings': folder('Strings and bitmaps', 'base commands/contract commands/parsing storage/keyspace storage/values'),
  'commands/lists': folder('Lists', 'base commands/contract commands/parsing storage/keyspace storage/records storage/values'),
  'commands/hashes': folder(
    'Hashes and the deadlines of fields',
    'base commands/contract commands/keys commands/parsing storage/keyspace storage/values',
  ),
  'commands/sets': folder('Sets', 'base commands/contract commands/keys commands/parsing storage/keyspace storage/tree storage/values'),
  'commands/sorted-sets': folder(
    'Sorted sets',
    'base commands/contract commands/keys commands/parsing commands/sets storage/keyspace storage/records ' + 'storage/tree storage/values',
  ),
  'commands/geo': folder(
    'Geographic positions, kept in sorted sets',
    'base commands/contract commands/parsing commands/sorted-sets storage/keyspace storage/values',
  ),
  'commands/hyperloglogs': folder('HyperLogLogs', 'base commands/contract commands/parsing storage/keyspace storage/values/hyperloglogs'),
  'commands/streams': folder('Streams', 'base commands/contract commands/parsing storage/keyspace storage/records storage/values/streams'),
  'commands/keys': folder(
    'Keys of any type: expiry, databases, SCAN, SORT, OBJECT',
    'base commands/contract commands/parsing storage/keyspace storage/scan storage/tree storage/values ' + 'storage/values/streams',
  ),
  'commands/transfer': folder(
    'Values between servers: DUMP, RESTORE, MIGRATE',
    'base commands/contract commands/parsing rdb rdb/format storage/exchange storage/keyspace storage/values',
  ),
  'commands/transactions': folder('MULTI, EXEC and WATCH', 'base commands/contract storage/keyspace'),
  'commands/blocking': folder('Clients that wait for keys', 'base commands/contract storage/keyspace storage/records'),
  'commands/pubsub': folder('Channels, and keyspace events as messages', 'base commands/contract commands/parsing storage/keyspace'),
  'commands/scripting': folder(
    'EVAL and SCRIPT, FUNCTION and FCALL; running Lua in slices',
    'base commands/cluster commands/acl commands/contract commands/execution commands/functions commands/parsing lua lua/libraries ' +
      'storage/keyspace',
  ),
  'commands/functions': folder(
    'Libraries of functions: loading, registering, DUMP and RESTORE',
    'base commands/contract commands/parsing commands/scripting lua rdb/format storage/keyspace',
  ),
  'commands/acl': folder('Users and permissions; the ACL command', 'base commands/contract commands/parsing'),
  'commands/clients': folder(
    'Connections, CLIENT, client tracking',
    'base commands/contract commands/parsing commands/transactions storage/keyspace',
  ),
  'commands/cluster': folder(
    'Hash slots, the map of a cluster, routing by it, and what a client of a Redis Cluster asks',
    'base commands/contract commands/parsing storage/keyspace storage/scan',
  ),
  'commands/introspection': folder('COMMAND, derived from the declarations', 'base commands/contract commands/parsing'),
  'commands/replication': folder(
    'SLAVEOF, messages of replicas, WAIT, FAILOVER',
    'base commands/contract commands/parsing replication/protocol storage/scan',
  ),
  'commands/server': folder(
    'INFO, CONFIG, MEMORY, DEBUG and others about the server itself',
    'base commands/contract commands/keys commands/parsing storage/keyspace storage/records storage/scan storage/tree storage/values',
  ),
  server: folder(
    "The program and the embedded server; its parts assembled, a node's life; start with `node`, `assemble`",
    'base server/cluster commands commands/acl commands/contract commands/execution commands/functions commands/pubsub ' +
      'commands/scripting server/cluster-map server/config server/coordinator server/exchange server/exchange/targets server/info server/logging server/loop server/metrics server/network ' +
      'server/process server/threads server/wiring storage storage/check storage/records',
  ),
  'server/cluster-map': folder('The map of a cluster: its text, its keys in etcd, the reports of nodes', 'base'),
  'server/config': folder(
    'The configuration: values, kinds, files, rewriting',
    'base commands/contract commands/parsing replication/protocol server/config/keys server/process storage storage/keyspace',
  ),
  'server/config/keys': folder('Every configuration key, by subject', 'base server/cluster-map server/config server/etcd server/process'),
  'server/coordinator': folder(
    '`haypile coordinator` and `haypile cluster`: elections, failover, the map; start with `coordinator`',
    'base server/cluster-map server/etcd storage/binlog',
  ),
  'server/etcd': folder('A client of etcd: keys, transactions, leases, watches over its JSON gateway; start with `etcd`', 'base'),
  'server/exchange': folder(
    '`haypile import` and `haypile export`: their words, progress and reports; start with `parts`',
    'base commands/parsing rdb rdb/encodings rdb/format server server/config server/exchange/sources server/exchange/targets server/logging ' +
      'storage/exchange',
  ),
  'server/exchange/sources': folder(
    'Sources of an import or export: files, logs of commands, running servers, data directories',
    'base commands/parsing rdb server/exchange storage storage/binlog storage/exchange storage/records',
  ),
  'server/exchange/targets': folder(
    'Targets: an empty data directory, a running server, a file; keys as commands',
    'base commands/contract commands/functions commands/parsing rdb rdb/encodings rdb/format server server/config server/exchange ' +
      'server/exchange/sources server/process server/wiring storage/directory storage/exchange storage/records',
  ),
  'server/fencing': folder('The lease of a master in a cluster, without which it refuses writes', 'base server/cluster-map server/etcd'),
  'server/cluster': folder(
    'A node of a cluster: its stored map, its role, and sweeping slots that have left',
    'base commands/cluster commands/contract commands/execution server/loop storage storage/directory storage/keyspace storage/records storage/scan',
  ),
  'server/info': folder(
    'INFO: a table of fields for each section',
    'base commands/acl commands/contract commands/execution commands/functions commands/pubsub commands/scripting replication ' +
      'replication/master server/config server/fencing server/loop server/metrics server/network server/process storage storage/binlog ' +
      'storage/directory',
  ),
  'server/logging': folder('The log, without passwords', 'base commands/parsing server server/config'),
  'server/loop': folder(
    'The turn of the event loop, timers, and the gates that hold or refuse requests',
    'base commands/blocking commands/contract commands/execution commands/parsing commands/scripting replication ' +
      'server/config server/logging server/metrics server/network storage storage/binlog storage/keyspace ' +
      'storage/values',
  ),
  'server/metrics': folder('Counters, rates, the slow log, latency', 'base commands/contract server/config server/logging'),
  'server/network': folder(
    'Sockets: admission, one client, all clients, replicas',
    'base commands/acl commands/blocking commands/contract commands/execution replication/master replication/protocol ' +
      'server/config server/logging server/loop server/metrics server/protocol',
  ),
  'server/process': folder('The process: heap, open files, title, memory', 'base server/config'),
  'server/protocol': folder(
    'Bytes to requests, replies to bytes; reading keys ahead, from disk and from memory',
    'base commands/contract commands/parsing storage/keyspace storage/records',
  ),
  'server/threads': folder(
    'Threads that own TCP sockets, and the rings between them and the main thread; start with `socket-threads`',
    'base server/network',
  ),
  'server/wiring': folder(
    'Parts joined to each other: replication, scripts, ACL, storage, sockets',
    'base commands/cluster server/cluster commands/acl commands/contract commands/execution commands/functions commands/pubsub commands/scripting ' +
      'lua lua/libraries replication replication/protocol replication/redis-master server/cluster-map server/config server/etcd server/fencing server/loop server/metrics ' +
      'server/network server/process server/protocol server/threads storage storage/binlog storage/directory storage/keyspace ' +
      'storage/records storage/recovery',
  ),
}

/**
 * Cycles of imports, types included, that leave a folder: each with its files. The list may only
 * shrink. Cycles of values do not occur at all (Biome, noImportCycles).
 */
export const CYCLES: readonly (readonly string[])[] = []
