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
  scripts: 'Scripts',
  monitoring: 'Monitoring',
}

const INTRODUCTION = `# Configuration

Every key can stand in a configuration file (\`haypile path.conf\`) as \`name value\`, Redis's form, or \`name : value\`, Pika's; after a flag
(\`haypile --port 6380 --appendfsync always\`); in the options of \`start()\`; and in \`CONFIG GET\`. Those marked \`*\` can be changed while the
server runs, by \`CONFIG SET\`; \`CONFIG REWRITE\` writes what is in force back to the file. Flags win over the file, later lines over earlier
ones. A key that is not known is an error that names the nearest one. All that is wrong is reported at once, with file and line.

\`include file\` reads another file in its place, relative to the including one; a path with \`*\`, \`?\` or \`[\` stands for all files that match,
in order, and for none where nothing does. On the command line names are in any case, and a value runs to the next \`--\`.

Sizes are bytes, or take a unit: \`kb\` \`mb\` \`gb\` are powers of 1024, \`k\` \`m\` \`g\` of 1000.

This page is made of the table that the server itself reads (\`server/config/table.ts\`); a test fails when they differ, and
\`HAYPILE_WRITE_DOCS=1 npm test tidy-configuration\` writes it anew.
`

export function configurationPage(): string {
  const parts = [INTRODUCTION]
  for (const [section, title] of Object.entries(SECTIONS)) {
    const rows = configKeys.filter((key) => key.section === section && key.hidden !== true).map(row)
    parts.push(`## ${title}\n\n| key | value | default | |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`)
  }
  return [...parts, foreignKeys()].join('\n')
}

/** The treatment of keys of Redis and Pika that mean something else here. */
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
    'Configuration files of Redis 7 and of Pika 4 start a haypile. Each key that does not mean here what it means there is in one of these lists.',
    `Other names of keys:\n\n| name | key |\n| --- | --- |\n${aliases.join('\n')}`,
    `Without effect, and the log says so at the start where the value is not the default:\n\n| key | |\n| --- | --- |\n${warned
      .map((key) => `| ${code(key.name)} | ${cell(key.warning as string)} |`)
      .join('\n')}`,
    `Refused unless the value asks for nothing:\n\n| key | only value | |\n| --- | --- | --- |\n${refused
      .map((key) => `| ${code(key.name)} | ${onlyValue(key)} | ${cell(key.kind.refuses as string)} |`)
      .join('\n')}`,
    `Accepted without effect:\n\n${[...reasons].map(([reason, names]) => `- ${cell(reason)}: ${names.map(code).join(' ')}`).join('\n')}\n`,
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
  const star = key.changes === 'any time' ? ' *' : ''
  const value = [key.kind.describe, key.unit].filter(Boolean).join(', ')
  const initial = typeof key.default === 'string' ? code(key.default === '' ? '""' : key.default) : 'depends on the machine'
  return `| ${code(key.name)}${star} | ${cell(value)} | ${initial} | ${cell(key.help)}${also} |`
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('*', '\\*')
const code = (text: string) => `\`${text.replaceAll('|', '\\|')}\``
