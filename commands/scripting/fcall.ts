/** FCALL and FCALL_RO call functions of libraries. */
import { type Args, type Command, command } from '../contract/command.ts'
import type { Context } from '../contract/context.ts'
import { clientError } from '../contract/errors.ts'
import type { Reply } from '../contract/reply.ts'
import { functionsOf } from '../functions/libraries.ts'
import { integerOf } from '../parsing/args.ts'
import { flagsOf } from './flags.ts'
import { pushWords } from './lua-values.ts'
import type { ScriptCall } from './runner.ts'
import { EVAL_FLAGS, EVAL_KEYS, EVAL_RO_FLAGS, EVAL_RO_KEYS, withinArguments } from './script-commands.ts'
import { scriptingOf } from './scripting.ts'

const NUMBER_OF_KEYS_AT = 2
const FIRST_KEY = 3

function call(context: Context, args: Args, isReadOnly: boolean): Reply {
  const functions = functionsOf(context.server)
  const found = functions.find(args[1])
  if (found === undefined) throw clientError('ERR Function not found')
  const { name, flags, reference } = found.function
  return scriptingOf(context.server).runner.run(context, {
    machine: functions.engine.machine,
    reference,
    kind: 'function',
    name,
    flags: flagsOf(flags),
    isReadOnly,
    request: args,
    keyCount: keyCountOf(args),
    pushArguments: pushLists,
  })
}

/** A function takes two arguments: the list of keys and the list of other arguments. */
function pushLists({ machine: { stack }, request, keyCount }: ScriptCall): number {
  pushWords(stack, request, FIRST_KEY, FIRST_KEY + keyCount)
  pushWords(stack, request, FIRST_KEY + keyCount, request.length)
  return 2
}

function keyCountOf(args: Args): number {
  const count = integerOf(args[NUMBER_OF_KEYS_AT])
  if (count === null) throw clientError('ERR Bad number of keys provided')
  return withinArguments(args, Number(count))
}

const fcall = command({
  name: 'fcall',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Invokes a function.',
  complexity: 'Depends on the function that is executed.',
  syntax: 'FCALL function numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_FLAGS,
  keys: EVAL_KEYS,
  run: (context, args) => call(context, args, false),
})

const fcallReadOnly = command({
  name: 'fcall_ro',
  group: 'scripting',
  since: '7.0.0',
  summary: 'Invokes a read-only function.',
  complexity: 'Depends on the function that is executed.',
  syntax: 'FCALL_RO function numkeys [key [key ...]] [arg [arg ...]]',
  arity: -3,
  flags: EVAL_RO_FLAGS,
  keys: EVAL_RO_KEYS,
  run: (context, args) => call(context, args, true),
})

export const functionCalls: readonly Command[] = [fcall, fcallReadOnly]
