/** A transfer as a sandbox bank's own books show it; `payments` is how often that bank paid its reference. */
export interface BankTransfer {
  readonly bank: string
  readonly reference: string
  readonly status: "accepted" | "settled" | "rejected" | "returned"
  readonly payments: number
  readonly amount: { readonly currency: string; readonly value: string }
  /** When this bank took the order, ISO 8601. */
  readonly orderedAt: string
  /** When a callback that says this status was first acknowledged. */
  readonly toldAt?: string
  readonly beneficiary: { readonly name: string; readonly accountLast4: string }
}

interface BooksPage {
  readonly bank: string
  readonly transfers: ReadonlyArray<Omit<BankTransfer, "bank">>
  readonly outstanding: number
  readonly next: number | null
}

/** What all banks did, and how much they have yet to do or to tell. */
export interface BankRecord {
  readonly transfers: ReadonlyArray<BankTransfer>
  readonly outstanding: number
}

/** Reads the books of banks over HTTP, page by page. */
export const readBanks = async (urls: ReadonlyArray<string>): Promise<BankRecord> => {
  const transfers: Array<BankTransfer> = []
  let outstanding = 0
  for (const url of urls) {
    for (let offset: number | null = 0; offset !== null; ) {
      const page = (await (await fetch(`${url}/books?offset=${offset}`)).json()) as BooksPage
      transfers.push(...page.transfers.map((transfer) => ({ ...transfer, bank: page.bank })))
      if (page.next === null) outstanding += page.outstanding
      offset = page.next
    }
  }
  return { transfers, outstanding }
}
