/** GEO commands: positions, distances and searches give what redis-server gives. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { NULL_ARRAY, WrittenDouble } from '../../../commands/contract/reply.ts'
import { geo } from '../../../commands/geo/geo.ts'
import { distanceOf, type Position, positionOf, scoreOf } from '../../../commands/geo/geohash.ts'
import { geoQueries } from '../../../commands/geo/queries.ts'
import { keys } from '../../../commands/keys/keys.ts'
import { sortedSetRanges } from '../../../commands/sorted-sets/ranges.ts'
import { sortedSets } from '../../../commands/sorted-sets/sorted-sets.ts'
import { strings } from '../../../commands/strings/strings.ts'
import { type Seeded, seeded } from '../../support/generators/seed.ts'
import { type Harness, harness } from '../../support/harness/harness.ts'

const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value'
const LIMITS = { 'zset-max-listpack-entries': 128, 'zset-max-listpack-value': 64 }

function made(options: { isReplaying?: boolean } = {}) {
  return harness([strings, keys, sortedSets, sortedSetRanges, geo, geoQueries], { ...options, config: LIMITS })
}

function sicily(): Harness {
  const h = made()
  h.run('GEOADD', 'Sicily', '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania')
  return h
}

test('scores, positions, distances and geohashes equal those of redis-server', () => {
  const { plain, run } = sicily()
  assert.is(scoreOf({ longitude: 13.361389, latitude: 38.115556 }), 3479099956230698)
  assert.is(scoreOf({ longitude: 15.087269, latitude: 37.502669 }), 3479447370796909)
  assert.equal(plain('GEOPOS', 'Sicily', 'Palermo', 'nobody'), [
    [new WrittenDouble('13.36138933897018433'), new WrittenDouble('38.11555639549629859')],
    NULL_ARRAY,
  ])
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'Catania'), '166274.1516')
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'Catania', 'km'), '166.2742')
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'Catania', 'MI'), '103.3182')
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'Catania', 'Ft'), '545518.8700')
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'Palermo'), '0.0000')
  assert.is(run('GEODIST', 'Sicily', 'Palermo', 'nobody'), null)
  assert.equal(run('GEOHASH', 'Sicily', 'Palermo', 'nobody', 'Catania'), ['sqc8b49rny0', null, 'sqdtr74hyu0'])
  assert.equal(run('GEOHASH', 'none', 'a'), [null])
  assert.equal(run('GEOPOS', 'none', 'a'), [NULL_ARRAY])
  assert.equal(run('GEOPOS', 'none'), [])
})

test('searches return the requested fields, order and count', () => {
  const { plain } = sicily()
  assert.equal(plain('GEORADIUS', 'Sicily', '15', '37', '200', 'km', 'WITHDIST'), [
    ['Palermo', '190.4424'],
    ['Catania', '56.4413'],
  ])
  assert.equal(plain('GEORADIUS_RO', 'Sicily', '15', '37', '200', 'km', 'ASC'), ['Catania', 'Palermo'])
  assert.equal(plain('GEORADIUSBYMEMBER', 'Sicily', 'Palermo', '170', 'km', 'DESC', 'WITHHASH'), [
    ['Catania', 3479447370796909],
    ['Palermo', 3479099956230698],
  ])
  assert.equal(plain('GEORADIUSBYMEMBER_RO', 'Sicily', 'Palermo', '100', 'km'), ['Palermo'])
  assert.equal(plain('GEOSEARCH', 'Sicily', 'FROMLONLAT', '15', '37', 'BYBOX', '400', '400', 'km', 'ASC', 'WITHCOORD', 'WITHDIST'), [
    ['Catania', '56.4413', [new WrittenDouble('15.08726745843887329'), new WrittenDouble('37.50266842333162032')]],
    ['Palermo', '190.4424', [new WrittenDouble('13.36138933897018433'), new WrittenDouble('38.11555639549629859')]],
  ])
  assert.equal(plain('GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Catania', 'BYRADIUS', '200', 'km', 'COUNT', '1'), ['Catania'])
  assert.equal(plain('GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Catania', 'BYRADIUS', '200', 'km', 'COUNT', '1', 'DESC'), ['Palermo'])
  assert.equal(plain('GEOSEARCH', 'none', 'FROMMEMBER', 'Catania', 'BYRADIUS', '200', 'km'), [])
})

test('a search finds exactly the members inside, anywhere on earth', () => {
  const seed = seeded('geo search')
  for (let round = 0; round < 20; round++) searchEverywhere(seed)
})

function randomPosition({ random, pick }: Seeded): Position {
  const wide = { longitude: random() * 360 - 180, latitude: random() * 170 - 85 }
  return pick([wide, { longitude: 13 + random(), latitude: 38 + random() }, { longitude: pick([-180, 180]), latitude: wide.latitude }])
}

function searchEverywhere(seed: Seeded): void {
  const { plain, run } = made()
  const all = new Map<string, Position>()
  for (let i = 0; i < 200; i++) {
    const position = randomPosition(seed)
    run('GEOADD', 'g', String(position.longitude), String(position.latitude), `m${i}`)
    all.set(`m${i}`, positionOf(scoreOf(position)))
  }
  for (let search = 0; search < 10; search++) {
    const center = randomPosition(seed)
    // As in Redis, the nine cells of a large area reach neither round a pole nor over the line
    // where longitudes begin again.
    if (Math.abs(center.latitude) > 60 || Math.abs(center.longitude) > 150) continue
    const radius = seed.random() * seed.pick([10, 1000, 100_000, 1_000_000])
    const near = [...all].filter(([, position]) => distanceOf(center, position) <= radius).map(([member]) => member)
    const words = ['FROMLONLAT', String(center.longitude), String(center.latitude), 'BYRADIUS', String(radius), 'm']
    assert.equal((plain('GEOSEARCH', 'g', ...words) as string[]).sort(), near.sort())
    const any = plain('GEOSEARCH', 'g', ...words, 'COUNT', '3', 'ANY') as string[]
    assert.is(any.length, Math.min(3, near.length))
    for (const member of any) assert.ok(near.includes(member))
  }
}

test('GEOADD adds and changes members, with NX, XX and CH as in ZADD', () => {
  const { run, logged } = sicily()
  logged()
  assert.is(run('GEOADD', 'Sicily', '13.361389', '38.115556', 'Palermo'), 0)
  assert.is(run('GEOADD', 'Sicily', 'NX', '1', '1', 'Palermo'), 0)
  assert.is(run('GEOADD', 'Sicily', 'XX', '1', '1', 'Rome'), 0)
  assert.is(run('GEOADD', 'none', 'XX', '1', '1', 'Rome'), 0)
  assert.equal(logged(), [])
  assert.is(run('EXISTS', 'none'), 0)
  assert.is(run('GEOADD', 'Sicily', 'XX', 'CH', '1', '1', 'Palermo'), 1)
  assert.is(run('GEOADD', 'Sicily', 'CH', '2', '2', 'Palermo', '3', '3', 'Rome'), 2)
  assert.is(run('GEOADD', 'Sicily', '4', '4', 'Rome'), 0)
  assert.equal(logged()[0], ['GEOADD', 'Sicily', 'XX', 'CH', '1', '1', 'Palermo'])
})

test('invalid requests are refused and change nothing', () => {
  const { run, error, logged } = sicily()
  run('SET', 's', 'x')
  logged()
  for (const [text, ...words] of [
    ['ERR syntax error', 'GEOADD', 'g', 'NX', 'XX', '1', '1', 'a'],
    ['ERR syntax error', 'GEOADD', 'g', '1', '1', 'a', '1'],
    ['ERR syntax error', 'GEOADD', 'g', 'NX', 'CH', 'CH'],
    ['ERR value is not a valid float', 'GEOADD', 'g', '1', '1', 'a', 'x', '1', 'b'],
    ['ERR invalid longitude,latitude pair 200.000000,1.000000', 'GEOADD', 'g', '1', '1', 'a', '200', '1', 'b'],
    ['ERR invalid longitude,latitude pair 1.000000,-85.051129', 'GEOADD', 'g', '1', '-85.0511288', 'b'],
    ['ERR invalid longitude,latitude pair inf,-inf', 'GEOADD', 'g', 'inf', '-inf', 'b'],
    [WRONG_TYPE, 'GEOADD', 's', '1', '1', 'b'],
    [WRONG_TYPE, 'GEOPOS', 's', 'b'],
    [WRONG_TYPE, 'GEOSEARCH', 's', 'FROMMEMBER', 'x', 'BYRADIUS', '1', 'm'],
    ['ERR unsupported unit provided. please use M, KM, FT, MI', 'GEODIST', 'Sicily', 'a', 'b', 'miles'],
    ['ERR syntax error', 'GEODIST', 'Sicily', 'a', 'b', 'm', 'm'],
    ['ERR need numeric radius', 'GEORADIUS', 'Sicily', '1', '1', 'x', 'm'],
    ['ERR radius cannot be negative', 'GEORADIUS', 'Sicily', '1', '1', '-1', 'm'],
    ['ERR COUNT must be > 0', 'GEORADIUS', 'Sicily', '1', '1', '1', 'm', 'COUNT', '0'],
    ['ERR value is not an integer or out of range', 'GEORADIUS', 'Sicily', '1', '1', '1', 'm', 'COUNT', 'x'],
    ['ERR the ANY argument requires COUNT argument', 'GEORADIUS', 'Sicily', '1', '1', '1', 'm', 'ANY'],
    ['ERR syntax error', 'GEORADIUS', 'Sicily', '1', '1', '1', 'm', 'COUNT'],
    ['ERR syntax error', 'GEORADIUS_RO', 'Sicily', '1', '1', '1', 'm', 'STORE', 'x'],
    [
      'ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
      ...['GEORADIUS', 'Sicily', '1', '1', '1', 'm', 'WITHDIST', 'STORE', 'x'],
    ],
    ['ERR could not decode requested zset member', 'GEORADIUSBYMEMBER', 'Sicily', 'nobody', '1', 'm'],
    ['ERR could not decode requested zset member', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'nobody', 'BYRADIUS', '1', 'm'],
    ['ERR syntax error', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'FROMLONLAT', '1', '1', 'BYRADIUS', '1', 'm'],
    ['ERR syntax error', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYRADIUS', '1', 'm', 'BYBOX', '1', '1', 'm'],
    ['ERR syntax error', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYRADIUS', '1', 'm', 'STOREDIST'],
    ['ERR need numeric width', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYBOX', 'x', '1', 'm'],
    ['ERR need numeric height', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYBOX', '1', 'x', 'm'],
    ['ERR height or width cannot be negative', 'GEOSEARCH', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYBOX', '1', '-1', 'm'],
    [
      'ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch',
      ...['geosearch', 'Sicily', 'BYRADIUS', '1', 'm', 'ASC', 'WITHDIST'],
    ],
    [
      'ERR exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCHSTORE',
      ...['GEOSEARCHSTORE', 'x', 'Sicily', 'FROMMEMBER', 'Palermo', 'ASC', 'STOREDIST', 'DESC'],
    ],
    [
      'ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
      ...['GEOSEARCHSTORE', 'x', 'Sicily', 'FROMMEMBER', 'Palermo', 'BYRADIUS', '1', 'm', 'WITHCOORD'],
    ],
  ] as [string, ...string[]][]) {
    assert.is(error(...words), text, words.join(' '))
  }
  assert.equal(logged(), [])
})

test('a stored search is logged as the sorted set that it makes', () => {
  const { run, plain, logged } = sicily()
  run('SET', 'to', 'x')
  logged()
  const words = ['FROMLONLAT', '15', '37', 'BYBOX', '400', '400', 'km', 'ASC']
  assert.is(run('GEOSEARCHSTORE', 'to', 'Sicily', ...words), 2)
  assert.equal(logged(), [
    ['DEL', 'to'],
    ['ZADD', 'to', '3479447370796909', 'Catania', '3479099956230698', 'Palermo'],
  ])
  assert.equal(plain('GEOSEARCH', 'to', 'FROMMEMBER', 'Catania', 'BYRADIUS', '1', 'm'), ['Catania'])
  assert.is(run('GEORADIUS', 'Sicily', '15', '37', '200', 'km', 'STOREDIST', 'distances', 'COUNT', '1'), 1)
  const [[name, key, distance, member]] = logged() as [[string, string, string, string]]
  assert.equal([name, key, member], ['ZADD', 'distances', 'Catania'])
  assert.ok(Math.abs(Number(distance) - 56.4413) < 0.0001, distance)
  const again = made({ isReplaying: true })
  again.run('ZADD', key, distance, member)
  assert.equal(again.plain('ZRANGE', 'distances', '0', '-1', 'WITHSCORES'), plain('ZRANGE', 'distances', '0', '-1', 'WITHSCORES'))
  assert.is(run('GEORADIUSBYMEMBER', 'Sicily', 'Palermo', '1', 'm', 'STORE', 'Sicily'), 1)
  assert.equal(plain('ZRANGE', 'Sicily', '0', '-1'), ['Palermo'])
})

test('an empty stored search removes the target', () => {
  const { run, logged } = sicily()
  run('SET', 'to', 'x')
  logged()
  const far = ['FROMLONLAT', '0', '0', 'BYRADIUS', '1', 'm']
  assert.is(run('GEOSEARCHSTORE', 'to', 'Sicily', ...far), 0)
  assert.is(run('GEOSEARCHSTORE', 'to', 'Sicily', ...far), 0)
  assert.is(run('GEOSEARCHSTORE', 'to', 'none', ...far), 0)
  assert.equal(logged(), [['DEL', 'to']])
  assert.is(run('GEORADIUSBYMEMBER', 'none', 'x', 'y', 'z', 'STORE', 'Sicily'), 0)
  assert.equal(logged(), [['DEL', 'Sicily']])
})

test('every score is a position, even one set by ZADD', () => {
  const { run, plain } = made()
  for (const score of ['-5', '1e300', '-1e300', 'inf', '-inf', '3.7', '4503599627370496', '9007199254740993', '18446744073709551615']) {
    run('ZADD', 'g', score, `m${score}`)
    const [position] = plain('GEOPOS', 'g', `m${score}`) as [[WrittenDouble, WrittenDouble]]
    assert.ok(Math.abs(Number(position[0].digits)) <= 180 && Math.abs(Number(position[1].digits)) <= 85.05112878, score)
  }
  const everything = plain('GEOSEARCH', 'g', 'FROMLONLAT', '0', '0', 'BYRADIUS', '30000', 'km', 'WITHHASH') as unknown[]
  assert.ok(everything.length > 0)
})

test('the edges of the grid are inside of it', () => {
  const { run } = made()
  for (const longitude of ['-180', '180']) {
    for (const latitude of ['-85.05112878', '85.05112878']) {
      run('GEOADD', 'g', longitude, latitude, longitude + latitude)
      assert.equal(run('GEOSEARCH', 'g', 'FROMMEMBER', longitude + latitude, 'BYRADIUS', '1', 'm', 'COUNT', '1'), [longitude + latitude])
    }
  }
})

test('a position survives its score within half a meter', () => {
  const seed = seeded('geohash')
  for (let i = 0; i < 1000; i++) {
    const position = { longitude: seed.random() * 360 - 180, latitude: seed.random() * 170 - 85 }
    assert.ok(distanceOf(position, positionOf(scoreOf(position))) < 0.5)
    assert.is(scoreOf(positionOf(scoreOf(position))), scoreOf(position))
  }
})

test.run()
