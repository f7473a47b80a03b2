/** The texts of `haypile help` and `haypile help all`. */
import type { ConfigKey, ConfigSection } from './key.ts'
import { defaultOf, type Machine } from './key.ts'
import { quoted } from './kinds.ts'
import { type ConfigName, configKeys, requireConfigKey } from './table.ts'

const TITLES: Readonly<Record<Exclude<ConfigSection, 'compatibility'>, string>> = {
  network: 'Network',
  tls: 'TLS',
  clients: 'Clients',
  users: 'Users',
  log: 'Log',
  process: 'Process',
  data: 'Data',
  collections: 'Collections',
  replication: 'Replication',
  cluster: 'Cluster',
  scripts: 'Scripts',
  monitoring: 'Monitoring',
}

const WIDTH = 100

const USAGE = `Usage: haypile [file] [--name value ...]              serve; flags win over the file, - reads standard input
       haypile check DIR [--cut | --new-identity]     verify a data directory that no server has open
       haypile import SOURCE (--dir DIR | --to URL)   bring in the data of a Redis or a haypile
       haypile export FILE (--dir DIR | --from URL)   write the data of a server to a file for Redis
       haypile coordinator --etcd URL,...             keep the map of a cluster, replace masters that fail
       haypile cluster ACTION --etcd URL,...          create, show and change a cluster
       haypile help [all | check | import ...]        this help, every configuration key, a subcommand
       haypile --version

A Redis-compatible key-value server with its data on disk.
`

const STATUS = 'Exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong.'

/** The keys that most people need first. */
const COMMON_KEYS: readonly ConfigName[] = ['port', 'bind', 'dir', 'requirepass', 'appendfsync', 'cache-memory', 'logfile', 'replicaof']

/** Help that fits on one screen. */
export function shortHelp(machine: Machine): string {
  const keys = COMMON_KEYS.map((name) => describe(requireConfigKey(name), machine)).join('\n')
  return `${USAGE}\nThe most important flags (-p is --port; CONFIG SET changes those marked *):\n\n${keys}\n\nhaypile help all prints every flag. ${STATUS}\n`
}

/** Help for every configuration key. */
export function fullHelp(machine: Machine): string {
  const parts = ['Configuration keys, in a file as `name value`, as a flag as `--name value`. CONFIG SET changes those marked *.']
  for (const [section, title] of Object.entries(TITLES)) {
    const keys = configKeys.filter((key) => key.section === section)
    parts.push(`${title}:\n${keys.map((key) => describe(key, machine)).join('\n')}`)
  }
  parts.push('Sizes are bytes, or take a unit: kb mb gb are powers of 1024, k m g of 1000.')
  const inert = configKeys.filter((key) => key.inert && !key.hidden).map((key) => key.name)
  parts.push(`Accepted for compatibility, without effect:\n${wrapped(inert.join(' '), '  ')}`, STATUS)
  return `${USAGE}\n${parts.join('\n\n')}\n`
}

function describe(key: ConfigKey, machine: Machine): string {
  const star = key.changes === 'any-time' ? '*' : ' '
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
