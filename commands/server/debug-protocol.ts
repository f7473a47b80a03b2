/** DEBUG PROTOCOL: one reply of each kind, for tests of clients. */
import { type Bytes, lowerCase } from '../../base/bytes.ts'
import { clientError } from '../contract/errors.ts'
import { Attributes, BigNumber, Double, MapReply, Push, type Reply, Sequence, SetReply, Verbatim } from '../contract/reply.ts'

const SAMPLES: Readonly<Record<string, Reply>> = {
  string: 'Hello World',
  integer: 12345,
  // biome-ignore lint/suspicious/noApproximativeNumericConstant: it is what Redis answers
  double: new Double(3.141),
  bignum: new BigNumber('1234567999999999999999999999999999999'),
  null: null,
  array: [0, 1, 2],
  set: new SetReply([0, 1, 2]),
  map: new MapReply([0, false, 1, true, 2, false]),
  attrib: new Sequence([new Attributes(['key-popularity', ['key:123', 90]]), 'Some real reply following the attribute']),
  push: new Sequence([new Push(['server-cpu-usage', 42]), 'Some real reply following the push reply']),
  verbatim: new Verbatim('txt', 'This is a verbatim\nstring'),
  true: true,
  false: false,
}

export function protocolSample(word: Bytes, resp: 2 | 3): Reply {
  const name = lowerCase(word)
  const sample = Object.hasOwn(SAMPLES, name) ? SAMPLES[name] : undefined
  if (sample === undefined) {
    const names = Object.keys(SAMPLES).join('|')
    throw clientError(`ERR Wrong protocol type name. Please use one of the following: ${names}`)
  }
  if (name === 'push' && resp === 2) throw clientError('ERR RESP2 is not supported by this command')
  return sample
}
