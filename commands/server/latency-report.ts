/** LATENCY GRAPH and LATENCY DOCTOR: reports made from the samples of events. */
import type { Bytes } from '../../base/bytes.ts'
import type { ConfigPort, LatencyPort } from '../contract/ports.ts'

type Samples = readonly (readonly [ageSeconds: number, milliseconds: number])[]

const ROWS = 4
const COLUMNS = 80
/** Heights within a row, lowest first. */
const LEVELS = '_o#'
const FILL = '|'

/** Draws a column for each sample, with its age written downwards below it. */
export function latencyGraph(event: Bytes, samples: Samples, worst: number): Bytes {
  const values = samples.map(([, milliseconds]) => milliseconds)
  const high = Math.max(...values)
  const low = Math.min(...values)
  const lines = [`${event} - high ${high} ms, low ${low} ms (all time high ${worst} ms)`, '-'.repeat(COLUMNS)]
  for (let from = 0; from < samples.length; from += COLUMNS) {
    const part = samples.slice(from, from + COLUMNS)
    const steps = part.map(([, milliseconds]) => step(milliseconds - low, high - low))
    for (let row = ROWS - 1; row >= 0; row--) lines.push(steps.map((height) => cell(height, row)).join(''))
    lines.push(' '.repeat(part.length))
    const ages = part.map(([seconds]) => age(seconds))
    const longest = Math.max(...ages.map((text) => text.length))
    for (let i = 0; i < longest; i++) lines.push(ages.map((text) => text[i] ?? ' ').join(''))
  }
  return `${lines.join('\n')}\n`
}

/** Returns the height of a column in parts of a row. */
function step(above: number, range: number): number {
  const all = ROWS * LEVELS.length
  return range === 0 ? 0 : Math.min(all - 1, Math.floor((above * all) / range))
}

function cell(height: number, row: number): string {
  const level = height - row * LEVELS.length
  if (level < 0) return ' '
  return LEVELS[level] ?? FILL
}

function age(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h`
  return `${Math.floor(seconds / 86400)}d`
}

/** Advice about events, by the first words of their names. */
const ADVICE: readonly (readonly [prefix: Bytes, advice: Bytes])[] = [
  ['command', 'SLOWLOG GET shows the slow commands. Split commands that read many keys or members at once: SCAN replaces KEYS.'],
  ['fast-command', 'Fast commands were slow: other processes, swapping or a full disk held up the machine.'],
  ['expire', 'Many keys expire at the same moment. Spread their times to live.'],
  [
    'checkpoint',
    'A checkpoint cannot keep up with the writes, or the process waits for a CPU. A smaller dirty-limit makes checkpoints smaller.',
  ],
  ['eviction', 'The working set exceeds cache-memory, and keys leave memory as fast as others come in. A larger cache-memory holds more.'],
  ['gc-', 'The garbage collector stopped the server. A smaller cache-memory leaves it less to look through.'],
  ['send-replies', 'Replies are long, or many clients are served at once. SCAN, HSCAN and LRANGE in parts make replies shorter.'],
  ['feed-replicas', 'Replicas are sent much at once: they catch up, or their links are slow.'],
  ['binlog', 'The binlog waits for the disk. Use a faster disk, or appendfsync everysec if losing a second of writes is acceptable.'],
]

/** Returns the observed spikes and advice. */
export function latencyDoctor(latency: LatencyPort, config: ConfigPort): Bytes {
  const threshold = config.number('latency-monitor-threshold')
  const latest = latency.latest()
  if (latest.length === 0)
    return threshold === 0
      ? 'Latency monitoring is off. CONFIG SET latency-monitor-threshold <milliseconds> turns it on.\n'
      : `No event took ${threshold} ms or longer so far.\n`
  const findings = latest.map(([event, , , worst], i) => `${i + 1}. ${finding(event, latency.samplesByAge(event), worst)}`)
  const advice = ADVICE.filter(([prefix]) => latest.some(([event]) => event.startsWith(prefix))).map(([, text]) => `- ${text}`)
  const slowlogMicros = config.number('slowlog-log-slower-than')
  if (threshold > 0 && (slowlogMicros < 0 || slowlogMicros > threshold * 1000))
    advice.unshift(`- SLOWLOG misses some of these commands: CONFIG SET slowlog-log-slower-than ${threshold * 1000}`)
  return `Latency spikes were observed:\n\n${findings.join('\n')}\n${advice.length > 0 ? `\nWhat may help:\n\n${advice.join('\n')}\n` : ''}`
}

function finding(event: Bytes, samples: Samples, worst: number): Bytes {
  const values = samples.map(([, milliseconds]) => milliseconds)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const deviation = values.reduce((sum, value) => sum + Math.abs(value - mean), 0) / values.length
  const seconds = samples.length < 2 ? 0 : ((samples[0]?.[0] ?? 0) - (samples.at(-1)?.[0] ?? 0)) / (samples.length - 1)
  const period = samples.length < 2 ? '' : `, one every ${seconds.toFixed(1)} s`
  const count = `${samples.length} latency spike${samples.length === 1 ? '' : 's'}`
  return `${event}: ${count} (average ${Math.round(mean)} ms, mean deviation ${Math.round(deviation)} ms${period}). Worst of all: ${worst} ms.`
}
