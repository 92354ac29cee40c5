/** The kind `postings`: a ledger behind `POST {url}/postings`, with books behind `GET {url}/books`. */
import { Effect, Result, Schema } from "effect"
import { isPlainCode } from "../../domain/coded-reason.ts"
import { formatAmount } from "../../domain/money.ts"
import { ProviderChannels } from "../calling/channel.ts"
import { providerOf } from "../calling/provider-access-http.ts"
import { type Answers, callProvider, ProviderId, reading } from "../calling/provider-http.ts"
import { providerKind } from "../calling/provider-kind.ts"
import { type LedgerPosting, PostingRefused } from "./ledger.ts"
import { ledgerBooks } from "./ledger-books-http.ts"
import type { LedgerKind } from "./ledger-kind.ts"

/** The ledger's id of the posting, or the code of the refusal. */
type Booked = Result.Result<string, string>

/**
 * A refusal leads to another posting under a new key, so only an answer as agreed is one. After words in place of a code, which
 * may come from something before the ledger, the same posting is repeated under its key, and that books nothing twice.
 */
const Refusal = Schema.Struct({ code: Schema.String.check(Schema.makeFilter(isPlainCode)) })

const booked = reading(
  Schema.Struct({ postingId: ProviderId }),
  ({ postingId }): Booked => Result.succeed(postingId),
)

const answers: Answers<Booked> = {
  200: booked,
  201: booked,
  422: reading(Refusal, ({ code }): Booked => Result.fail(code)),
}

export const postings: LedgerKind = providerKind({
  name: "postings",
  settings: Schema.Struct({}),
  connect: Effect.fnUntraced(function* (ledger) {
    const provider = yield* providerOf(ledger)
    const channel = yield* (yield* ProviderChannels).open(
      { name: ledger.name, kind: "ledger" },
      ledger.policy,
    )
    return {
      books: ledgerBooks(provider, channel),
      post: Effect.fn("Ledger.post")(function* (posting) {
        const { key, kind } = posting
        const answer = yield* channel.call(
          { step: kind, repeatable: true, patienceMs: 0, outcomeOf },
          callProvider(
            provider,
            { step: kind, method: "POST", path: "/postings", idempotencyKey: key, body: bodyOf(posting) },
            answers,
          ),
        )
        if (Result.isSuccess(answer)) return answer.success
        return yield* new PostingRefused({ key, code: answer.failure })
      }),
    }
  }),
})

/** A posting may be repeated, because the ledger keeps its keys. */
const outcomeOf = (answer: Booked): string => (Result.isSuccess(answer) ? "Booked" : "Refused")

const bodyOf = ({ kind, partner, batch, lines }: LedgerPosting) => ({
  kind,
  partner,
  batch,
  lines: lines.map(({ item, currency, minor }) => ({
    item,
    amount: { currency, value: formatAmount(minor, currency) },
  })),
})
