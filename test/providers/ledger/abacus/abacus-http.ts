/** The kind `abacus`: a ledger behind `POST {ledger}/{shelf}/entries`, with its books behind `GET` of the same. */
import { Effect, Result, Schema } from "effect"
import { isPlainCode } from "../../../../src/domain/coded-reason.ts"
import { PostingKind } from "../../../../src/domain/events.ts"
import { SourceUnreadable } from "../../../../src/providers/books.ts"
import { bookedDay, booksTerms, unusedRows } from "../../../../src/providers/calling/book-page-http.ts"
import { ProviderChannels } from "../../../../src/providers/calling/channel.ts"
import { providerOf } from "../../../../src/providers/calling/provider-access-http.ts"
import { callProvider, ProviderId, reading } from "../../../../src/providers/calling/provider-http.ts"
import { providerKind } from "../../../../src/providers/calling/provider-kind.ts"
import { PostingRefused } from "../../../../src/providers/ledger/ledger.ts"
import type { LedgerKind } from "../../../../src/providers/ledger/ledger-kind.ts"

/** What such a ledger needs in the settings, besides what every provider has. */
const settings = Schema.Struct({ shelf: Schema.String.check(Schema.isPattern(/^[a-z]{1,20}$/)) })

type Booked = Result.Result<string, string>
const PlainCode = Schema.String.check(Schema.makeFilter(isPlainCode))

/** Each answer that was agreed. Any other is no answer: the posting is repeated under its key. */
const answers = {
  201: reading(Schema.Struct({ entry: ProviderId }), ({ entry }): Booked => Result.succeed(entry)),
  422: reading(Schema.Struct({ why: PlainCode }), ({ why }): Booked => Result.fail(why)),
}

const Entries = Schema.Struct({
  entries: Schema.Array(
    Schema.Struct({
      entry: ProviderId,
      kind: PostingKind,
      partner: Schema.String,
      batch: Schema.String,
      at: Schema.String,
      beads: Schema.Array(
        Schema.Struct({ item: Schema.Int, currency: Schema.String, minor: Schema.BigIntFromString }),
      ),
    }),
  ),
})

export const abacus: LedgerKind = providerKind({
  name: "abacus",
  settings,
  connect: Effect.fnUntraced(function* (ledger) {
    const provider = yield* providerOf(ledger)
    const channel = yield* (yield* ProviderChannels).open(
      { name: ledger.name, kind: "ledger" },
      ledger.policy,
    )
    const path = `/${ledger.own.shelf}/entries`
    return {
      post: Effect.fn("Ledger.post")(function* ({ key, kind, partner, batch, lines }) {
        const beads = lines.map(({ minor, ...line }) => ({ ...line, minor: minor.toString() }))
        const body = { kind, partner, batch, beads }
        const answer = yield* channel.call(
          { step: kind, repeatable: true, patienceMs: 0, outcomeOf: ({ _tag }) => _tag },
          callProvider(provider, { step: kind, method: "POST", path, idempotencyKey: key, body }, answers),
        )
        return Result.isSuccess(answer)
          ? answer.success
          : yield* new PostingRefused({ key, code: answer.failure })
      }),
      books: (visit, unused) =>
        Effect.gen(function* () {
          const rows = unusedRows(provider.name)
          const call = { step: "books", method: "GET", path } as const
          const { entries } = yield* channel.call(
            booksTerms,
            callProvider(provider, call, { 200: reading(Entries, (read) => read) }),
          )
          for (const { entry, at, beads, ...posting } of entries) {
            const bookedOn = bookedDay(at)
            if (bookedOn === undefined) rows.add(`entry ${entry}`)
            else for (const bead of beads) visit({ postingId: entry, ...posting, ...bead, bookedOn })
          }
          rows.report(unused)
        }).pipe(
          Effect.catchTag("ProviderUnavailable", ({ reason }) =>
            Effect.fail(new SourceUnreadable({ source: provider.name, reason })),
          ),
        ),
    }
  }),
})
