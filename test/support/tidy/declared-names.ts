/** The names that a source declares, as the tidy test about names reads them, line by line. */

interface Field {
  /** `Class.field`. */
  readonly name: string
  readonly kind: 'boolean' | 'number'
}

interface Declared {
  readonly types: readonly string[]
  readonly constants: readonly string[]
  readonly fields: readonly Field[]
  /** `method`, once for each class or interface. */
  readonly methods: readonly string[]
}

const OWNER = /^(?:export )?(?:default )?(?:abstract )?(?:class|interface) (\w+)/
const TYPE = /^(?:export )?(?:abstract )?(?:class|interface|type) (\w+)/
const CONSTANT = /^(?:export )?const ([A-Z][A-Z0-9_]*)\b/
const MODIFIERS = '(?:(?:private|protected|public|static|readonly|override|async|get) |\\*)*'
const FIELD = new RegExp(`^  ${MODIFIERS}(\\w+)\\??(?:\\(\\))?(?:: (boolean|number)(?: \\| (?:null|undefined))?(?: [={].*)?| = (.+))$`)
const METHOD = new RegExp(`^  ${MODIFIERS}(\\w+)(?:<[^(]*>)?\\(`)

/**
 * Returns the top-level types and constants of a source, and the members of its classes and
 * interfaces.
 */
export function declaredIn(code: string): Declared {
  const types: string[] = []
  const constants: string[] = []
  const fields: Field[] = []
  const methods: string[] = []
  let owner: string | null = null
  for (const line of code.split('\n')) {
    if (/^\S/.test(line)) owner = OWNER.exec(line)?.[1] ?? null
    const type = TYPE.exec(line)?.[1]
    if (type !== undefined) types.push(type)
    const constant = CONSTANT.exec(line)?.[1]
    if (constant !== undefined) constants.push(constant)
    if (owner === null) continue
    const [, field, declared, value] = FIELD.exec(line) ?? []
    const kind = declared ?? kindOf(value)
    if (field !== undefined && (kind === 'boolean' || kind === 'number') && !line.includes('('))
      fields.push({ name: `${owner}.${field}`, kind })
    const method = METHOD.exec(line)?.[1]
    if (method !== undefined && method !== 'constructor' && !/^ {2}(?:\w+ )*get /.test(line)) methods.push(method)
  }
  return { types, constants, fields, methods }
}

function kindOf(value: string | undefined): string | null {
  if (value === 'true' || value === 'false') return 'boolean'
  return value !== undefined && /^(?:-?\d[\d_]*|-?Infinity|Number\.\w+)$/.test(value) ? 'number' : null
}
