/** The commands on channels: the family's door. */
import type { Command } from '../contract/command.ts'
import { publishing } from './publishing.ts'
import { subscriptions } from './subscribing.ts'

export const pubSubCommands: readonly Command[] = [...subscriptions, ...publishing]
