/** What banks overhear of each other's orders: the references, and where a client is called back. */
export interface Overheard {
  readonly bank: string
  readonly reference: string
  /** An address of the same client, perhaps for another bank. */
  readonly callbackUrl: string
  /** The bank that this address is for. */
  readonly addressOf: string
}

type Listener = (overheard: Overheard) => void

/** How many orders are kept until one tells where the client is called back. */
const keptMax = 10_000

export class Hearsay {
  readonly #listeners = new Map<string, Listener>()
  #address: Pick<Overheard, "callbackUrl" | "addressOf"> | undefined
  #unaddressed: Pick<Overheard, "bank" | "reference">[] = []

  /** Tells `listener` of every order that goes to another bank than `bank`. */
  listen(bank: string, listener: Listener): void {
    this.#listeners.set(bank, listener)
  }

  /** An order came to a bank. Some banks call nobody back: theirs are told once another one knows the address. */
  tell(bank: string, { reference, callbackUrl }: { reference: string; callbackUrl?: string }): void {
    if (callbackUrl !== undefined) this.#address = { callbackUrl, addressOf: bank }
    if (this.#unaddressed.length < keptMax) this.#unaddressed.push({ bank, reference })
    if (this.#address === undefined) return
    for (const order of this.#unaddressed.splice(0)) this.#spread({ ...order, ...this.#address })
  }

  #spread(overheard: Overheard): void {
    for (const [bank, listener] of this.#listeners) if (bank !== overheard.bank) listener(overheard)
  }
}

/** Where a client that is called back at an address for one bank would be called back by another. */
export const addressFor = (bank: string, { callbackUrl, addressOf }: Overheard): string => {
  const url = new URL(callbackUrl)
  if (url.pathname.endsWith(`/${addressOf}`))
    url.pathname = `${url.pathname.slice(0, -addressOf.length)}${bank}`
  return url.href
}
