/** A server says what the exchange in docs/replication.md shows. */
import { readFileSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Group, type Reply, readChunk, readGroup, Wire } from '../../support/servers/minimal-replica.ts'
import { RunningServer } from '../../support/servers/running-server.ts'

const DOCUMENT = new URL('../../../../docs/replication.md', import.meta.url)

/** Returns bytes as the document writes them. */
const shown = (bytes: Buffer) =>
  bytes.toString('latin1').replace(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)

class Exchange {
  private readonly names = new Map<string, string>()
  private readonly wires: { readonly [name: string]: Wire; readonly replica: Wire }
  private readonly records: string[] = []
  private total = ''
  private group: Group | null = null

  constructor(port: number) {
    this.wires = { client: new Wire(port), replica: new Wire(port) }
  }

  async line(line: string): Promise<void> {
    const [, who = '', way, text = ''] = /^(\w+) +([<>]) (.*)$/.exec(line) ?? []
    const wire = this.wires[who]
    if (way === '>')
      wire?.send(
        ...this.filled(text)
          .split(' ')
          .map((word) => (word === '""' ? '' : word)),
      )
    else this.matches(text, await this.heard(who))
  }

  close(): void {
    for (const { socket } of Object.values(this.wires)) socket.destroy()
  }

  /** Returns what the server has sent. */
  private async heard(who: string): Promise<string> {
    const wire = this.wires[who]
    if (wire !== undefined) return JSON.stringify(await past(wire))
    if (who === 'record' || who === 'end') {
      if (this.total === '') await this.readRecords()
      return who === 'end' ? this.total : (this.records.shift() as string)
    }
    if (who === 'command') return this.group?.commands.shift()?.join(' ') as string
    const { replica } = this.wires
    for (let byte = ''; byte !== '*'; ) byte = (await replica.take(1)).toString('latin1')
    this.group = await readGroup(replica, { offset: Number(this.names.get('offset')), crc: this.names.get('crc') as string })
    this.names.set('next', String(this.group.next))
    return this.group.header
  }

  private async readRecords(): Promise<void> {
    for (let sequence = 0; this.total === ''; sequence++) {
      const { records, total } = await readChunk(this.wires.replica, sequence)
      for (const [key, value] of records) this.records.push(`${shown(key)} ${shown(value)}`)
      if (total !== null) this.total = String(total)
    }
  }

  private filled(text: string): string {
    return text.replace(/\{([\w-]+)\}/g, (name, word: string) => this.names.get(word) ?? name)
  }

  /**
   * Matches a text with the document. A name matches anything the first time, and the same text
   * later.
   */
  private matches(text: string, heard: string): void {
    const names: string[] = []
    const pattern = this.filled(text)
      .replace(/[.*+?^$()|[\]\\]/g, '\\$&')
      .replace(/\{([\w-]+)\}/g, (_, name: string) => {
        if (names.includes(name)) return `\\k<n${names.indexOf(name)}>`
        return `(?<n${names.push(name) - 1}>.*?)`
      })
    const found = new RegExp(`^${pattern}$`).exec(heard)
    assert.ok(found !== null, `the document says\n${text}\nand the server\n${heard}`)
    for (const [i, name] of names.entries()) this.names.set(name, found?.groups?.[`n${i}`] ?? '')
  }
}

async function past(wire: Wire): Promise<Reply> {
  let reply = await wire.reply()
  while (reply === 'WAIT') reply = await wire.reply()
  return reply
}

test('a fresh server answers the documented example line by line', async () => {
  const example = /^```exchange\n(.*?)^```$/ms.exec(readFileSync(DOCUMENT, 'utf8'))?.[1]
  const lines = (example ?? '').trim().split('\n')
  assert.ok(lines.length > 15, 'the document has the example')
  const server = await RunningServer.start()
  const exchange = new Exchange(server.port)
  for (const line of lines) await exchange.line(line)
  exchange.close()
  await server.stop()
})

test.run()
