import { randomUUID } from "node:crypto"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { serviceClient } from "../client/service-client.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { readPayoutFile } from "./payout-file.ts"
import { findService } from "./service-address.ts"

/** Posts a file to the service. Nothing is sent when any row of it is wrong. */
export const submit = Command.make(
  "submit",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("JSON or CSV, see docs/CLI.md")),
    idempotencyKey: Flag.String("idempotency-key").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription(
        "Names the batch for ever; give the same one to repeat a submission. A new one by default",
      ),
      Flag.optional,
    ),
    dataDir,
    json: json("Print the answer as one line of JSON"),
  },
  Effect.fn(function* ({ file, idempotencyKey, dataDir, json }) {
    const { body } = yield* readPayoutFile(file)
    const service = yield* findService(dataDir)
    if (Option.isNone(service)) return yield* new CliFailure({ reason: noService })
    const key = Option.getOrElse(idempotencyKey, randomUUID)
    const accepted = yield* serviceClient(service.value)
      .submit(body, key)
      .pipe(
        Effect.mapError(
          ({ reason }) =>
            new CliFailure({ reason: `${reason}\nTo try again safely: --idempotency-key ${key}` }),
        ),
      )
    if (json) return yield* Console.log(JSON.stringify({ ...accepted, idempotencyKey: key }))
    yield* Console.log(`${accepted.id}: ${accepted.itemCount} items received under the key ${key}`)
    yield* Console.log(`Follow it: atlaspay batches watch ${accepted.id}`)
  }),
).pipe(Command.withDescription("Submit a file of payouts to the service"))

const noService = "No service was found. Start one with npm start, or set ATLASPAY_URL and ATLASPAY_API_KEY."
