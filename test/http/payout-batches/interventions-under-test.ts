/** Requests of people about a batch, and what they put into its mailbox. */
import { Effect } from "effect"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { type ApiUnderTest, acme } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

/** Above which amounts a batch needs approval, and a resolution a second operator. */
export const thresholds = { APPROVAL_ABOVE: "JPY=1000,EUR=1000", RESOLUTION_ABOVE: "EUR=10.01" }

/** What people do with batches of an API, which need not be open yet. */
export const interventionsAt = (open: () => ApiUnderTest) => {
  const say = (
    path: string,
    body: unknown,
    { apiKey = acme, key }: { readonly apiKey?: string; readonly key?: string } = {},
  ) =>
    open().call(`/payout-batches/${path}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${apiKey}`,
        "content-type": "application/json",
        ...(key === undefined ? {} : { "idempotency-key": key }),
      },
      body: JSON.stringify(body),
    })

  const mailOf = async (id: string) => {
    const mail = await Effect.runPromise(open().log.mail(id as BatchId, 10))
    return mail.map(({ command }) => command?._tag)
  }

  const posted = async (key: string, terms: Readonly<Record<string, unknown>> = {}): Promise<string> =>
    String((await open().post(key, { items: [payout("a"), payout("b")], ...terms })).json.id)

  return { say, mailOf, posted }
}
