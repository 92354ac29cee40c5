import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { BankBooks, type BankEntry, nextStep, type Transfer, type TransferOrder } from "./bank-books.ts"
import {
  type Booking,
  notification,
  type OrderFile,
  readOrders,
  statement,
  statusReport,
} from "./file-messages.ts"
import { openJournal } from "./journal.ts"
import { createApp, readPage, refuseWhenFull, type SandboxServer } from "./server.ts"

export interface FileBankOptions {
  readonly name: string
  /** The folder that it shares with its client: orders in outbox/, answers in inbox/. */
  readonly folder: string
  readonly journalFile: string | undefined
  /** From the acceptance of a transfer to its final status. */
  readonly paymentDelayMs: number
  /** From the settlement to the return for "Ralf Returned". */
  readonly returnAfterMs: number
}

const lookEveryMs = 50

/** The account that it keeps for its client before any order names one: a day without orders has a statement, too. */
const firstAccount = ["EUR", "NL91ABNA0417164300"] as const

/** What its journal tells: what was booked before the end of a day is on the statements of that day. */
type FileBankEntry = BankEntry | { readonly type: "day-ended"; readonly at: string }

/** A bank that takes no calls. By HTTP it shows its books, and ends its day when it is told to. */
export const fileBank = (options: FileBankOptions): SandboxServer => {
  const app = createApp()
  const desk = new FileDesk(options)
  app.get("/books", (c) => c.json(desk.books.show(readPage(c))))
  app.post("/end-of-day", (c) => {
    desk.endDay()
    return c.body(null, 204)
  })
  return { app, start: () => desk.start(), close: async () => desk.close() }
}

/**
 * The bank, and the client that carries its files, in one. A file of orders is taken by renaming it into taken/; what is
 * accepted and refused is answered at once, what was paid and what came back a moment later. A file that comes twice is
 * paid twice, and the books say so: this bank shows its clients' mistakes. It tells all again when it starts, as it does
 * not know what it told before it died.
 */
class FileDesk {
  readonly books: BankBooks
  readonly #options: FileBankOptions
  readonly #journal
  readonly #transfers: Transfer[] = []
  readonly #ids = new Set<string>()
  /** The accounts that pay, by currency. */
  readonly #debtors = new Map<string, string>([firstAccount])
  /** What no statement has told yet. */
  #unstated: Booking[] = []
  readonly #read = new Set<string>()
  #answers = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: FileBankOptions) {
    this.#options = options
    this.books = new BankBooks(options.name, (_order, magic) =>
      magic === "closed-account" ? "AC04" : undefined,
    )
    this.#journal = openJournal<FileBankEntry>(options.journalFile, (entry) => this.#apply(entry))
    for (const room of ["outbox", "inbox", "taken"]) mkdirSync(this.#path(room), { recursive: true })
  }

  start(): void {
    this.#report(this.#transfers)
    this.#notify(this.#transfers)
    this.#look()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#journal.close()
  }

  /** Writes a statement for each currency: what was booked since the one before. */
  endDay(): void {
    for (const [currency, debtor] of this.#debtors) {
      const booked = this.#unstated.filter(({ transfer }) => transfer.order.amount.currency === currency)
      this.#answer("camt.053", (id, at) => statement(id, at, { debtor, currency }, booked))
    }
    this.#record({ type: "day-ended", at: new Date().toISOString() })
  }

