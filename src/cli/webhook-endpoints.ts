/** `atlaspay webhooks endpoints`: shows partners' webhook endpoints, and pauses, resumes, disables and tests them. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { aligned } from "../terminal/text-table.ts"
import { type Endpoint, type EndpointState, WebhookEndpoints } from "../webhooks/endpoints.ts"
import { administrator, partnerFlag, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

const ofPartner = partnerFlag("The partner")
const asJson = json("Print each endpoint as one line of JSON")

const endpointId = Argument.String("ID").pipe(
  Argument.withDescription("The endpoint: we_…"),
  Argument.mapTryCatch(
    (text) => {
      if (!/^we_[0-9a-f]{32}$/.test(text)) throw new Error("not an id")
      return text
    },
    () => "expected the id of a webhook endpoint such as we_…",
  ),
)

/** An endpoint for people who run the service: its host, because a path or a query may be a secret of the partner. */
export const shownEndpoint = ({ url, ...rest }: Endpoint) => ({ ...rest, host: new URL(url).host })

const lineOf = ({ id, url, state, reason, since, failingSince, description }: Endpoint) => [
  id,
  reason === undefined ? state : `${state} (${reason})`,
  since.toISOString(),
  failingSince === undefined ? "" : `failing since ${failingSince.toISOString()}`,
  new URL(url).host,
  description ?? "",
]

const list = Command.make(
  "list",
  { partner: ofPartner, dataDir, json: asJson },
  Effect.fn(function* ({ partner, dataDir, json }) {
    const endpoints = yield* withAccess(
      dataDir,
      Effect.flatMap(WebhookEndpoints, ({ list }) => list(partner)),
    )
    const lines = json
      ? endpoints.map((endpoint) => JSON.stringify(shownEndpoint(endpoint)))
      : aligned(endpoints.map(lineOf))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("List the endpoints of a partner with their state"))

const stateCommand = (name: string, state: EndpointState, description: string) =>
  Command.make(
    name,
    { id: endpointId, partner: ofPartner, dataDir, json: asJson },
    Effect.fn(function* ({ id, partner, dataDir, json }) {
      const endpoint = yield* withAccess(
        dataDir,
        Effect.flatMap(WebhookEndpoints, ({ setState }) =>
          setState(partner, id, state, { by: administrator() }),
        ),
      )
      for (const line of json ? [JSON.stringify(shownEndpoint(endpoint))] : aligned([lineOf(endpoint)]))
        yield* Console.log(line)
      const { missed } = endpoint
      if (!json && state === "active" && missed !== undefined)
        yield* Console.log(
          `Nothing was stored for it from ${missed.from.toISOString()} until ${missed.until.toISOString()}.`,
        )
    }),
  ).pipe(Command.withDescription(description))

const test = Command.make(
  "test",
  {
    id: endpointId,
    partner: ofPartner,
    dataDir,
    json: json("Print the id of the event as one line of JSON"),
  },
  Effect.fn(function* ({ id, partner, dataDir, json }) {
    const sent = yield* withAccess(
      dataDir,
      Effect.flatMap(WebhookEndpoints, (endpoints) => endpoints.test(partner, id, administrator())),
    )
    yield* Console.log(json ? JSON.stringify(sent) : `Sent: ${sent.event}`)
  }),
).pipe(Command.withDescription("Send a test event to an endpoint, in whatever state it is"))

export const webhookEndpoints = Command.make("endpoints").pipe(
  Command.withDescription("Show webhook endpoints, and pause, resume, disable or test them"),
  Command.withSubcommands([
    list,
    stateCommand("pause", "paused", "Send nothing to an endpoint until it is resumed; its deliveries wait"),
    stateCommand("resume", "active", "Send what waits, and notify an endpoint that was disabled again"),
    stateCommand(
      "disable",
      "disabled",
      "Store and send nothing more; the partner is notified and may resume it",
    ),
    test,
  ]),
)
