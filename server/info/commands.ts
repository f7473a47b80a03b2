/** `# Commandstats`, `# Errorstats` and `# Latencystats`: a line for each command or error code. */
import type { Bytes } from '../../base/bytes.ts'
import { each, line, safe } from './fields.ts'
import type { InfoSource } from './source.ts'

export function commandLines({ statistics }: InfoSource): Bytes {
  return each(statistics.usedCommands(), ([name, { calls, micros, rejected, failed }]) => {
    const mean = calls === 0 ? 0 : micros / calls
    const counters = `calls=${calls},usec=${Math.round(micros)},usec_per_call=${mean.toFixed(2)}`
    return line(`cmdstat_${safe(name)}`, `${counters},rejected_calls=${rejected},failed_calls=${failed}`)
  })
}

export function errorLines({ statistics }: InfoSource): Bytes {
  return each(statistics.errors(), ([code, count]) => line(`errorstat_${safe(code)}`, `count=${count}`))
}

/** For each command, the duration (µs) that each percentage of its runs does not exceed. */
export function latencyLines({ config, latency }: InfoSource): Bytes {
  const percents = config.list('latency-tracking-info-percentiles')
  return each(latency.commands(), (name) => {
    const percentiles = percents.map((percent) => `p${percent}=${latency.percentile(name, percent).toFixed(3)}`)
    return line(`latency_percentiles_usec_${safe(name)}`, percentiles.join(','))
  })
}
