/** A rule that cannot be applied. The messages are Redis's and contain no password. */
import type { Bytes } from '../../base/bytes.ts'

/** The error of an ACL rule that cannot be applied. */
export class RuleError extends Error {
  override readonly name = 'RuleError'
  /** True if the rule names an unknown command or category. */
  readonly isUnknownName: boolean
  /** The message of ACL SETUSER, which shows the rule to its author. */
  readonly inSetUser: Bytes

  constructor(message: Bytes, options: { readonly isUnknownName?: boolean; readonly inSetUser?: Bytes } = {}) {
    super(message)
    this.isUnknownName = options.isUnknownName === true
    this.inSetUser = options.inSetUser ?? message
  }

  /** Returns the same error for ACL SETUSER, with the rule that caused it. */
  forRule(rule: Bytes): RuleError {
    const inSetUser = `Error in ACL SETUSER modifier '${rule}': ${this.message}`
    return new RuleError(this.message, { isUnknownName: this.isUnknownName, inSetUser })
  }
}

export const ruleSyntaxError = () => new RuleError('Syntax error')
export const unknownName = () => new RuleError('Unknown command or category name in ACL', { isUnknownName: true })
export const unmatchedParenthesis = (word: Bytes) =>
  new RuleError('Unmatched parenthesis in selector definition.', {
    inSetUser: `Unmatched parenthesis in acl selector starting at '${word}'.`,
  })
