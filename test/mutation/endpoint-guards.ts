/** Guards of webhook endpoints: which there are, where their events go, and when they are notified no more. */
import type { StepGuard } from "./step-guards.ts"

const endpoints = "test/webhooks/endpoints-postgres.test.ts"
const health = "test/webhooks/endpoint-health.test.ts"

export const endpointGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a URL is not added twice",
    file: "webhooks/endpoints-postgres.ts",
    text: "if (first !== undefined) return { exists: first }\n    if (count",
    without: "if (count",
    caughtIn: endpoints,
    caughtBy: "with a URL that another one has are refused",
  },
  {
    name: "no endpoint moves to the URL of another one",
    file: "webhooks/endpoints-postgres.ts",
    text: "const isMoved = next.url !== before.url",
    without: "const isMoved = false",
    caughtIn: endpoints,
    caughtBy: "with a URL that another one has are refused",
  },
  {
    name: "URLs of one partner take turns",
    file: "webhooks/endpoints-postgres.ts",
    text: "sql`select pg_advisory_xact_lock(hashtext(",
    without: "sql`select (md5(",
    caughtIn: endpoints,
    caughtBy: "are added once when two ask for the same URL at once",
  },
  {
    name: "secrets are sealed for the new URL",
    file: "webhooks/secret-seal.ts",
    text: "sealSecret(key, to, Redacted",
    without: "sealSecret(key, from, Redacted",
    caughtIn: endpoints,
    caughtBy: "keep their secrets when their URL changes",
  },
  {
    name: "a change is made to the version that was seen",
    file: "webhooks/endpoints-postgres.ts",
    text: "(version ?? row.version) !== row.version || ",
    without: "",
    caughtIn: endpoints,
    caughtBy: "are changed in what is asked for, by the version that was seen",
  },
  {
    name: "the old URL's 410 does not disable an endpoint that moved",
    file: "webhooks/endpoint-health-postgres.ts",
    text: `\${url} and state <> 'disabled'`,
    without: `\${url} || left(url, 0) or url = url and id = \${endpoint} and state <> 'disabled'`,
    caughtIn: health,
    caughtBy: "is judged by attempts to its present URL",
  },
  {
    name: "an old 410 does not disable an endpoint that was resumed",
    file: "webhooks/endpoint-health-postgres.ts",
    text: "      and state_since <= now()",
    without: "      and state_since <= now() + interval '1 hour'",
    caughtIn: health,
    caughtBy: "is judged by attempts to its present URL",
  },
  {
    name: "the notice of a disabled endpoint is stored with it",
    file: "webhooks/endpoint-health-postgres.ts",
    text: 'await storeDisabled(sql, row, "gone")',
    without: "",
    caughtIn: health,
    caughtBy: "that answers 410 is disabled at once, and its partner is notified elsewhere",
  },
  {
    name: "no endpoint is disabled before its partner knew",
    file: "webhooks/endpoint-health-postgres.ts",
    text: "or failing_notified_at <= now()",
    without: "or failing_notified_at <= now() + interval '1 year'",
    caughtIn: health,
    caughtBy: "is not disabled before its partner knew for half of the time",
  },
  {
    name: "an event about endpoints is not delivered a second time",
    file: "webhooks/event-consumer.ts",
    text: "isEndpointSubject(message.subject)",
    without: "message.subject === undefined",
    caughtIn: health,
    caughtBy: "that answers 410 is disabled at once, and its partner is notified elsewhere",
  },
  {
    name: "a delivery that arrives ends the failures that another process saw",
    file: "webhooks/endpoint-health.ts",
    text: "(failing || this.#failing.has(endpoint))",
    without: "this.#failing.has(endpoint)",
    caughtIn: health,
    caughtBy: "is not failing any more once a delivery arrives",
  },
]
