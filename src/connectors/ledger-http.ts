import { Effect, Layer, Result, Schema } from "effect"
import { formatAmount } from "../domain/money.ts"
import { Ledger, type LedgerPosting, PostingRefused } from "./ledger.ts"
import { type Answers, callProvider, ProviderCode, ProviderId, providerOf, reading } from "./provider-http.ts"
import { ProviderSettings } from "./provider-settings.ts"

/** The id of what was booked, or the code of the refusal. */
type Booked = Result.Result<string, string>

const booked = reading(
  Schema.Struct({ postingId: ProviderId }),
  ({ postingId }): Booked => Result.succeed(postingId),
)

const answers: Answers<Booked> = {
  200: booked,
  201: booked,
  422: reading(Schema.Struct({ code: ProviderCode }), ({ code }): Booked => Result.fail(code)),
}

/** The ledger behind `POST {url}/postings`. */
export const layer = Layer.effect(
  Ledger,
  Effect.gen(function* () {
    const provider = providerOf("ledger", (yield* ProviderSettings).ledger)
    return {
      post: Effect.fn("Ledger.post")(function* (posting) {
        const { key, kind } = posting
        const answer = yield* callProvider(
          provider,
          { step: kind, method: "POST", path: "/postings", idempotencyKey: key, body: bodyOf(posting) },
          answers,
        )
        if (Result.isSuccess(answer)) return answer.success
        return yield* new PostingRefused({ key, code: answer.failure })
      }),
    }
  }),
)

const bodyOf = ({ kind, partner, batch, lines }: LedgerPosting) => ({
  kind,
  partner,
  batch,
  lines: lines.map(({ item, currency, minor }) => ({
    item,
    amount: { currency, value: formatAmount(minor, currency) },
  })),
})
