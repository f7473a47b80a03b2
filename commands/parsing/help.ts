import type { Bytes } from '../../base/bytes.ts'
import { type Reply, SimpleString } from '../contract/reply.ts'

/**
 * The reply of `<CONTAINER> HELP` in Redis's layout: usage lines flush left, their descriptions
 * indented by four.
 */
export function helpReply(container: Bytes, lines: readonly Bytes[]): Reply {
  const title = `${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`
  return [title, ...lines, 'HELP', '    Prints this help.'].map((line) => new SimpleString(line))
}
