/**
 * Derives COMMAND DOCS' argument tree from a command's syntax line, so that a declaration needs no
 * second copy.
 *
 *   alternatives = sequence { "|" sequence }
 *   sequence     = { item }
 *   item         = word | "[" alternatives "]" (optional) | "<" alternatives ">" (required)
 *                | "[" alternatives "..." "]"   repeats the item before it: `key [key ...]`
 *
 * A word without lower-case letters is a token and takes the placeholders that follow it. `EX
 * seconds` is one argument with a token, `LIMIT offset count` a block with one. Redis's own tree
 * has hand-made names for blocks and alternatives. Here the names follow from the parts, and known
 * sets of parts have Redis's name (doc-names.ts). Types follow from the placeholders' names.
 *
 * Syntax lines are ours, not a client's. A mistake in one must not stop a server: a repetition of
 * nothing becomes an optional argument, and a missing bracket is assumed.
 */
import { at } from '../../base/assert.ts'
import type { Command } from '../contract/command.ts'
import { alternativesName, capitalPlaceholders, isTokenWord, keyNames, placeholderTypeOf, tokenName, withEndsNamed } from './doc-names.ts'

export type ArgumentType = 'string' | 'integer' | 'double' | 'key' | 'pattern' | 'unix-time' | 'pure-token' | 'oneof' | 'block'

export interface ArgumentDoc {
  readonly name: string
  readonly type: ArgumentType
  readonly token?: string
  readonly keySpecIndex?: number
  readonly optional?: true
  readonly multiple?: true
  /** The token is repeated with each argument. */
  readonly multipleToken?: true
  /** The parts of a `block`, the choices of a `oneof`. */
  readonly parts?: readonly ArgumentDoc[]
}

/** Returns the arguments in the command's syntax, without the words of its name. */
export function argumentsOf(command: Command): readonly ArgumentDoc[] {
  const words = command.syntax.match(/[[\]<>|]|[^\s[\]<>|]+/g) ?? []
  const parser: Parser = { words, at: command.name.split('|').length }
  const build = new Builder(command)
  const { alternatives } = parseAlternatives(parser, '')
  return alternatives.length === 1 ? build.sequence(at(alternatives, 0)) : [build.group({ alternatives, isOptional: false })]
}

interface Parser {
  readonly words: readonly string[]
  at: number
}

interface GroupNode {
  readonly alternatives: readonly (readonly SyntaxNode[])[]
  readonly isOptional: boolean
}

/** A word, a group, or a repetition. */
type SyntaxNode = string | GroupNode | { readonly repeated: readonly SyntaxNode[] }

/** Reads up to a closing bracket; `repeats` is true if three dots precede it. */
function parseAlternatives(parser: Parser, close: string): { alternatives: SyntaxNode[][]; repeats: boolean } {
  let current: SyntaxNode[] = []
  let alternatives: SyntaxNode[][] = [current]
  let repeats = false
  while (parser.at < parser.words.length) {
    const word = at(parser.words, parser.at++)
    if (word === close) break
    if (word === '|') {
      current = []
      alternatives.push(current)
    } else if (word === '...') repeats = true
    else if (word === '<') current.push({ alternatives: parseAlternatives(parser, '>').alternatives, isOptional: false })
    else if (word === '[') {
      const inner = parseAlternatives(parser, ']')
      if (!inner.repeats) current.push({ alternatives: inner.alternatives, isOptional: true })
      else if (inner.alternatives.length === 1) repeatTail(current, at(inner.alternatives, 0))
      else if (same(alternatives, inner.alternatives)) {
        // `A | B [A | B ...]` repeats the choice, not its last alternative.
        current = [{ repeated: [{ alternatives: inner.alternatives, isOptional: false }] }]
        alternatives = [current]
      } else current.push({ alternatives: [[{ repeated: [{ alternatives: inner.alternatives, isOptional: false }] }]], isOptional: true })
    } else current.push(word)
  }
  return { alternatives, repeats }
}

/** Turns the end of a sequence into a repetition, if it equals the repeated items. */
function repeatTail(sequence: SyntaxNode[], repeated: readonly SyntaxNode[]): void {
  if (same(sequence.slice(-repeated.length), repeated)) sequence.splice(-repeated.length, repeated.length, { repeated })
  else sequence.push({ alternatives: [[{ repeated }]], isOptional: true })
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** Turns nodes into documents, and counts keys for the index of their specs. */
class Builder {
  private readonly command: Command
  private keys = 0

  constructor(command: Command) {
    this.command = command
  }

  sequence(nodes: readonly SyntaxNode[]): ArgumentDoc[] {
    const documents: ArgumentDoc[] = []
    for (let i = 0; i < nodes.length; ) {
      const node = at(nodes, i++)
      if (typeof node !== 'string' || !isTokenWord(node)) {
        documents.push(this.single(node))
        continue
      }
      const from = i
      while (i < nodes.length && isPlaceholder(at(nodes, i))) i++
      if (i === from && isChoice(nodes[i])) i++
      documents.push(this.withToken(node, nodes.slice(from, i)))
    }
    return withEndsNamed(documents)
  }

  group(group: GroupNode): ArgumentDoc {
    const parts = group.alternatives.map((nodes) => this.oneOf(this.sequence(nodes)))
    const document: ArgumentDoc = parts.length === 1 ? at(parts, 0) : { name: alternativesName(parts), type: 'oneof', parts }
    return group.isOptional ? { ...document, optional: true } : document
  }

  private single(node: SyntaxNode): ArgumentDoc {
    if (typeof node === 'string') return this.placeholder(node)
    if ('alternatives' in node) return this.group(node)
    const parts = this.sequence(node.repeated)
    if (parts.length > 1) return { name: 'data', type: 'block', multiple: true, parts }
    const startsWithToken = node.repeated.length > 1
    return { ...at(parts, 0), multiple: true, ...(startsWithToken ? { multipleToken: true as const } : {}) }
  }

  private withToken(token: string, nodes: readonly SyntaxNode[]): ArgumentDoc {
    if (nodes.length === 0 && capitalPlaceholders.has(token)) return this.placeholder(token)
    if (nodes.length === 0) return { name: tokenName(token), type: 'pure-token', token }
    const parts = this.sequence(nodes)
    if (parts.length === 1) return { ...at(parts, 0), token }
    return { name: tokenName(token), type: 'block', token, parts }
  }

  private placeholder(name: string): ArgumentDoc {
    const specs = this.command.keys ?? []
    if (specs.length > 0 && keyNames.has(name)) return { name, type: 'key', keySpecIndex: Math.min(this.keys++, specs.length - 1) }
    const type = placeholderTypeOf(name, this.command)
    if (type !== 'pattern' || specs[1] === undefined || !('unknown' in specs[1].begin)) return { name, type }
    // SORT's patterns also name keys, which all belong to its second spec.
    this.keys = 2
    return { name, type, keySpecIndex: 1 }
  }

  private oneOf(documents: readonly ArgumentDoc[]): ArgumentDoc {
    if (documents.length === 1) return at(documents, 0)
    return { name: documents.map((document) => document.name).join('-'), type: 'block', parts: documents }
  }
}

function isPlaceholder(node: SyntaxNode): boolean {
  if (typeof node === 'string') return !isTokenWord(node)
  return 'repeated' in node && node.repeated.length === 1 && typeof node.repeated[0] === 'string'
}

function isChoice(node: SyntaxNode | undefined): boolean {
  return typeof node === 'object' && 'alternatives' in node && !node.isOptional && node.alternatives.length > 1
}
