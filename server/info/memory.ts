/**
 * `# Memory`. `used_memory` is V8's used heap and the memory outside it; the dataset is the
 * resident part of the data. What Redis says of its allocator is said of anonymous memory, so the
 * overhead of the resident size is LevelDB's mapped tables and the program's own files.
 */
import { totalmem } from 'node:os'
import type { MemoryFigure } from '../../commands/contract/ports.ts'
import { group, humanBytes, percentage, type Rows, ratio } from './fields.ts'
import type { InfoSource } from './source.ts'

/** Memory of the machine. Reading it takes 10 µs. */
const SYSTEM_BYTES = totalmem()

/** Sizes that several fields show, bytes. */
function sizesOf(source: InfoSource) {
  const { memory, config, scripting, functions } = source
  const figure = (name: MemoryFigure) => memory.get(name) ?? 0
  const scripts = scripting.memory
  // Before the machine's size: counting compiles libraries that came from a master.
  const { functionCount } = functions
  return {
    source,
    figure,
    used: figure('used'),
    rss: figure('rss'),
    anonymous: figure('rss-anonymous'),
    peak: figure('peak'),
    dataset: figure('dataset'),
    heap: figure('heap'),
    limit: config.number('maxmemory'),
    /** Memory of EVAL's Lua machine and of its compiled texts. */
    scriptMachine: scripts.machine,
    scriptTexts: scripts.scripts,
    /** Memory of both Lua machines and of all their compiled code. */
    machines: scripts.machine + functions.engine.usedBytes,
    codes: scripts.scripts + functions.codeBytes,
    functionCount,
  }
}

export const memoryRows: Rows = [
  group(sizesOf, [
    ['used_memory', ({ used }) => used],
    ['used_memory_human', ({ used }) => humanBytes(used)],
    ['used_memory_rss', ({ rss }) => rss],
    ['used_memory_rss_human', ({ rss }) => humanBytes(rss)],
    ['used_memory_rss_anonymous', ({ anonymous }) => anonymous],
    ['used_memory_rss_mapped', ({ rss, anonymous }) => rss - anonymous],
    ['used_memory_peak', ({ peak }) => peak],
    ['used_memory_peak_human', ({ peak }) => humanBytes(peak)],
    ['used_memory_peak_perc', ({ used, peak }) => percentage(used, peak)],
    ['used_memory_overhead', ({ used, dataset }) => Math.max(0, used - dataset)],
    ['used_memory_startup', ({ figure }) => figure('startup')],
    ['used_memory_dataset', ({ dataset }) => dataset],
    ['used_memory_dataset_perc', ({ used, dataset }) => percentage(dataset, used)],
    ['allocator_allocated', ({ used }) => used],
    ['allocator_active', ({ heap }) => heap],
    ['allocator_resident', ({ anonymous }) => anonymous],
    ['total_system_memory', SYSTEM_BYTES],
    ['total_system_memory_human', humanBytes(SYSTEM_BYTES)],
    ['used_memory_lua', ({ scriptMachine }) => scriptMachine],
    ['used_memory_vm_eval', ({ scriptMachine }) => scriptMachine],
    ['used_memory_lua_human', ({ scriptMachine }) => humanBytes(scriptMachine)],
    ['used_memory_scripts_eval', ({ scriptTexts }) => scriptTexts],
    ['number_of_cached_scripts', ({ source }) => source.scripting.count],
    ['number_of_functions', ({ functionCount }) => functionCount],
    ['number_of_libraries', ({ source }) => source.functions.libraryCount],
    ['used_memory_vm_functions', ({ source }) => source.functions.engine.usedBytes],
    ['used_memory_vm_total', ({ machines }) => machines],
    ['used_memory_vm_total_human', ({ machines }) => humanBytes(machines)],
    ['used_memory_functions', ({ source }) => source.functions.codeBytes],
    ['used_memory_scripts', ({ codes }) => codes],
    ['used_memory_scripts_human', ({ codes }) => humanBytes(codes)],
    ['maxmemory', ({ limit }) => limit],
    ['maxmemory_human', ({ limit }) => humanBytes(limit)],
    ['maxmemory_policy', ({ source }) => source.config.text('maxmemory-policy')],
    ['allocator_frag_ratio', ({ heap, used }) => ratio(heap, used)],
    ['allocator_frag_bytes', ({ heap, used }) => heap - used],
    ['allocator_rss_ratio', ({ anonymous, heap }) => ratio(anonymous, heap)],
    ['allocator_rss_bytes', ({ anonymous, heap }) => anonymous - heap],
    ['rss_overhead_ratio', ({ rss, anonymous }) => ratio(rss, anonymous)],
    ['rss_overhead_bytes', ({ rss, anonymous }) => rss - anonymous],
    ['mem_fragmentation_ratio', ({ rss, used }) => ratio(rss, used)],
    ['mem_fragmentation_bytes', ({ rss, used }) => rss - used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', ({ figure }) => figure('clients')],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', ({ figure }) => figure('binlog')],
    ['mem_allocator', `v8-${process.versions.v8}`],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', ({ source }) => source.storage.keyspace.dropped.length],
    ['lazyfreed_objects', ({ source }) => source.storage.keyspace.droppedObjects],
  ]),
]
