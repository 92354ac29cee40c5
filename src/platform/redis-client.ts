/**
 * Opens clients of Redis, with the time limits that each use needs.
 *
 * A failover takes seconds. Meanwhile commands wait and are retried (every step of the event log recognises a retry), but
 * only within their time limit. Queues of commands are flushed, so that an outage does not fill memory. A server that
 * owes an answer and is silent counts as dead: its connection is closed, and the next one goes to the current primary.
 */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis"
import type { RedisAddress } from "./redis-address.ts"
import type { TlsOptions } from "./tls-files.ts"

/** A client of either kind. On a cluster, a command goes to the primary of its first key. */
export type RedisCommands = Redis | Cluster

export interface Patience {
  /** The longest silence of a server that owes an answer. It must be longer than a read may block. */
  readonly silenceMsMax: number
  /** The longest time until a command is answered or given up, including retries. */
  readonly commandMsMax?: number
  /** The most retries of a command. */
  readonly retries: number
}

const CONNECT_MS_MAX = 5_000
const RETRY_MS_MAX = 500
const CLUSTER_RETRY_MS = 250
const SLOTS_MS_MAX = 2_000
const MOVED_PER_RETRY = 2

const retryDelayMs = (times: number): number => Math.min(times * 50, RETRY_MS_MAX)

/**
 * Opens a client. It connects when asked to, or at its first command. `onError` is called for every lost connection. `tls` has our
 * certificates, if the address asks for TLS.
 */
export const openClient = (
  address: RedisAddress,
  name: string,
  patience: Patience,
  onError: (error: unknown) => void,
  tls: TlsOptions = {},
): RedisCommands => {
  const options = nodeOptions(address, name, patience, tls)
  const client =
    address.topology === "cluster"
      ? openCluster(address, patience, options)
      : openPrimary(address, patience, options)
  client.on("error", onError)
  client.on("node error", onError)
  return client
}

/** One connection, to the server or to the primary that the Sentinels name. */
const openPrimary = (
  { topology, hosts, primaryName, database }: RedisAddress,
  { retries }: Patience,
  options: NodeOptions,
): Redis =>
  new Redis({
    ...options,
    ...(topology === "sentinel"
      ? { sentinels: [...hosts], name: primaryName, enableTLSForSentinelMode: options.tls !== undefined }
      : hosts[0]),
    ...(topology === "sentinel" && options.tls !== undefined ? { sentinelTLS: options.tls } : {}),
    db: database,
    lazyConnect: true,
    maxRetriesPerRequest: retries,
    retryStrategy: retryDelayMs,
    // Our primary was demoted. The next connection goes to its successor.
    reconnectOnError: ({ message }) => message.startsWith("READONLY"),
  })

/**
 * A connection to each primary, opened at its first command. Commands do not queue while no node is known, because that
 * queue would have no bound. The client does not check whether the cluster is complete: a command that cannot be served
 * fails with CLUSTERDOWN and is retried.
 */
const openCluster = ({ hosts }: RedisAddress, { retries }: Patience, options: NodeOptions): Cluster =>
  new Cluster([...hosts], {
    redisOptions: options,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    clusterRetryStrategy: retryDelayMs,
    // A retry may go to any node, which answers MOVED. That counts as a redirection too.
    maxRedirections: 1 + MOVED_PER_RETRY * retries,
    retryDelayOnFailover: CLUSTER_RETRY_MS,
    retryDelayOnClusterDown: CLUSTER_RETRY_MS,
    slotsRefreshTimeout: SLOTS_MS_MAX,
  })

type NodeOptions = Pick<
  CommonRedisOptions,
  "connectionName" | "connectTimeout" | "socketTimeout" | "commandTimeout" | "username" | "password"
> & { readonly tls?: object }

const nodeOptions = (
  { username, password, tls }: RedisAddress,
  name: string,
  { silenceMsMax, commandMsMax }: Patience,
  own: TlsOptions,
): NodeOptions => ({
  connectionName: `atlaspay-${name}`,
  connectTimeout: CONNECT_MS_MAX,
  socketTimeout: silenceMsMax,
  ...(commandMsMax === undefined ? {} : { commandTimeout: commandMsMax }),
  ...(username === "" ? {} : { username }),
  ...(password === "" ? {} : { password }),
  ...(tls ? { tls: own } : {}),
})

/** Counts the connections that a client makes from now on; on a cluster, to any of its nodes. */
export const countConnections = (client: RedisCommands): (() => number) => {
  let connections = 0
  const count = (node: Redis) => node.on("ready", () => (connections += 1))
  if (client instanceof Cluster) {
    for (const node of client.nodes("all")) count(node)
    client.on("+node", count)
  } else count(client)
  return () => connections
}

/** All primaries, each as a client of that server only. */
export const primariesOf = (client: RedisCommands): ReadonlyArray<Redis> =>
  client instanceof Cluster ? client.nodes("master") : [client]

/**
 * Buffers commands until the end of this turn of the event loop, so that the commands of many batches go out in one system
 * call. On a cluster, which has a connection for each primary, commands are sent at once.
 */
export const sendTogether = (client: RedisCommands): void => {
  if (client instanceof Cluster) return
  const { stream } = client
  if (stream === undefined || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}

/** "127.0.0.1:6379": the address that a client is connected to, or else its configured address. */
export const nameOf = ({ stream, options }: Redis): string =>
  stream?.remoteAddress === undefined
    ? `${options.host}:${options.port}`
    : `${stream.remoteAddress}:${stream.remotePort}`

/** The part of a key that determines its slot: the text in the first braces, or the whole key. */
export const hashTagOf = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? key
