import type { Context } from "hono"
import {
  FormanceBooks,
  type FormanceEntry,
  type Ledger,
  type Movement,
  type Transaction,
} from "./formance-books.ts"
import { type Asked, isWanted, readAsked, readListing, toCursor } from "./formance-requests.ts"
import { openJournal } from "./journal.ts"
import type { SandboxEnv } from "./request-body.ts"
import { createApp, type Refused, readPage, refuseWhenFull, type SandboxServer } from "./server.ts"

export interface FormanceOptions {
  readonly journalFile: string | undefined
  /** What is paid in to an account `…:available` before it first pays in an asset, in whole units; nothing at all if it is 0. */
  readonly funds: bigint
}

/** The ledger that is there from the start. */
const firstLedger = "payouts"

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
export const formanceLedger = ({ journalFile, funds }: FormanceOptions): SandboxServer => {
  const app = createApp(inTheirForm)
  const books = new FormanceBooks()
  const journal = openJournal<FormanceEntry>(journalFile, (entry) => books.apply(entry))
  const now = () => new Date().toISOString()
  const record = (entry: FormanceEntry): Transaction | undefined => {
    journal.append(entry)
    return books.apply(entry)
  }
  if (!books.ledgers.has(firstLedger)) record({ at: now(), ledger: firstLedger, created: true })

  const absent = (c: Context<SandboxEnv>) => c.json(errorOf("LEDGER_NOT_FOUND", "ledger not found"), 404)
  const nothing = (c: Context<SandboxEnv>) => c.json(errorOf("NOT_FOUND", "transaction not found"), 404)
  const named = (c: Context<SandboxEnv>) => {
    const name = c.req.param("ledger") ?? ""
    return { name, ledger: books.ledgers.get(name) }
  }

  /** What is paid in for the accounts that pay in these postings for the first time, as somebody of the company would book it. */
  const payIn = (name: string, ledger: Ledger, postings: ReadonlyArray<Movement>): void => {
    for (const { source, asset } of postings) {
      if (funds === 0n || !source.endsWith(":available") || ledger.hasSeen(source, asset)) continue
      const amount = (funds * 10n ** BigInt(asset.split("/")[1] ?? "0")).toString()
      const draft = {
        metadata: { note: "play money" },
        postings: [{ source: "world", destination: source, asset, amount }],
      }
      record({ at: now(), ledger: name, draft })
    }
  }

  const objectionTo = (ledger: Ledger, { draft, isForced }: Asked) => {
    const { postings, reference } = draft
    if (postings.length === 0) return [400, "NO_POSTINGS"] as const
    // Funds are looked at first, as the real one does: a repeated reference may be answered with a lack of funds.
    if (!isForced && ledger.lacksFunds(postings)) return [400, "INSUFFICIENT_FUND"] as const
    if (reference !== undefined && ledger.withReference(reference) !== undefined)
      return [409, "CONFLICT"] as const
    return undefined
  }

  app.get("/v2/:ledger", (c) => {
    const { name, ledger } = named(c)
    if (ledger === undefined) return absent(c)
    return c.json({ data: { name, addedAt: ledger.createdAt, bucket: "_default", metadata: {} } })
  })

  app.post("/v2/:ledger", (c) => {
    const { name, ledger } = named(c)
    if (ledger !== undefined) return c.json(errorOf("LEDGER_ALREADY_EXISTS", "ledger already exists"), 400)
    record({ at: now(), ledger: name, created: true })
    return c.body(null, 204)
  })

  app.post("/v2/:ledger/transactions", async (c) => {
    const asked = await readAsked(c)
    const { name, ledger } = named(c)
    if (ledger === undefined) return absent(c)
    const { draft, key, fingerprint, isDryRun } = asked
    const known = key === undefined ? undefined : ledger.byKey.get(key)
    if (known !== undefined) {
      if (known.fingerprint !== fingerprint)
        return c.json(errorOf("VALIDATION", "invalid idempotency key: the input differs"), 400)
      return c.json({ data: shown(known.transaction) }, 200, { "idempotency-hit": "true" })
    }
    refuseWhenFull(books.size)
    payIn(name, ledger, draft.postings)
    const [status, code] = objectionTo(ledger, asked) ?? []
    if (status !== undefined)
      return c.json(errorOf(code ?? "", `the transaction is refused: ${code}`), status)
    if (isDryRun) return c.json({ data: shown({ ...draft, id: ledger.transactions.length + 1, at: now() }) })
    const keyed = key === undefined ? {} : { key, fingerprint }
    const booked = record({ at: now(), ledger: name, ...keyed, draft })
    return booked === undefined ? nothing(c) : c.json({ data: shown(booked) })
  })

  app.get("/v2/:ledger/transactions", async (c) => {
    const listing = await readListing(c)
    const { ledger } = named(c)
    if (ledger === undefined) return absent(c)
    const { match, pageSize, isAscending, after } = listing
    const all = ledger.transactions.filter(
      (one) =>
        isWanted(one, match) && (after === undefined || (isAscending ? one.id > after : one.id < after)),
    )
    if (!isAscending) all.reverse()
    const page = all.slice(0, pageSize)
    const last = page.at(-1)
    const hasMore = all.length > page.length
    return c.json({
      cursor: {
        pageSize,
        hasMore,
        ...(hasMore && last !== undefined ? { next: toCursor({ ...listing, after: last.id }) } : {}),
        data: page.map(shown),
      },
    })
  })

  app.get("/v2/:ledger/transactions/:id", (c) => {
    const { ledger } = named(c)
    if (ledger === undefined) return absent(c)
    const found = ledger.withId(Number(c.req.param("id")))
    return found === undefined ? nothing(c) : c.json({ data: shown(found) })
  })

  app.post("/v2/:ledger/transactions/:id/revert", (c) => {
    const { name, ledger } = named(c)
    if (ledger === undefined) return absent(c)
    const reverted = ledger.withId(Number(c.req.param("id")))
    if (reverted === undefined) return nothing(c)
    if (reverted.revertedAt !== undefined)
      return c.json(errorOf("ALREADY_REVERT", "the transaction was reverted before"), 400)
    const postings = reverted.postings.toReversed().map(({ source, destination, ...posting }) => ({
      ...posting,
      source: destination,
      destination: source,
    }))
    if (c.req.query("force") !== "true" && ledger.lacksFunds(postings))
      return c.json(errorOf("INSUFFICIENT_FUND", "the money is no longer there"), 400)
    const metadata = { "com.formance.spec/state/reverts": String(reverted.id) }
    const booked = record({ at: now(), ledger: name, reverts: reverted.id, draft: { metadata, postings } })
    return booked === undefined ? nothing(c) : c.json({ data: shown(booked) }, 201)
  })

  app.get("/v2/:ledger/accounts/:address", (c) => {
    const { ledger } = named(c)
    if (ledger === undefined) return absent(c)
    const address = c.req.param("address")
    const volumes = [...ledger.volumesOf(address)].map(([asset, { input, output }]) => [
      asset,
      { input: Number(input), output: Number(output), balance: Number(input - output) },
    ])
    return c.json({ data: { address, metadata: {}, volumes: Object.fromEntries(volumes) } })
  })

  app.get("/books", (c) => c.json(books.show(readPage(c))))

  return {
    app,
    published: {
      document: "formance.ledger-v2.yaml",
      refusing: (problems) => [400, errorOf("VALIDATION", problems.join("; "))],
    },
    start() {},
    async close() {
      journal.close()
    },
  }
}

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
