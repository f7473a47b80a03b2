/** The conversation with a Redis master before its stream. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Conversation, type ConversationFacts } from '../../../replication/redis-master/conversation.ts'

const ID = 'ab'.repeat(20)
const NEW_ID = 'cd'.repeat(20)
const POSITION = { replicationId: ID, offset: 100, database: 2 }

const begun = (facts: Partial<ConversationFacts> = {}) => new Conversation({ port: 7000, address: '', position: null, ...facts })

function upToPsync(conversation: Conversation): void {
  while (conversation.state !== 'psync') conversation.line('+OK')
}

test('a node introduces itself and asks for everything, or from its position on', () => {
  const sent = (conversation: Conversation) => {
    const words: string[] = []
    for (
      let actions = conversation.greeting();
      actions.length > 0;
      actions = conversation.state === 'psync' ? [] : conversation.line('+OK')
    )
      for (const action of actions) if (action.type === 'send') words.push(action.words.join(' '))
    return words
  }
  const capabilities = 'REPLCONF capa eof capa psync2'
  assert.equal(sent(begun()), ['PING', 'REPLCONF listening-port 7000', capabilities, 'PSYNC ? -1'])
  assert.equal(sent(begun({ address: '10.0.0.1', position: POSITION })), [
    'PING',
    'REPLCONF listening-port 7000',
    'REPLCONF ip-address 10.0.0.1',
    capabilities,
    `PSYNC ${ID} 101`,
  ])
})

test('a full sync is announced by its position, and ends by length or mark', () => {
  for (const [line, end] of [
    ['$1234', { length: 1234 }],
    [`$EOF:${'m'.repeat(40)}`, { mark: 'm'.repeat(40) }],
  ] as const) {
    const conversation = begun({ position: POSITION })
    upToPsync(conversation)
    assert.equal(conversation.line(`+FULLRESYNC ${NEW_ID} 77`), [])
    assert.equal(conversation.line(''), [], 'the master is busy')
    assert.equal(conversation.line(line), [{ type: 'transfer', replicationId: NEW_ID, offset: 77, end }])
    conversation.transferred()
    assert.is(conversation.state, 'stream')
  }
})

test('a stream continues under the id of the master, which may be a new one', () => {
  for (const [line, replicationId] of [
    ['+CONTINUE', ID],
    [`+CONTINUE ${NEW_ID}`, NEW_ID],
  ] as const) {
    const conversation = begun({ position: POSITION })
    upToPsync(conversation)
    assert.equal(conversation.line(line), [{ type: 'continue', position: { ...POSITION, replicationId } }])
  }
})

test('refusals are reasons that say what to do', () => {
  const refusal = (line: string, facts: Partial<ConversationFacts> = {}) => {
    const conversation = begun(facts)
    upToPsync(conversation)
    const [action] = conversation.line(line)
    return action?.type === 'fail' ? action.reason : ''
  }
  assert.match(refusal('-NOMASTERLINK down'), /^PSYNC: .*NOMASTERLINK down; the master is a replica without a link/)
  assert.match(refusal('-LOADING wait'), /this node tries again/)
  assert.match(refusal("-NOPERM can't run psync"), /allow the user of masteruser \+psync/)
  assert.match(refusal("-ERR unknown command 'PSYNC'"), /unknown command/)
  assert.match(refusal('+CONTINUE'), /^PSYNC/, 'nothing was there to continue')
  const [action] = begun().line('-NOAUTH Authentication required.')
  assert.match(action?.type === 'fail' ? action.reason : '', /set masterauth/)
})

test.run()
