/**
 * Measures scripts, functions, transactions and messages beside redis-server (AOF everysec). Prints
 * Markdown.
 *
 *   npm run bench:scripts -- [--rounds N] [--quick] [--json] [--scripts] [--transactions]
 *                            [--publish]
 *
 * Without the name of a part, all parts run. Figures are comparable only on a machine that does
 * nothing else.
 */
import { parseArgs } from 'node:util'
import { scriptsThroughput } from './scripts-throughput.ts'
import { isInstalled, type ProgramName } from './support/programs.ts'
import { type PublishRow, publishTable, publishThroughput } from './support/publish.ts'
import { machine } from './support/tables.ts'
import { type ThroughputRow, throughputTable } from './throughput.ts'
import { type TransactionsRow, transactionsTable, transactionsThroughput } from './transactions-throughput.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    scripts: { type: 'boolean', default: false },
    transactions: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
})

if (!isInstalled('redis-benchmark')) {
  process.stderr.write('redis-benchmark is not installed (Debian: redis-tools)\n')
  process.exit(1)
}
const names: readonly ProgramName[] = isInstalled('redis-server') ? ['haypile', 'redis'] : ['haypile']
const note = (text: string) => void process.stderr.write(`${text}\n`)
const scale = flags.quick ? 0.2 : 1
const isAll = !flags.scripts && !flags.transactions && !flags.publish
const shared = { rounds: Number(flags.rounds), keys: 100_000, valueBytes: 64, names, note }

interface Results {
  machine: string
  transactions?: TransactionsRow[]
  scripts?: ThroughputRow[]
  publish?: PublishRow[]
}

const results: Results = { machine: machine() }
if (isAll || flags.transactions) results.transactions = await transactionsThroughput({ ...shared, transactions: 50_000 * scale })
if (isAll || flags.scripts) {
  results.scripts = await scriptsThroughput({ ...shared, requests: 100_000 * scale, pipelinedRequests: 300_000 * scale, clients: 50 })
}
if (isAll || flags.publish)
  results.publish = await publishThroughput({ ...shared, deliveries: 2_000_000 * scale, messages: 100_000 * scale })

process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : `${markdown(results).join('\n\n')}\n`)

function markdown({ machine: head, transactions, scripts, publish }: Results): string[] {
  const parts = [head]
  if (transactions !== undefined) parts.push(transactionsTable(transactions))
  if (scripts !== undefined) parts.push(throughputTable(scripts))
  if (publish !== undefined) parts.push(publishTable(publish))
  return parts
}
