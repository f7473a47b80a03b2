/**
 * Runs a synchronous command that needs no keyspace on fakes. Of the executor's checks it has only
 * subcommands and arity.
 */
import type { Bytes } from '../../../base/bytes.ts'
import type { Args, Command } from '../../../commands/core/command.ts'
import { Context } from '../../../commands/core/context.ts'
import { unknownSubcommand, wrongArity } from '../../../commands/core/errors.ts'
import type { Reply } from '../../../commands/core/reply.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'
import type { FakeServer } from './fake-server.ts'
import type { FakeSession } from './fake-session.ts'

/** Returns the reply. Throws the ClientError. */
export function runOnFakes(server: FakeServer, session: FakeSession, args: readonly Bytes[]): Reply {
  const found = lookUp(server, args)
  if (found.arity < 0 ? args.length < -found.arity : args.length !== found.arity) throw wrongArity(found.name)
  if (found.run === undefined) throw new Error(`${found.name} is not synchronous`)
  const context = new Context({ now: server.clock.wallMs() } as Keyspace, server)
  context.session = session
  return found.run(context, args as unknown as Args)
}

function lookUp({ table }: FakeServer, args: readonly Bytes[]): Command {
  const [name, word] = args as [Bytes, Bytes | undefined]
  const found = table.find(name)
  if (found === undefined) throw new Error(`no command ${name}`)
  if (found.subcommands === undefined) return found
  if (word === undefined) throw wrongArity(found.name)
  const subcommand = table.findSubcommand(found, word)
  if (subcommand === undefined) throw unknownSubcommand(word, found.name)
  return subcommand
}
