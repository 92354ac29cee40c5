/** The API and the routes for operations. */
import { Config } from "effect"
import { NetworksText, networksIn } from "../parsing/network.ts"
import { OriginsText, originsIn } from "../parsing/web-origin.ts"
import {
  count,
  duration,
  mapped,
  optional,
  orElse,
  port,
  seconds,
  secretText,
  textOf,
  textOr,
  url,
} from "./kinds.ts"
import { production } from "./process.ts"
import { all, made, setting } from "./setting.ts"

/** The usual port for Prometheus exporters, used in production. */
const OPERATIONS_PORT = 9464

const askedPort = setting(
  "OPERATIONS_PORT",
  orElse(count(0, 65_535, 0), undefined, "9464 in production, else any free one"),
  [
    "the port of the operational routes; 0 is any free one. The log contains the address",
    "(`operationsUrl`). Several processes on one machine need a port each",
  ],
)

/** 0, or not set outside production: any free port, so that several services can run on a machine. */
const operationsPort = made(
  Config.all({ asked: askedPort, production }).pipe(
    Config.map(({ asked, production }) => asked ?? (production ? OPERATIONS_PORT : 0)),
  ),
  [askedPort],
)

/** Longer than a cluster takes to learn that a process is not ready, and to send nobody there any more. */
const READINESS_NOTICE_MS = 3 * seconds

const askedNotice = setting(
  "READINESS_NOTICE_MS",
  orElse(duration(0, 60 * seconds, 0), undefined, "3000 in production, else 0"),
  [
    "how long a process with the role `api` that is told to stop [says that it is not",
    "ready](UPGRADES.md#how-a-process-stops) before it stops listening: longer than balancers take to",
    "learn it",
  ],
)

/** How long a stopping process says that it is not ready before it stops listening. */
const readinessNoticeMs = made(
  Config.all({ asked: askedNotice, production }).pipe(
    Config.map(({ asked, production }) => asked ?? (production ? READINESS_NOTICE_MS : 0)),
  ),
  [askedNotice],
)

export const http = all({
  host: setting("HOST", textOr("127.0.0.1"), "the address to listen on"),
  port: setting(
    "PORT",
    port(8080),
    "the port; `npm start` takes any free one when 8080 is taken and `PORT` is not set",
  ),
  publicUrl: setting("PUBLIC_URL", optional(url, "`http://<HOST>:<PORT>`"), [
    "the URL at which providers reach the service. Banks send callbacks to",
    "`<PUBLIC_URL>/bank-callbacks/<bank>`, the compliance engine to `<PUBLIC_URL>/compliance-callbacks`",
  ]),
  apiKeys: setting("API_KEYS", secretText, [
    "partners and their keys, `acme/payroll=key,acme/supervisor=key,globex=key`; a partner may have",
    "several. **Each name is a credential**: the log records it with each act, and [an",
    "approval](SPEC.md#3-who-may-cause-what) needs another credential than the submission. Give a key",
    "and its successor the same name. A key without a name is a separate credential, named by a part of",
    "its hash. These keys have all scopes, and end only with a restart: create others with",
    "[`api-keys`](CLI.md#partners-api-keys-people-audit)",
  ]),
  operatorKeys: setting("OPERATOR_KEYS", optional(secretText), [
    "the operators, who handle held and parked items of all partners:",
    "`alice=key,bob:review+resolve=key`. A list after the name limits the key to [roles](ROLES.md)",
    "(`reviewer+auditor`), or some of `approve`, `cancel`, `review`, `retry` and `resolve`; without a",
    "list it permits all of them but `approve`. Only a list permits what",
    "[administrators](API.md#administering-keys) do, or looking alone:",
    "`carol:admin=key,vera:batches:read=key`. No key may be one of `API_KEYS`. Without operators, held",
    "and parked items wait",
  ]),
  trustedProxies: setting(
    "TRUSTED_PROXIES",
    orElse(mapped(textOf("networks, with commas", NetworksText), networksIn), networksIn(""), "none"),
    [
      "the networks of your own proxies, such as `10.0.0.0/8,fd00::/8`. If one of them connects, the",
      "caller's address is the right-most one of `X-Forwarded-For` that is none of them; otherwise it is",
      "that of the connection. Keys with networks, the audit trail, and the limit for look-ups of unknown",
      "keys use it",
    ],
  ),
  connectionsMax: setting("CONNECTIONS_MAX", count(10_000), [
    "connections to the API at a time. When all are in use, a new connection replaces the oldest one",
    "that has not presented a key",
  ]),
  connectionsPerAddressMax: setting("CONNECTIONS_PER_ADDRESS_MAX", count(10_000_000), [
    "the maximum from one remote address. Practically off by default, because behind a proxy all",
    "connections come from one address",
  ]),
  actsPerSecond: setting("ACTS_PER_SECOND", count(50), [
    "how often one partner or operator may act on batches (approve, cancel, review, retry, resolve),",
    "change webhook endpoints, or administer keys, in each process, on average; twice as often after a",
    "pause",
  ]),
  eventStreamsMax: setting(
    "EVENT_STREAMS_MAX",
    count(512),
    "how many [streams of events](API.md#a-stream-of-events) are open in each process",
  ),
  eventStreamsPerPartnerMax: setting(
    "EVENT_STREAMS_PER_PARTNER_MAX",
    count(64),
    "how many of them one partner or operator may have",
  ),
  requestsPerSecond: setting("REQUESTS_PER_SECOND", count(1_000), [
    "how many requests one key may send to all processes together, on average over ten seconds. They",
    "share the count in Redis by leases of 2 %; while Redis does not answer, each process limits by",
    "itself",
  ]),
  readinessNoticeMs,
  corsOrigins: setting(
    "CORS_ORIGINS",
    orElse(mapped(textOf("origins, with commas", OriginsText), originsIn), originsIn(""), "none"),
    [
      "pages of these origins may use the API from a browser:",
      "`https://console.example,http://localhost:3000`. Without it no page of another origin can read an",
      "answer",
    ],
  ),
})

export const operations = all({
  host: setting("OPERATIONS_HOST", textOr("127.0.0.1"), [
    "the address of the operational routes `/readyz`, `/metrics` and `/providers`, which every process",
    "has, whatever its roles. They need no key: keep the address inside your network",
  ]),
  port: operationsPort,
})
