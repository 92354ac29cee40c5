import { address, count, day, duration, flag, optional, path, seconds, textOr } from "./kinds.ts"
import { all, setting } from "./setting.ts"

/** The files by which a store is verified, and we to it. They are read again when they change. */
const tlsOf = (prefix: string, server: string) =>
  all({
    caFile: setting(`${prefix}_CA_FILE`, optional(path, "Node's"), [
      `certificates, in PEM, of the authorities that may vouch for ${server}, in place of those that Node knows.`,
      "[TLS](#tls-to-the-stores)",
    ]),
    certFile: setting(
      `${prefix}_CERT_FILE`,
      optional(path),
      "our certificate, and those between it and its authority, in PEM",
    ),
    keyFile: setting(`${prefix}_KEY_FILE`, optional(path), "the key of our certificate, in PEM"),
  })

/** The log. */
export const redis = all({
  url: setting("REDIS_URL", address, "one server, Sentinels or a cluster; [below](#addresses-of-redis)"),
  tls: tlsOf("REDIS", "Redis"),
  replicas: setting("REDIS_REPLICAS", count(0, 10, 0), [
    "replicas that must have an append before money moves because of it; with Sentinel or a",
    "cluster, production needs at least 1; see [Architecture](architecture/topologies.md)",
  ]),
  replicationTimeoutMs: setting("REPLICATION_TIMEOUT_MS", duration(seconds), [
    "how long such an append may take to reach the replicas; after that nothing is sent to a bank, and",
    "the service retries",
  ]),
  durabilityVouched: setting("DURABILITY_VOUCHED", flag, [
    "`true` starts the service in production with a server whose settings cannot be read, as with",
    "managed servers: you vouch that it is configured as below",
  ]),
  prefix: setting(
    "STREAM_PREFIX",
    textOr("ap"),
    "the first part of every key, so that deployments can share a server",
  ),
  partitions: setting("PARTITIONS", count(16), [
    "partitions of the log. **Fixed when a deployment is created**: another number would not find its",
    "batches, so the service refuses to start with one",
  ]),
  mailboxMax: setting(
    "MAILBOX_MAX",
    count(20_000),
    "commands that may wait for one batch; senders beyond that have to retry",
  ),
  partnerShare: setting("PARTNER_SHARE", count(16), [
    "batches of one partner that the run queue of one partition contains, owned or waiting for a",
    "worker; further ones wait in the partner's own queue. Multiplied by `PARTITIONS`, it limits how",
    "many batches of one partner are processed at a time",
  ]),
})

/** The read models and registers. */
export const postgres = all({
  url: setting("DATABASE_URL", address, [
    "`postgres://…` of Postgres 14 or later, or of [several servers](FAILOVER.md#postgres), of which the",
    "primary is used: `postgres://user:password@a:5432,b:5433/database`",
  ]),
  tls: tlsOf("DATABASE", "Postgres"),
  connectionsMax: setting("DATABASE_CONNECTIONS", count(10), "maximum number of connections of one process"),
  standbys: setting("DATABASE_STANDBYS", count(0, 10, 0), [
    "synchronous standbys that must have a commit before it is acknowledged. In production the",
    "service does not start if `synchronous_standby_names`, `synchronous_commit` or the connected",
    "standbys guarantee less, and pays nobody once another server is the primary whose commits wait",
    "for fewer",
  ]),
})

/** Published events. */
export const nats = all({
  url: setting("NATS_URL", address, [
    "`nats://…` of a server with JetStream, or of the [servers of a cluster](FAILOVER.md#nats), with",
    "commas",
  ]),
  tls: tlsOf("NATS", "NATS"),
  stream: setting(
    "NATS_STREAM",
    textOr("ATLASPAY"),
    "the name of the stream; in lower case the first token of its subjects",
  ),
  limits: all({
    replicas: setting(
      "NATS_STREAM_REPLICAS",
      count(1, 5),
      "servers that store each message. With 3, a power cut on one server loses nothing",
    ),
    ageMsMax: setting(
      "NATS_STREAM_AGE_MS_MAX",
      duration(30 * day, 3_660 * day, seconds),
      "how long events stay on the stream. Production refuses less than three days",
    ),
    bytesMax: setting("NATS_STREAM_BYTES_MAX", count(0, Number.MAX_SAFE_INTEGER, 0), [
      "the most bytes that the stream holds; 0 is no limit. A full stream refuses new events, which wait",
      "in the logs",
    ]),
    messagesMax: setting(
      "NATS_STREAM_MESSAGES_MAX",
      count(0, Number.MAX_SAFE_INTEGER, 0),
      "the same for messages",
    ),
    duplicateWindowMs: setting(
      "NATS_DUPLICATE_WINDOW_MS",
      duration(120 * seconds, day, 100),
      "for how long JetStream recognises repetitions; at most the age",
    ),
  }),
})
