/** What the compliance engine's own books say of an item, and of whether the account is the beneficiary's. */
export interface Screened {
  readonly batch: string
  readonly item: number
  readonly decision: "approved" | "rejected" | "review" | "pending"
  readonly payee: "match" | "close-match" | "no-match" | "unknown"
  readonly listVersion: string
  /** Times are ISO 8601. */
  readonly at: string
  /** The engine thought again; `toldAt` is when the service acknowledged that. */
  readonly later?: true
  readonly toldAt?: string
}

interface BooksPage {
  readonly screened: ReadonlyArray<Screened>
  readonly next: number | null
}

/** Reads the books of the compliance engine over HTTP, page by page. */
export const readCompliance = async (url: string): Promise<ReadonlyArray<Screened>> => {
  const screened: Array<Screened> = []
  for (let offset: number | null = 0; offset !== null; ) {
    const page = (await (await fetch(`${url}/books?offset=${offset}`)).json()) as BooksPage
    screened.push(...page.screened)
    offset = page.next
  }
  return screened
}
