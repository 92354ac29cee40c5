/** The orders that banks learn of from each other, so that one can send false reports on another's order. */
export interface InterbankOrder {
  readonly bank: string
  readonly reference: string
  /** A callback URL of the same client, perhaps for another bank. */
  readonly callbackUrl: string
  /** The bank that this URL is for. */
  readonly addressOf: string
}

type Listener = (order: InterbankOrder) => void

/** The most orders that are kept until one has a callback URL. */
const keptMax = 10_000

export class InterbankOrders {
  readonly #listeners = new Map<string, Listener>()
  #address: Pick<InterbankOrder, "callbackUrl" | "addressOf"> | undefined
  #unaddressed: Pick<InterbankOrder, "bank" | "reference">[] = []

  /** Calls `listener` for every order at a bank other than `bank`. */
  listen(bank: string, listener: Listener): void {
    this.#listeners.set(bank, listener)
  }

  /**
   * Reports an order to the other banks. Some banks send no callbacks: their orders are passed on once another order shows the
   * client's URL.
   */
  report(bank: string, { reference, callbackUrl }: { reference: string; callbackUrl?: string }): void {
    if (callbackUrl !== undefined) this.#address = { callbackUrl, addressOf: bank }
    if (this.#unaddressed.length < keptMax) this.#unaddressed.push({ bank, reference })
    if (this.#address === undefined) return
    for (const order of this.#unaddressed.splice(0)) this.#spread({ ...order, ...this.#address })
  }

  #spread(order: InterbankOrder): void {
    for (const [bank, listener] of this.#listeners) if (bank !== order.bank) listener(order)
  }
}

/** The URL at which a client expects another bank's callbacks, made from its URL for one bank. */
export const addressFor = (bank: string, { callbackUrl, addressOf }: InterbankOrder): string => {
  const url = new URL(callbackUrl)
  if (url.pathname.endsWith(`/${addressOf}`))
    url.pathname = `${url.pathname.slice(0, -addressOf.length)}${bank}`
  return url.href
}
