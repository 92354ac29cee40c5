/**
 * Opening clients of Redis, with the patience that each use needs.
 *
 * A failover takes seconds. Until it is over, commands wait and are sent again (every step of the event log
 * recognises a retry), but never longer than their time; queues of commands are flushed on the way, so that an
 * outage fills no memory. A server that is silent while it owes an answer is taken for dead: its connection is cut,
 * and the next one goes to whoever is the primary then.
 */
import { Cluster, type CommonRedisOptions, Redis } from "ioredis"
import type { RedisAddress } from "./redis-address.ts"

/** What both kinds of client can do; on a cluster, a command goes to the primary of its first key. */
export type RedisCommands = Redis | Cluster

export interface Patience {
  /** Longest silence of a server that owes an answer. A blocking read needs more than it blocks for. */
  readonly silenceMsMax: number
  /** Longest time until a command is answered or given up, retries included. */
  readonly commandMsMax?: number
  /** How often a command is sent again at most. */
  readonly retries: number
}

const CONNECT_MS_MAX = 5_000
const RETRY_MS_MAX = 500
const CLUSTER_RETRY_MS = 250
const SLOTS_MS_MAX = 2_000
const MOVED_PER_RETRY = 2

const retryDelayMs = (times: number): number => Math.min(times * 50, RETRY_MS_MAX)

/** Opens a client that connects when it is told to, or at its first command. `onError` hears of every lost connection. */
export const openClient = (
  address: RedisAddress,
  name: string,
  patience: Patience,
  onError: (error: unknown) => void,
): RedisCommands => {
  const options = nodeOptions(address, name, patience)
  const client =
    address.topology === "cluster"
      ? openCluster(address, patience, options)
      : openPrimary(address, patience, options)
  client.on("error", onError)
  client.on("node error", onError)
  return client
}

/** One connection, to the server or to whatever the Sentinels say is the primary. */
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
    // A primary that was demoted under us: the next connection is to its successor.
    reconnectOnError: ({ message }) => message.startsWith("READONLY"),
  })

/**
 * A connection to each primary, opened when its first command comes. Commands do not queue while no node is known,
 * because nothing would bound that queue; and no node is asked whether the cluster is whole: a command that cannot be
 * served hears CLUSTERDOWN and is retried.
 */
const openCluster = ({ hosts }: RedisAddress, { retries }: Patience, options: NodeOptions): Cluster =>
  new Cluster([...hosts], {
    redisOptions: options,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    clusterRetryStrategy: retryDelayMs,
    // A retry goes to any node, which says MOVED: that is a redirection too.
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
): NodeOptions => ({
  connectionName: `atlaspay-${name}`,
  connectTimeout: CONNECT_MS_MAX,
  socketTimeout: silenceMsMax,
  ...(commandMsMax === undefined ? {} : { commandTimeout: commandMsMax }),
  ...(username === "" ? {} : { username }),
  ...(password === "" ? {} : { password }),
  ...(tls ? { tls: {} } : {}),
})

/** Counts the connections that a client makes from now on, on a cluster those to any of its nodes. */
export const countConnections = (client: RedisCommands): (() => number) => {
  let connections = 0
  const count = (node: Redis) => node.on("ready", () => (connections += 1))
  if (client instanceof Cluster) {
    for (const node of client.nodes("all")) count(node)
    client.on("+node", count)
  } else count(client)
  return () => connections
}

/** All primaries, each as a client that speaks to it alone. */
export const primariesOf = (client: RedisCommands): ReadonlyArray<Redis> =>
  client instanceof Cluster ? client.nodes("master") : [client]

/**
 * Holds back what is written to a server until the end of this turn of the event loop, so that the commands of many
 * batches go out in one system call. A cluster has a connection for each primary, and sends at once.
 */
export const sendTogether = (client: RedisCommands): void => {
  if (client instanceof Cluster) return
  const { stream } = client
  if (stream === undefined || stream.writableCorked > 0) return
  stream.cork()
  setImmediate(() => stream.uncork())
}

/** "127.0.0.1:6379": where a client is connected to, or was told to connect to. */
export const nameOf = ({ stream, options }: Redis): string =>
  stream?.remoteAddress === undefined
    ? `${options.host}:${options.port}`
    : `${stream.remoteAddress}:${stream.remotePort}`

/** The part of a key that decides where it lives: what stands in the first braces, or all of it. */
export const hashTagOf = (key: string): string => /\{([^}]+)\}/.exec(key)?.[1] ?? key
