/** The commands on positions: the family's door. */
import type { Command } from '../contract/command.ts'
import { geo } from './geo.ts'
import { geoQueries } from './queries.ts'

export const geoCommands: readonly Command[] = [...geo, ...geoQueries]