  #look(): void {
    this.#takeFiles()
    this.#takeSteps()
    this.#timer = setTimeout(() => this.#look(), lookEveryMs)
  }

  #takeFiles(): void {
    const taken = readdirSync(this.#path("taken"))
    for (const file of readdirSync(this.#path("outbox")).filter((name) => !name.startsWith("."))) {
      const copy = taken.filter((name) => name.endsWith(`-${file}`)).length + 1
      renameSync(this.#path("outbox", file), this.#path("taken", `${copy}-${file}`))
      taken.push(`${copy}-${file}`)
    }
    for (const name of taken.filter((name) => !this.#read.has(name))) {
      this.#read.add(name)
      const file = readOrders(readFileSync(this.#path("taken", name), "utf8"))
      if (file !== undefined) this.#order(file, name.slice(0, name.indexOf("-")))
      else console.error(JSON.stringify({ level: "error", message: "refused a file", name }))
    }
  }

  /** Each copy of a file is an order of its own. */
  #order({ messageId, debtor, orders }: OrderFile, copy: string): void {
    for (const { amount } of orders) this.#debtors.set(amount.currency, debtor)
    const taken = orders.flatMap((order, index) => this.#orderOnce(`${messageId}#${copy}#${index}`, order))
    this.#report(taken)
  }

  #orderOnce(key: string, order: TransferOrder): readonly Transfer[] {
    const transferId = `${this.books.bank}-${key}`
    if (this.#ids.has(transferId)) return []
    refuseWhenFull(this.books.size)
    this.#record({ type: "ordered", at: new Date().toISOString(), key, fingerprint: "", transferId, order })
    return [this.books.transfer(transferId)]
  }

  #takeSteps(): void {
    const due = [...this.books.unfinished].filter((transfer) => this.#isDue(transfer))
    const at = new Date().toISOString()
    for (const transfer of due) this.#record(nextEntry(transfer, at))
    this.#report(due.filter(({ status }) => status !== "returned"))
    this.#notify(due)
  }

  #isDue({ status, at }: Transfer): boolean {
    const { returnAfterMs, paymentDelayMs } = this.#options
    return Date.parse(at) + (status === "settled" ? returnAfterMs : paymentDelayMs) <= Date.now()
  }

  #report(transfers: readonly Transfer[]): void {
    for (const [message, ofFile] of Map.groupBy(transfers, (transfer) => this.#messageOf(transfer)))
      this.#answer("pain.002", (id, at) => statusReport(id, at, message, ofFile))
  }

  #messageOf({ transferId }: Transfer): string {
    return transferId.slice(this.books.bank.length + 1, transferId.indexOf("#"))
  }

  #notify(transfers: readonly Transfer[]): void {
    const returns = transfers.filter(({ status }) => status === "returned")
    const bookings = returns.map((transfer): Booking => ({ transfer, kind: "CRDT" }))
    if (bookings.length > 0) this.#answer("camt.054", (id, at) => notification(id, at, bookings))
  }

  /** Gives a file its name once it is whole. */
  #answer(kind: string, write: (id: string, at: string) => string): void {
    const id = `${this.books.bank}-${Date.now().toString(36)}-${++this.#answers}`
    const draft = this.#path("inbox", `.${id}`)
    writeFileSync(draft, write(id, new Date().toISOString()))
    renameSync(draft, this.#path("inbox", `${id}.${kind}.xml`))
  }

  #record(entry: FileBankEntry): void {
    this.#journal.append(entry)
    this.#apply(entry)
  }

  #apply(entry: FileBankEntry): void {
    if (entry.type === "day-ended") {
      this.#unstated = []
      return
    }
    this.books.apply(entry)
    if (entry.type === "callback-ended") return
    const transfer = this.books.transfer(entry.transferId)
    if (entry.type === "settled") this.#unstated.push({ transfer, kind: "DBIT" })
    if (entry.type === "returned") this.#unstated.push({ transfer, kind: "CRDT" })
    if (entry.type !== "ordered") return
    this.#ids.add(entry.transferId)
    this.#transfers.push(transfer)
  }

  #path(...parts: ReadonlyArray<string>): string {
    return join(this.#options.folder, ...parts)
  }
}

const nextEntry = (transfer: Transfer, at: string): BankEntry => {
  const { transferId } = transfer
  switch (nextStep(transfer)) {
    case "settle":
      return { type: "settled", at, transferId }
    case "reject":
      return { type: "rejected", at, transferId, code: "AM04" }
    case "return":
      return { type: "returned", at, transferId, code: "MS03" }
    case undefined:
      throw new Error(`transfer ${transferId} is final`)
  }
}
