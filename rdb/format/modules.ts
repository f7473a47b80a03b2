/**
 * Data of modules, which haypile has none of. On disk:
 *
 *   module   id(a length) item* 0            a value of type 7, or an opcode 247
 *   item     1 length | 2 length | 3 float(4) | 4 double(8) | 5 string
 *
 *   id       nine characters of 6 bits, the first one highest, and a version of 10 bits
 */
import type { RdbInput } from './input.ts'

const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NAME_LENGTH = 9

/** Reads a module's id. Returns the name of its type. */
export function readModuleName(input: RdbInput): string {
  let bits = input.unsigned() >> 10n
  let name = ''
  for (let i = 0; i < NAME_LENGTH; i++) {
    name = CHARACTERS.charAt(Number(bits & 63n)) + name
    bits >>= 6n
  }
  return name
}

/** Skips one item, and returns false at the end of the items. */
export function skipModuleItem(input: RdbInput): boolean {
  const code = input.length()
  if (code === 1 || code === 2) input.unsigned()
  else if (code === 3) input.view(4)
  else if (code === 4) input.view(8)
  else if (code === 5) input.packed()
  else if (code !== 0) throw input.damaged('data of a module has an unknown item')
  input.commit()
  return code !== 0
}
