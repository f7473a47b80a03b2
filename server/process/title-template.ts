/** `proc-title-template`: text with variables, as in Redis. */
import { type Bytes, textOf } from '../../base/bytes.ts'
import { ConfigRefused, type Kind, oneWord } from '../config/kinds.ts'

const VARIABLES = ['title', 'listen-addr', 'server-mode', 'port', 'tls-port', 'unixsocket', 'config-file'] as const

export type TitleVariables = Readonly<Record<(typeof VARIABLES)[number], string>>

/**
 * Fills in the template's variables and trims the result. Returns null for an unknown variable or
 * an unclosed brace.
 */
export function expandTitle(template: string, values: TitleVariables): string | null {
  let isKnown = true
  const title = template.replace(/\{([^}]*)(\}?)/g, (_, name: string, end: string) => {
    const variable = VARIABLES.find((one) => one === name)
    if (variable === undefined || end === '') isKnown = false
    return variable === undefined ? '' : values[variable]
  })
  return isKnown ? title.trim() : null
}

/** A template that is not empty without its title, as in Redis. */
export const titleTemplate: Kind<Bytes> = oneWord(
  'text',
  (word) => {
    const sample: TitleVariables = {
      title: '',
      'listen-addr': '*:1',
      'server-mode': '',
      port: '1',
      'tls-port': '0',
      unixsocket: '/',
      'config-file': '/',
    }
    if (!expandTitle(textOf(word), sample)) throw new ConfigRefused('template format is invalid or contains unknown variables')
    return word
  },
  (value) => value,
)
