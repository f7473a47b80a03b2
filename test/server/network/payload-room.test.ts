/** The limit on the memory of MIGRATE's payloads, and the order of those who wait. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { PayloadRoom } from '../../../server/network/payload-room.ts'

function start() {
  const room = new PayloadRoom(100)
  const ready: string[] = []
  return { room, ready, wait: (name: string) => room.wait(() => ready.push(name)) }
}

test('payloads may be written while others are within the limit, also where they exceed it then', () => {
  const { room } = start()
  room.add(99)
  assert.is(room.isOpen, true)
  room.add(500)
  assert.is(room.isOpen, false)
  room.remove(500)
  assert.is(room.isOpen, true)
})

test('transfers that wait have their turns in order, one at a time', () => {
  const { room, ready, wait } = start()
  room.add(100)
  const [one, two, three] = [wait('one'), wait('two'), wait('three')]
  room.remove(100)
  assert.equal(ready, ['one'])
  assert.equal([one.isReady, two.isReady, room.isOpen], [true, false, false])
  room.add(200)
  one.giveUp()
  assert.equal(ready, ['one'])
  two.giveUp()
  room.remove(200)
  assert.equal(ready, ['one', 'three'])
  three.giveUp()
  three.giveUp()
  assert.is(room.isOpen, true)
})

test('a transfer that gives its turn up is skipped', () => {
  const { room, ready, wait } = start()
  room.add(100)
  const one = wait('one')
  wait('two')
  one.giveUp()
  room.remove(100)
  assert.equal(ready, ['two'])
})

test.run()
