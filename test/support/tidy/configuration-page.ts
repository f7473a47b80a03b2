/** docs/configuration.md, generated from the table of configuration keys. */
import type { ConfigKey, ConfigSection } from '../../../server/config/key.ts'
import { configKeys } from '../../../server/config/table.ts'

const SECTIONS: Readonly<Record<Exclude<ConfigSection, 'compatibility'>, string>> = {
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

const MAX_COLUMNS = 100

const INTRODUCTION = `# Configuration

A key is set in one of these places:

- in a configuration file (\`haypile path.conf\`), as \`name value\` (Redis's form) or \`name : value\`
  (Pika's);
- by a flag: \`haypile --port 6380 --appendfsync always\`;
- by an option of \`start()\`.

Flags override the file, and later lines override earlier ones. An unknown key is an error that
suggests the nearest name. All errors are reported at once, with file and line.

\`CONFIG GET\` shows every key. \`CONFIG SET\` changes the keys marked \`*\` while the server runs.
\`CONFIG REWRITE\` writes the values in force back to the file.

\`include file\` reads another file at that point. Its path is relative to the including file. A path
with \`*\`, \`?\` or \`[\` is a pattern: all matching files are read in order, and it is no error if
none matches.

On the command line, names of keys are in any case, and a value ends at the next \`--\`.

Sizes are in bytes or have a unit: \`kb\`, \`mb\` and \`gb\` are powers of 1024; \`k\`, \`m\` and \`g\` are
powers of 1000.

This page is generated from the table that the server reads (\`server/config/table.ts\`). A test fails
if the two differ, and \`HAYPILE_WRITE_DOCS=1 npm test tidy-configuration\` writes the page again.
`

export function configurationPage(): string {
  const parts = [INTRODUCTION]
  for (const [section, title] of Object.entries(SECTIONS)) {
    const rows = configKeys.filter((key) => key.section === section && key.hidden !== true).map(row)
    parts.push(`## ${title}\n\n| key | value | default | |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`)
  }
  return [...parts, foreignKeys()].join('\n')
}

/** Returns the section on keys of Redis and Pika that have another meaning here. */
function foreignKeys(): string {
  const aliases = configKeys.flatMap((key) =>
    aliasesOf(key).map(({ name, times }) => `| ${code(name)} | ${code(key.name)}${times === 1 ? '' : `, in units of ${times}`} |`),
  )
  const warned = configKeys.filter((key) => key.warning !== undefined)
  const refused = configKeys.filter((key) => key.kind.refuses !== undefined)
  const reasons = new Map<string, string[]>()
  for (const key of configKeys.filter((one) => one.inert && !warned.includes(one) && !refused.includes(one)))
    reasons.set(key.help, [...(reasons.get(key.help) ?? []), key.name])
  return [
    '## Keys of Redis and Pika',
    'haypile starts with configuration files of Redis 7 and of Pika 4. These lists name each key whose\nmeaning differs here.',
    `Other names of keys:\n\n| name | key |\n| --- | --- |\n${aliases.join('\n')}`,
    `Accepted without effect. At the start the log warns of a value other than the default:\n\n| key | |\n| --- | --- |\n${warned
      .map((key) => `| ${code(key.name)} | ${cell(key.warning as string)} |`)
      .join('\n')}`,
    `Refused, except with the value that requests nothing:\n\n| key | only value | |\n| --- | --- | --- |\n${refused
      .map((key) => `| ${code(key.name)} | ${onlyValue(key)} | ${cell(key.kind.refuses as string)} |`)
      .join('\n')}`,
    `Accepted silently and without effect:\n\n${[...reasons].map(([reason, names]) => item(`${cell(reason)}: ${names.map(code).join(' ')}`)).join('\n')}\n`,
  ].join('\n\n')
}

function onlyValue(key: ConfigKey): string {
  if (key.withheld) return 'no such line'
  return code(typeof key.default === 'string' && key.default !== '' ? key.default : '""')
}

function aliasesOf(key: ConfigKey): readonly { readonly name: string; readonly times: number }[] {
  return (key.aliases ?? []).map((alias) => (typeof alias === 'string' ? { name: alias, times: 1 } : alias))
}

function row(key: ConfigKey): string {
  const aliases = aliasesOf(key).map(({ name }) => name)
  const also = aliases.length === 0 ? '' : ` (also ${aliases.map(code).join(', ')})`
  const star = key.changes === 'any-time' ? ' *' : ''
  const value = [key.kind.describe, key.unit].filter(Boolean).join(', ')
  const initial = typeof key.default === 'string' ? code(key.default === '' ? '""' : key.default) : 'depends on the machine'
  return `| ${code(key.name)}${star} | ${cell(value)} | ${initial} | ${cell(key.help)}${also} |`
}

/** Returns an item of a list, in lines of at most 100 columns. */
function item(text: string): string {
  const lines: string[] = []
  let line = '-'
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > MAX_COLUMNS) {
      lines.push(line)
      line = ' '
    }
    line += ` ${word}`
  }
  return [...lines, line].join('\n')
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('*', '\\*')
const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``
