import * as Schema from "effect/Schema"
import { Amount, minorOf, toDecimal, toMinor } from "./amount.ts"
import { CallbackUrl } from "./callbacks.ts"
import { type BooksPage, KeyedAnswers, nextOffset, pageOf, requestLinesMax } from "./server.ts"

const Identifier = Schema.String.check(Schema.isBetweenLength(1, 200))

export const Posting = Schema.Struct({
  kind: Schema.Literals(["hold", "post", "release", "reverse"]),
  partner: Identifier,
  batch: Identifier,
  lines: Schema.Array(Schema.Struct({ item: Schema.Int, amount: Amount })).check(
    Schema.isBetweenLength(1, requestLinesMax),
  ),
})
export type Posting = typeof Posting.Type
type Kind = Posting["kind"]

/** Money that a partner adds. */
export const Funding = Schema.Struct({
  partner: Identifier,
  amount: Amount,
  callbackUrl: Schema.optionalKey(CallbackUrl),
})
export type Funding = typeof Funding.Type

interface Keyed {
  readonly at: string
  readonly key: string
  readonly fingerprint: string
}

interface Posted extends Keyed {
  readonly postingId: string
  readonly posting: Posting
}

/** An entry of the ledger's journal. */
export type LedgerEntry = Posted | (Keyed & { readonly fundingId: string; readonly funding: Funding })

export type Objection =
  | { readonly code: "illegal-transition"; readonly item: number }
  | { readonly code: "insufficient-funds" }

interface Line {
  readonly state: "held" | "posted" | "released" | "reversed"
  readonly amount: Amount
}

/** Amounts in minor units. Reversed money is available again; `returned` only counts it. */
interface Account {
  readonly partner: string
  readonly currency: string
  funded: bigint
  available: bigint
  held: bigint
  paid: bigint
  returned: bigint
}

const transitions: Record<
  Kind,
  { readonly from: readonly (Line["state"] | "new")[]; readonly to: Line["state"] }
> = {
  hold: { from: ["new", "released"], to: "held" },
  post: { from: ["held"], to: "posted" },
  release: { from: ["held"], to: "released" },
  reverse: { from: ["posted"], to: "reversed" },
}

/** The ledger's books: the fold of its journal. */
export class LedgerBooks {
  readonly answers = new KeyedAnswers<string>()
  readonly #funds: bigint
  readonly #lines = new Map<string, Line>()
  readonly #accounts = new Map<string, Account>()
  readonly #postings: Posted[] = []

  constructor(funds: bigint) {
    this.#funds = funds
  }

  /** The number of records in the books. */
  get size(): number {
    return Math.max(this.#lines.size, this.#postings.length)
  }

  /** The reason why a posting cannot be booked; undefined if it can. */
  objectionTo(posting: Posting): Objection | undefined {
    const seen = new Set<number>()
    for (const line of posting.lines) {
      if (seen.has(line.item) || !this.#isLegal(posting, line)) {
        return { code: "illegal-transition", item: line.item }
      }
      seen.add(line.item)
    }
    return posting.kind === "hold" && !this.#canHold(posting) ? { code: "insufficient-funds" } : undefined
  }

  /** A line moves in the amount in which it was held; only a hold may be new. */
  #isLegal(posting: Posting, { item, amount }: Posting["lines"][number]): boolean {
    const line = this.#lines.get(lineKey(posting, item))
    if (!transitions[posting.kind].from.includes(line?.state ?? "new")) return false
    return (
      posting.kind === "hold" ||
      (line?.amount.currency === amount.currency && minorOf(line.amount) === minorOf(amount))
    )
  }

  #canHold({ partner, lines }: Posting): boolean {
    const wanted = new Map<string, bigint>()
    for (const { amount } of lines) {
      wanted.set(amount.currency, (wanted.get(amount.currency) ?? 0n) + minorOf(amount))
    }
    return [...wanted].every(([currency, minor]) => minor <= this.#account(partner, currency).available)
  }

  apply(entry: LedgerEntry): void {
    if ("posting" in entry) this.#book(entry)
    else this.#fund(entry.funding)
    this.answers.remember(
      entry.key,
      entry.fingerprint,
      "posting" in entry ? entry.postingId : entry.fundingId,
    )
  }

  #fund({ partner, amount }: Funding): void {
    const account = this.#account(partner, amount.currency)
    account.funded += minorOf(amount)
    account.available += minorOf(amount)
  }

  #book(entry: Posted): void {
    const { posting } = entry
    for (const { item, amount } of posting.lines) {
      const account = this.#account(posting.partner, amount.currency)
      move(account, posting.kind, minorOf(amount))
      assertBalanced(account)
      this.#lines.set(lineKey(posting, item), { state: transitions[posting.kind].to, amount })
    }
    this.#postings.push(entry)
  }

  #account(partner: string, currency: string): Account {
    const key = JSON.stringify([partner, currency])
    const known = this.#accounts.get(key)
    if (known !== undefined) return known
    const funded = toMinor(currency, this.#funds.toString()) ?? 0n
    const opened = { partner, currency, funded, available: funded, held: 0n, paid: 0n, returned: 0n }
    this.#accounts.set(key, opened)
    return opened
  }

  /** The answer to `GET /books`. */
  show(page: BooksPage) {
    const summary = {
      counts: { postings: this.#postings.length },
      accounts: [...this.#accounts.values()].map(showAccount),
    }
    if (page.summary) return summary
    return {
      ...summary,
      postings: pageOf(this.#postings, page, ({ postingId, posting, at }) => ({ postingId, ...posting, at })),
      next: nextOffset(this.#postings.length, page),
    }
  }
}

const lineKey = ({ partner, batch }: Posting, item: number): string => JSON.stringify([partner, batch, item])

const move = (account: Account, kind: Kind, minor: bigint): void => {
  switch (kind) {
    case "hold":
      account.available -= minor
      account.held += minor
      return
    case "post":
      account.held -= minor
      account.paid += minor
      return
    case "release":
      account.held -= minor
      account.available += minor
      return
    case "reverse":
      account.paid -= minor
      account.available += minor
      account.returned += minor
      return
  }
}

const assertBalanced = ({ partner, currency, funded, available, held, paid }: Account): void => {
  const balanced = available + held + paid === funded && available >= 0n && held >= 0n && paid >= 0n
  if (!balanced) throw new Error(`the ledger's ${currency} account of ${partner} does not balance`)
}

const showAccount = ({ partner, currency, funded, available, held, paid, returned }: Account) => ({
  partner,
  currency,
  funded: toDecimal(currency, funded),
  available: toDecimal(currency, available),
  held: toDecimal(currency, held),
  paid: toDecimal(currency, paid),
  returned: toDecimal(currency, returned),
})
