/**
 * Finds the places where code continues after any error. Those are a `catch`, or a handler of a
 * rejected promise, that neither passes the error on nor calls `rethrowAssertion` first.
 */
import type { Source } from './sources.ts'

/** Functions that throw every error on that they are not for. */
const NARROWING = ['damageText', 'this.protocolError', 'rethrowAssertion']

/** Returns the lines of the broad catches of a file, counted from 1. */
export function broadCatchesOf({ code }: Pick<Source, 'code'>): number[] {
  return [...blocks(code), ...handlers(code)]
    .filter(({ name, body }) => name === '' || !passesOn(name, body))
    .map(({ at }) => code.slice(0, at).split('\n').length)
    .sort((a, b) => a - b)
}

interface Catch {
  readonly at: number
  /** The caught error's name; empty if it has none. */
  readonly name: string
  readonly body: string
}

function blocks(code: string): Catch[] {
  return [...code.matchAll(/\bcatch (?:\((\w+)\) )?(?=\{)/g)].map((match) => {
    const start = match.index + match[0].length
    return { at: match.index, name: match[1] ?? '', body: code.slice(start + 1, closingOf(code, start)) }
  })
}

/** Returns the handlers of `.catch(handler)` and `.then(_, handler)`. */
function handlers(code: string): Catch[] {
  return [...code.matchAll(/\.(catch|then)(?=\()/g)].flatMap((match) => {
    const start = match.index + match[0].length
    const handler = argumentsOf(code, start)[match[1] === 'catch' ? 0 : 1]
    return handler === undefined ? [] : [{ at: match.index, ...handlerOf(handler) }]
  })
}

function handlerOf(handler: string): { readonly name: string; readonly body: string } {
  const [, name = '', body = ''] = /^(?:async )?\(?(\w*)[^)]*\)? => ([\s\S]*)$/.exec(handler) ?? []
  if (body !== '') return { name, body: body.startsWith('{') ? body.slice(1, -1) : body }
  return { name: 'error', body: `${handler}(error)` }
}

/** True if a catch continues after certain errors only, or after none. */
function passesOn(name: string, body: string): boolean {
  const statements = body.trim()
  const callsOf = (functions: readonly string[]) => functions.map((one) => `${one.replace('.', '\\.')}\\(${name}\\)`).join('|')
  return [
    new RegExp(`^rethrowAssertion\\(${name}\\)`),
    new RegExp(`(?:^|[\\n(:=] *|, )(?:${callsOf(NARROWING)})`),
    new RegExp(`if \\((?:!|[^\\n]* !== )[^\\n]*\\) throw ${name}$`, 'm'),
    new RegExp(`(?:^|\\n) *throw (?:[^\\n]*\\? [^\\n]* : )?${name}$`),
    new RegExp(`^return steps\\.throw\\(${name}\\)$`),
  ].some((form) => form.test(statements))
}

/** Splits the arguments between the parenthesis at `start` and the one that closes it. */
function argumentsOf(code: string, start: number): string[] {
  const inner = code.slice(start + 1, closingOf(code, start))
  const found: string[] = []
  let depth = 0
  let from = 0
  for (let at = 0; at < inner.length; at++) {
    const character = inner.charAt(at)
    if ('([{'.includes(character)) depth++
    else if (')]}'.includes(character)) depth--
    else if (character === ',' && depth === 0) {
      found.push(inner.slice(from, at).trim())
      from = at + 1
    }
  }
  const last = inner.slice(from).trim()
  return last === '' ? found : [...found, last]
}

function closingOf(code: string, start: number): number {
  let depth = 0
  for (let at = start; at < code.length; at++) {
    if ('([{'.includes(code.charAt(at))) depth++
    else if (')]}'.includes(code.charAt(at))) depth--
    if (depth === 0) return at
  }
  return code.length
}
