/**
 * Measures MULTI, ten SETs, EXEC on both servers alternately. Each transaction is sent as one
 * piece. Its answers have a known length, so they are counted and not parsed. This keeps the cost
 * of the client low.
 */
import { encode, sendPieces } from './support/connection.ts'
import { endProgram, type Program, type ProgramName, startProgram } from './support/programs.ts'
import { median, perSecond, table } from './support/tables.ts'

const SETS = 10
const CONNECTIONS = 20
const TRANSACTION_ANSWER_BYTES = '+OK\r\n'.length + SETS * '+QUEUED\r\n'.length + `*${SETS}\r\n`.length + SETS * '+OK\r\n'.length

export interface TransactionsRow {
  /** Transactions that a connection sends before it waits for answers. */
  readonly pipeline: number
  readonly haypile: number
  readonly redis: number | null
}

interface Options {
  readonly rounds: number
  readonly transactions: number
  readonly keys: number
  readonly valueBytes: number
  readonly names: readonly ProgramName[]
  readonly note: (text: string) => void
}

export async function transactionsThroughput(options: Options): Promise<TransactionsRow[]> {
  const programs: Program[] = []
  try {
    for (const name of options.names) programs.push(await startProgram(name))
    const rows: TransactionsRow[] = []
    for (const pipeline of [1, 16]) rows.push(await measure(programs, pipeline, options))
    return rows
  } finally {
    for (const program of programs) await endProgram(program)
  }
}

async function measure(programs: readonly Program[], pipeline: number, options: Options): Promise<TransactionsRow> {
  const found: Record<ProgramName, number[]> = { haypile: [], redis: [] }
  for (let round = 0; round <= options.rounds; round++) {
    for (const program of programs) {
      const transactions = pipeline === 1 ? options.transactions : options.transactions * 3
      const rate = await run(program.port, round === 0 ? Math.ceil(transactions / 2) : transactions, pipeline, options)
      if (round > 0) found[program.name].push(rate)
    }
  }
  const row = { pipeline, haypile: median(found.haypile), redis: found.redis.length === 0 ? null : median(found.redis) }
  options.note(`MULTI, ${SETS} SETs, EXEC, ${pipeline} at a time: ${Math.round(row.haypile)} / ${Math.round(row.redis ?? 0)}`)
  return row
}

/** Resolves to transactions a second. */
async function run(port: number, transactions: number, pipeline: number, { keys, valueBytes }: Options): Promise<number> {
  const piecesPerConnection = Math.ceil(transactions / CONNECTIONS / pipeline)
  const value = 'x'.repeat(valueBytes)
  const pieces = Array.from({ length: 64 }, (_, piece) => Buffer.from(pieceOf(pipeline, piece, keys, value), 'latin1'))
  const startedAtMs = performance.now()
  await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, index) =>
      sendPieces(port, pieces, index, piecesPerConnection, pipeline * TRANSACTION_ANSWER_BYTES),
    ),
  )
  return (piecesPerConnection * pipeline * CONNECTIONS * 1000) / (performance.now() - startedAtMs)
}

function pieceOf(pipeline: number, piece: number, keys: number, value: string): string {
  let text = ''
  for (let i = 0; i < pipeline; i++) {
    text += encode(['MULTI'])
    for (let set = 0; set < SETS; set++) text += encode(['SET', `key:${((piece * pipeline + i) * SETS + set) % keys}`, value])
    text += encode(['EXEC'])
  }
  return text
}

export function transactionsTable(rows: readonly TransactionsRow[]): string {
  return table(
    [`MULTI, ${SETS} SETs, EXEC`, 'haypile /s', 'redis /s', 'ratio'],
    rows.map(({ pipeline, haypile, redis }) => [
      pipeline === 1 ? 'one at a time' : `${pipeline} at a time`,
      perSecond(haypile),
      redis === null ? '' : perSecond(redis),
      redis === null ? '' : (haypile / redis).toFixed(2),
    ]),
  )
}
