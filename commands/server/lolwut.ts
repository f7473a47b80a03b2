/** The picture of LOLWUT: a pika beside its haypile of random height. */
import { at } from '../../base/assert.ts'
import type { Random } from '../../base/clock.ts'

const MIN_ROWS = 4
const MAX_ROWS = 9
const STALKS = ['/', '\\', '|', '-', '_', '~', "'", ',']
const FLOWERS = ['*', 'o', '@', '%']
/** On average one in this many stalks has a flower. */
const STALKS_PER_FLOWER = 11

const PIKA = [' (\\_/)  ', ' (o.o)__', ' (    )_)', '  "" ""  ']
const GAP = '   '

/** Returns lines of ASCII, each with its line end. Equal random numbers give equal pictures. */
export function drawHaypile(random: Random): string {
  const rows = MIN_ROWS + Math.floor(random() * (MAX_ROWS - MIN_ROWS + 1))
  const lines: string[] = []
  for (let row = 0; row < rows; row++) {
    const pika = PIKA[row - (rows - PIKA.length)] ?? ''
    lines.push(`${pika.padEnd(9)}${GAP}${heapRow(row, rows, random)}`)
  }
  return `${lines.join('\n')}\n${'.'.repeat(9 + GAP.length + 4 * rows)}\n`
}

/** Returns a row of the heap, counted from the top; lower rows are wider. */
function heapRow(row: number, rows: number, random: Random): string {
  const margin = 2 * (rows - 1 - row)
  let hay = ''
  for (let i = 0; i < 4 * row + 3; i++) hay += random() * STALKS_PER_FLOWER < 1 ? pick(FLOWERS, random) : pick(STALKS, random)
  return `${' '.repeat(margin)}${hay}`
}

function pick(signs: readonly string[], random: Random): string {
  return at(signs, Math.floor(random() * signs.length))
}
