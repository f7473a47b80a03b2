export class Keyspace {
  now = 0
}
