/** `atlaspay batches item`: one item of a batch, with what banks reported of it. */
import { Console, Effect, Option } from "effect"
import { Argument, Command } from "effect/cli"
import { commandClient, type ShownItemDetail } from "../client/command-client.ts"
import { type ItemNumber, parseItemNumber } from "../domain/identifiers.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { asOf, batchId, dataDir, json } from "./flags.ts"
import { findService } from "./service-address.ts"

/** The number of an item, as an argument. */
export const itemNumber = Argument.String("ITEM").pipe(
  Argument.withDescription("The item's number in the batch, from 1"),
  Argument.mapTryCatch(
    (text): ItemNumber => {
      const number = parseItemNumber(text)
      if (number === undefined) throw new Error("expected an item's number in its batch, such as 17")
      return number
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
)

/** Shows an item. Only a running service knows what banks reported of it: that is in Postgres and not in the log. */
export const item = Command.make(
  "item",
  { batchId, itemNumber, asOf, dataDir, json: json("Print the item as one line of JSON") },
  Effect.fn(function* ({ batchId, itemNumber, asOf, dataDir, json }) {
    const service = yield* findService(dataDir)
    if (Option.isNone(service))
      return yield* new CliFailure({
        reason: "No service is running; `atlaspay events` prints the log of the batch without one.",
      })
    const detail = yield* commandClient(service.value).item(batchId, itemNumber, asOf?.written)
    yield* Console.log(json ? JSON.stringify(detail) : itemLines(detail).join("\n"))
  }),
).pipe(
  Command.withDescription(
    "Show an item, with its attempts and the reasons, charges and rates that banks reported of it",
  ),
)

/** An item as `batches item` prints it. */
export const itemLines = (detail: ShownItemDetail): ReadonlyArray<string> => {
  const { amount, reason, failure, bankRemarks, attempts = [] } = detail
  return [
    `item ${detail.item}  ${detail.reference}  ${amount.value} ${amount.currency}  ${detail.state}`,
    `to ${detail.beneficiary.name}, ${detail.beneficiary.account}`,
    ...(detail.bank === undefined
      ? []
      : [`bank ${detail.bank}, attempt ${detail.attempt}, reference ${detail.transferReference}`]),
    ...(reason === undefined
      ? []
      : [`reason ${reason}${failure === undefined ? "" : `: ${failure.meaning}`}`]),
    ...aligned(
      attempts.map(({ attempt, bank, reference, transferId, state, code, requestedAt, concludedAt }) => [
        `attempt ${attempt}`,
        requestedAt,
        concludedAt ?? "",
        code === undefined ? state : `${state} (${code})`,
        bank,
        reference,
        transferId ?? "",
      ]),
    ),
    ...(bankRemarks.length === 0
      ? ["no bank reported reasons, charges or rates"]
      : aligned(
          bankRemarks.map(({ seenAt, bank, attempt, kind, text }) => [
            seenAt,
            `${bank}, attempt ${attempt}`,
            kind,
            text,
          ]),
        )),
  ]
}
