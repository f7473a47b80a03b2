/** The writer of groups: a group is written once, and the next one begins empty. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { silentLog } from '../../../base/log.ts'
import type { Binlog } from '../../../storage/binlog/binlog.ts'
import { GroupWriter } from '../../../storage/binlog/group-writer.ts'
import { OpenGroup } from '../../../storage/binlog/open-group.ts'
import type { Keyspace } from '../../../storage/keyspace/keyspace.ts'

/** A writer on a log that keeps the bodies of its groups; `failures` appends fail before. */
function bench({ failures = 0, canFreeSpace = false }: { failures?: number; canFreeSpace?: boolean } = {}) {
  const bodies: string[] = []
  let left = failures
  const binlog = {
    end: { offset: 0, crc: 0 },
    append(group: OpenGroup) {
      const body = Buffer.concat(group.close()).latin1Slice()
      if (left-- > 0) throw new Error('ENOSPC: no space left on device')
      bodies.push(body)
    },
  } as unknown as Binlog
  const group = new OpenGroup()
  const keyspace = { nowMs: 1, expiryMode: 'delete' } as Keyspace
  return { bodies, binlog, group, writer: new GroupWriter(group, keyspace, silentLog, () => canFreeSpace) }
}

const SET_A = '*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n'
const DEL_A = '*2\r\n$3\r\nDEL\r\n$1\r\na\r\n'
const SELECT = (index: number) => `*2\r\n$6\r\nSELECT\r\n$1\r\n${index}\r\n`

test('a group has the commands since the last one, in database 0 unless it selects another', () => {
  const { bodies, binlog, group, writer } = bench()
  group.command(2, ['SET', 'a', '1'])
  assert.is(writer.commit(binlog), 'written')
  assert.ok(group.isEmpty)
  assert.is(group.bodyLength, 0)
  group.command(2, ['DEL', 'a'])
  assert.is(writer.commit(binlog), 'written')
  assert.equal(bodies, [SELECT(2) + SET_A + SELECT(0), SELECT(2) + DEL_A + SELECT(0)])
})

test('a group that is written at the second attempt is not a part of the next one', () => {
  const { bodies, binlog, group, writer } = bench({ failures: 1, canFreeSpace: true })
  group.command(0, ['SET', 'a', '1'])
  assert.is(writer.commit(binlog), 'written')
  group.command(0, ['DEL', 'a'])
  assert.is(writer.commit(binlog), 'written')
  assert.equal(bodies, [SET_A, DEL_A])
})

test('a held group stays unchanged until a retry writes it, and is not a part of the next one', () => {
  const { bodies, binlog, group, writer } = bench({ failures: 2 })
  group.command(0, ['SET', 'a', '1'])
  assert.is(writer.commit(binlog), 'stalled')
  assert.is(writer.commit(binlog), 'stalled', 'a held group is written by a retry only')
  assert.not.ok(writer.retry(binlog))
  assert.not.ok(group.isEmpty)
  assert.ok(writer.retry(binlog))
  assert.is(writer.stalled, null)
  assert.ok(group.isEmpty)
  group.command(0, ['DEL', 'a'])
  assert.is(writer.commit(binlog), 'written')
  assert.equal(bodies, [SET_A, DEL_A])
})

test.run()
