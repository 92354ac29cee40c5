import type { Context } from "hono"
import {
  type FormanceOptions,
  type FormanceRefusal,
  formanceBookings,
  type Outcome,
} from "./formance-bookings.ts"
import type { Ledger, Transaction } from "./formance-books.ts"
import { isWanted, type Listing, readAsked, readListing, toCursor } from "./formance-requests.ts"
import type { SandboxEnv } from "./request-body.ts"
import { createApp, type Refused, readPage, type SandboxServer } from "./server.ts"

const codes: Readonly<Record<string, string>> = {
  "no-such-resource": "NOT_FOUND",
  "internal-error": "INTERNAL",
  "books-full": "INTERNAL",
}

/** The errors that all servers share, in Formance's form. */
const inTheirForm = ({ code, message }: Refused) =>
  errorOf(codes[code] ?? "VALIDATION", typeof message === "string" ? message : code)

const errorOf = (errorCode: string, errorMessage: string) => ({ errorCode, errorMessage })

/**
 * The twin of a Formance ledger, from its document: transactions of postings, with references that are unique in a ledger, and with
 * idempotency keys that are kept for ever. It executes no scripts, and has no schemas, exporters and pipelines.
 */
export const formanceLedger = (options: FormanceOptions): SandboxServer => {
  const app = createApp(inTheirForm)
  const bookings = formanceBookings(options)
  const { books } = bookings

  /** Answers for a ledger that exists; 404 for one that does not. */
  const inLedger = (c: Context<SandboxEnv>, answer: (ledger: Ledger, name: string) => Response): Response => {
    const name = c.req.param("ledger") ?? ""
    const ledger = books.ledgers.get(name)
    if (ledger === undefined) return c.json(errorOf("LEDGER_NOT_FOUND", "ledger not found"), 404)
    return answer(ledger, name)
  }

  app.get("/v2/:ledger", (c) =>
    inLedger(c, ({ createdAt }, name) =>
      c.json({ data: { name, addedAt: createdAt, bucket: "_default", metadata: {} } }),
    ),
  )
  app.post("/v2/:ledger", (c) => {
    const name = c.req.param("ledger")
    if (books.ledgers.has(name)) return c.json(errorOf("LEDGER_ALREADY_EXISTS", "ledger already exists"), 400)
    bookings.create(name)
    return c.body(null, 204)
  })
  app.post("/v2/:ledger/transactions", async (c) => {
    const asked = await readAsked(c)
    return inLedger(c, (ledger, name) => answerOf(c, bookings.book(name, ledger, asked), 200))
  })
  app.get("/v2/:ledger/transactions", async (c) => {
    const listing = await readListing(c)
    return inLedger(c, ({ transactions }) => c.json({ cursor: pageOf(transactions, listing) }))
  })
  app.get("/v2/:ledger/transactions/:id", (c) =>
    inLedger(c, (ledger) => {
      const transaction = ledger.withId(Number(c.req.param("id")))
      return answerOf(
        c,
        transaction === undefined ? { refused: "NOT_FOUND" } : { transaction, wasKnown: false },
        200,
      )
    }),
  )
  app.post("/v2/:ledger/transactions/:id/revert", (c) =>
    inLedger(c, (ledger, name) => {
      const isForced = c.req.query("force") === "true"
      return answerOf(c, bookings.revert(name, ledger, Number(c.req.param("id")), isForced), 201)
    }),
  )
  app.get("/v2/:ledger/accounts/:address", (c) =>
    inLedger(c, (ledger) => {
      const address = c.req.param("address")
      return c.json({ data: { address, metadata: {}, volumes: volumesOf(ledger, address) } })
    }),
  )
  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    published: {
      document: "formance.ledger-v2.yaml",
      refusing: (problems) => [400, errorOf("VALIDATION", problems.join("; "))],
    },
    start() {},
    async close() {
      bookings.close()
    },
  }
}

const statuses: { readonly [Code in FormanceRefusal]?: 404 | 409 } = { NOT_FOUND: 404, CONFLICT: 409 }

const answerOf = (c: Context<SandboxEnv>, outcome: Outcome, status: 200 | 201): Response => {
  if ("refused" in outcome)
    return c.json(errorOf(outcome.refused, `refused: ${outcome.refused}`), statuses[outcome.refused] ?? 400)
  const { transaction, wasKnown } = outcome
  return c.json({ data: shown(transaction) }, status, wasKnown ? { "idempotency-hit": "true" } : {})
}

const pageOf = (transactions: ReadonlyArray<Transaction>, listing: Listing) => {
  const { match, pageSize, isAscending, after } = listing
  const isBehind = (id: number) => after === undefined || (isAscending ? id > after : id < after)
  const all = transactions.filter((one) => isBehind(one.id) && isWanted(one, match))
  const page = (isAscending ? all : all.reverse()).slice(0, pageSize)
  const last = page.at(-1)
  const hasMore = all.length > page.length
  return {
    pageSize,
    hasMore,
    ...(hasMore && last !== undefined ? { next: toCursor({ ...listing, after: last.id }) } : {}),
    data: page.map(shown),
  }
}

const volumesOf = (ledger: Ledger, address: string) =>
  Object.fromEntries(
    [...ledger.volumesOf(address)].map(([asset, { input, output }]) => [
      asset,
      { input: Number(input), output: Number(output), balance: Number(input - output) },
    ]),
  )

const shown = ({ id, at, reference, metadata, postings, revertedAt }: Transaction) => ({
  id,
  ...(reference === undefined ? {} : { reference }),
  timestamp: at,
  insertedAt: at,
  reverted: revertedAt !== undefined,
  ...(revertedAt === undefined ? {} : { revertedAt }),
  metadata,
  postings: postings.map(({ amount, ...posting }) => ({ ...posting, amount: Number(amount) })),
})
