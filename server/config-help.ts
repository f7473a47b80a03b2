/** The table of configuration keys as `haypile --help` prints it. */
import type { ConfigKey, Section } from './config-key.ts'
import { defaultOf, type Machine } from './config-key.ts'
import { quoted } from './config-kinds.ts'
import { configKeys } from './config-table.ts'

const TITLES: Readonly<Record<Exclude<Section, 'compatibility'>, string>> = {
  network: 'Network',
  tls: 'TLS',
  clients: 'Clients',
  users: 'Users',
  log: 'Log',
  process: 'Process',
  data: 'Data',
  collections: 'Collections',
  replication: 'Replication',
  scripts: 'Scripts',
  monitoring: 'Monitoring',
}

const WIDTH = 100

export function configHelp(machine: Machine): string {
  const parts = ['Configuration keys, in a file as `name value`, as a flag as `--name value`. CONFIG SET changes those marked *.']
  for (const [section, title] of Object.entries(TITLES)) {
    const keys = configKeys.filter((key) => key.section === section)
    parts.push(`${title}:\n${keys.map((key) => describe(key, machine)).join('\n')}`)
  }
  parts.push('Sizes are bytes, or take a unit: kb mb gb are powers of 1024, k m g of 1000.')
  const inert = configKeys.filter((key) => key.inert && !key.hidden).map((key) => key.name)
  parts.push(`Accepted for compatibility, without effect:\n${wrapped(inert.join(' '), '  ')}`)
  return `\n${parts.join('\n\n')}\n`
}

function describe(key: ConfigKey, machine: Machine): string {
  const star = key.changes === 'any time' ? '*' : ' '
  const kind = [key.kind.describe, key.unit].filter(Boolean).join(', ')
  const head = `  ${star} --${key.name} <${kind}>`
  const initial = defaultOf(key, machine)
  const value = key.kind.takes === 'many' ? initial || '""' : quoted(initial)
  return `${head}\n${wrapped(`${key.help} [${value}]`, '        ')}`
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > WIDTH) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line].join('\n')
}
