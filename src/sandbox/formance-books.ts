import { type BooksPage, nextOffset, pageOf } from "./server.ts"

/** A movement of money between two accounts of a ledger. The amount is in the asset's smallest unit, as digits. */
export interface Movement {
  readonly source: string
  readonly destination: string
  readonly asset: string
  readonly amount: string
}

/** What a client asks to be booked. */
export interface Draft {
  readonly reference?: string
  readonly metadata: Readonly<Record<string, string>>
  readonly postings: ReadonlyArray<Movement>
}

/** An entry of the journal: a ledger was created, or a transaction was booked in one. */
export type FormanceEntry =
  | { readonly at: string; readonly ledger: string; readonly created: true }
  | {
      readonly at: string
      readonly ledger: string
      /** The idempotency key that it came with, and what identifies the request. */
      readonly key?: string
      readonly fingerprint?: string
      /** The transaction that it reverts. */
      readonly reverts?: number
      readonly draft: Draft
    }

export interface Transaction extends Draft {
  readonly id: number
  readonly at: string
  revertedAt?: string
}

interface Volumes {
  input: bigint
  output: bigint
}

const WORLD = "world"

/** The books of one ledger. */
export class Ledger {
  readonly createdAt: string
  readonly transactions: Array<Transaction> = []
  readonly byKey = new Map<string, { readonly fingerprint: string; readonly transaction: Transaction }>()
  readonly #byReference = new Map<string, Transaction>()
  readonly #volumes = new Map<string, Map<string, Volumes>>()

  constructor(createdAt: string) {
    this.createdAt = createdAt
  }

  withReference(reference: string): Transaction | undefined {
    return this.#byReference.get(reference)
  }

  withId(id: number): Transaction | undefined {
    return this.transactions[id - 1]
  }

  hasSeen(account: string, asset: string): boolean {
    return this.#volumes.get(account)?.has(asset) === true
  }

  /** The input and output of an account by asset. */
  volumesOf(account: string): ReadonlyMap<string, Readonly<Volumes>> {
    return this.#volumes.get(account) ?? new Map()
  }

  /** Whether an account would be overdrawn, with the movements in their order. The world has everything. */
  lacksFunds(postings: ReadonlyArray<Movement>): boolean {
    const changes = new Map<string, bigint>()
    const change = (account: string, asset: string, by: bigint): bigint => {
      const place = JSON.stringify([account, asset])
      const { input = 0n, output = 0n } = this.#volumes.get(account)?.get(asset) ?? {}
      const changed = (changes.get(place) ?? input - output) + by
      changes.set(place, changed)
      return changed
    }
    return postings.some(({ source, destination, asset, amount }) => {
      const left = change(source, asset, -BigInt(amount))
      change(destination, asset, BigInt(amount))
      return source !== WORLD && left < 0n
    })
  }

  book(at: string, draft: Draft): Transaction {
    const transaction = { ...draft, id: this.transactions.length + 1, at }
    for (const { source, destination, asset, amount } of draft.postings) {
      this.#of(source, asset).output += BigInt(amount)
      this.#of(destination, asset).input += BigInt(amount)
    }
    this.transactions.push(transaction)
    if (draft.reference !== undefined) this.#byReference.set(draft.reference, transaction)
    return transaction
  }

  *accounts(): Generator<readonly [account: string, asset: string, volumes: Readonly<Volumes>]> {
    for (const [account, assets] of this.#volumes)
      for (const [asset, volumes] of assets) yield [account, asset, volumes]
  }

  #of(account: string, asset: string): Volumes {
    const assets = this.#volumes.get(account) ?? new Map<string, Volumes>()
    this.#volumes.set(account, assets)
    const volumes = assets.get(asset) ?? { input: 0n, output: 0n }
    assets.set(asset, volumes)
    return volumes
  }
}

/** The ledgers of the twin: the fold of its journal. */
export class FormanceBooks {
  readonly ledgers = new Map<string, Ledger>()
  #size = 0

  /** The number of records in the books. */
  get size(): number {
    return this.#size
  }

  /** Returns the transaction of the entry, if it is one. */
  apply(entry: FormanceEntry): Transaction | undefined {
    const ledger = this.ledgers.get(entry.ledger) ?? new Ledger(entry.at)
    this.ledgers.set(entry.ledger, ledger)
    if ("created" in entry) return undefined
    const { at, key, fingerprint = "", reverts, draft } = entry
    const transaction = ledger.book(at, draft)
    this.#size += 1 + draft.postings.length
    const reverted = reverts === undefined ? undefined : ledger.withId(reverts)
    if (reverted !== undefined) reverted.revertedAt = at
    if (key !== undefined) ledger.byKey.set(key, { fingerprint, transaction })
    return transaction
  }

  /** The answer to `GET /books`, of all ledgers. Amounts are digits. */
  show(page: BooksPage) {
    const all = [...this.ledgers].flatMap(([ledger, { transactions }]) =>
      transactions.map((transaction) => ({ ledger, ...transaction })),
    )
    const accounts = [...this.ledgers].flatMap(([ledger, books]) =>
      [...books.accounts()].map(([account, asset, { input, output }]) => ({
        ledger,
        account,
        asset,
        input: input.toString(),
        output: output.toString(),
        balance: (input - output).toString(),
      })),
    )
    const summary = { counts: { transactions: all.length }, accounts }
    if (page.summary) return summary
    return {
      ...summary,
      transactions: pageOf(all, page, (transaction) => transaction),
      next: nextOffset(all.length, page),
    }
  }
}
