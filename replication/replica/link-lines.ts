/** The lines of the log about a link that is up or down. */
import type { MasterAddress } from '../../storage/directory/identity.ts'
import type { LinkAction, LinkState } from './machine-types.ts'

const shown = ({ host, port }: MasterAddress) => `${host}:${port}`

export function upLine(master: MasterAddress, offset: number): LinkAction {
  return { type: 'log', level: 'info', fields: { master: shown(master), offset }, text: 'in step with the master' }
}

export function downLine(master: MasterAddress, state: LinkState, reason: string): LinkAction {
  return { type: 'log', level: 'warn', fields: { master: shown(master), state, reason }, text: 'connection to master failed, retrying' }
}
