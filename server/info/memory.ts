/**
 * `# Memory`. `used_memory` is V8's used heap and the memory outside it; the dataset is the
 * resident part of the data.
 */
import type { MemoryFigure } from '../../commands/contract/ports.ts'
import { type Fields, humanBytes, percentage, ratio } from './fields.ts'
import type { InfoFigures } from './figures.ts'

export function memoryFields({ memory, maxmemory, server, stats, functions, scripts }: InfoFigures): Fields {
  const figure = (name: MemoryFigure) => memory.get(name) ?? 0
  const used = figure('used')
  const rss = figure('rss')
  const peak = figure('peak')
  const dataset = figure('dataset')
  const heap = figure('heap')
  return [
    ['used_memory', used],
    ['used_memory_human', humanBytes(used)],
    ['used_memory_rss', rss],
    ['used_memory_rss_human', humanBytes(rss)],
    ['used_memory_peak', peak],
    ['used_memory_peak_human', humanBytes(peak)],
    ['used_memory_peak_perc', percentage(used, peak)],
    ['used_memory_overhead', Math.max(0, used - dataset)],
    ['used_memory_startup', figure('startup')],
    ['used_memory_dataset', dataset],
    ['used_memory_dataset_perc', percentage(dataset, used)],
    ['allocator_allocated', used],
    ['allocator_active', heap],
    ['allocator_resident', rss],
    ['total_system_memory', maxmemory.systemBytes],
    ['total_system_memory_human', humanBytes(maxmemory.systemBytes)],
    ['used_memory_lua', scripts.machineBytes],
    ['used_memory_vm_eval', scripts.machineBytes],
    ['used_memory_lua_human', humanBytes(scripts.machineBytes)],
    ['used_memory_scripts_eval', scripts.textBytes],
    ['number_of_cached_scripts', scripts.scripts],
    ['number_of_functions', functions.functions],
    ['number_of_libraries', functions.libraries],
    ['used_memory_vm_functions', functions.machineBytes],
    ['used_memory_vm_total', scripts.machineBytes + functions.machineBytes],
    ['used_memory_vm_total_human', humanBytes(scripts.machineBytes + functions.machineBytes)],
    ['used_memory_functions', functions.codeBytes],
    ['used_memory_scripts', scripts.textBytes + functions.codeBytes],
    ['used_memory_scripts_human', humanBytes(scripts.textBytes + functions.codeBytes)],
    ['maxmemory', maxmemory.bytes],
    ['maxmemory_human', humanBytes(maxmemory.bytes)],
    ['maxmemory_policy', maxmemory.policy],
    ['allocator_frag_ratio', ratio(heap, used)],
    ['allocator_frag_bytes', heap - used],
    ['allocator_rss_ratio', ratio(rss, heap)],
    ['allocator_rss_bytes', rss - heap],
    ['rss_overhead_ratio', ratio(rss, rss)],
    ['rss_overhead_bytes', 0],
    ['mem_fragmentation_ratio', ratio(rss, used)],
    ['mem_fragmentation_bytes', rss - used],
    ['mem_not_counted_for_evict', 0],
    ['mem_replication_backlog', 0],
    ['mem_total_replication_buffers', 0],
    ['mem_clients_slaves', 0],
    ['mem_clients_normal', figure('clients')],
    ['mem_cluster_links', 0],
    ['mem_aof_buffer', figure('binlog')],
    ['mem_allocator', `v8-${server.v8Version}`],
    ['active_defrag_running', 0],
    ['lazyfree_pending_objects', stats.droppedPages],
    ['lazyfreed_objects', stats.droppedObjects],
  ]
}
