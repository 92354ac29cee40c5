import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type AchAnswer, achAnswers } from "./ach-answers.ts"
import { isAchName, readAchOrders } from "./ach-orders.ts"
import {
  BankBooks,
  type BankEntry,
  isAch,
  stepEntry,
  type Transfer,
  type TransferOrder,
} from "./bank-books.ts"
import {
  type Booking,
  fileRefusal,
  notification,
  type OrderFile,
  readOrders,
  statement,
  statusReport,
} from "./file-messages.ts"
import type { InterbankOrders } from "./interbank-orders.ts"
import { openJournal } from "./journal.ts"
import type { FileLie } from "./lies.ts"
import type { MagicOutcome } from "./magic-beneficiaries.ts"
import { createApp, readPage, refuseWhenFull, type SandboxServer } from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

export interface FileBankOptions {
  readonly station: WeatherStation
  /** The orders that banks learn of from each other. */
  readonly interbankOrders: InterbankOrders
  /** The folder that it shares with its client: orders in outbox/, reports in inbox/. */
  readonly folder: string
  readonly journalFile: string | undefined
  /** From the acceptance of a transfer to its final status. */
  readonly paymentDelayMs: number
  /** From the settlement to the return for "Ralf Returned". */
  readonly returnAfterMs: number
}

const lookEveryMs = 50

/** The client's account before any order names one, because a day without orders has a statement, too. */
const firstAccount = ["EUR", "NL91ABNA0417164300"] as const

/** What it refuses when it takes a file. It checks accounts and funds then, and pays everything that it accepts. */
const refusals: Partial<Record<MagicOutcome, string>> = {
  "closed-account": "AC04",
  "insufficient-funds": "AM04",
}

/** It sees no account at another bank in the US before that bank sends the money back. */
const refusalsOf = (order: TransferOrder) => (isAch(order) ? { "insufficient-funds": "AM04" } : refusals)

/** What a return of Nacha says, and what other banks correct. */
const returnCodes: Partial<Record<MagicOutcome, string>> = {
  "closed-account": "R02",
  "returned-later": "R23",
}
const corrections: Partial<Record<MagicOutcome, readonly [code: string, corrected: string]>> = {
  "payee-nearly-matches": ["C04", "CLIVE CLOSER"],
}

/** An entry of its journal. What was booked before the end of a day is in the statements of that day. */
type FileBankEntry = BankEntry | { readonly type: "day-ended"; readonly at: string }

/** A bank that takes files instead of calls. By HTTP it shows its books, and ends its day on request. */
export const fileBank = (options: FileBankOptions): SandboxServer => {
  const app = createApp()
  const server = new FileBankServer(options)
  app.get("/books", (c) => {
    const books = server.books.show(readPage(c))
    return c.json({ ...books, outstanding: books.outstanding + server.pendingReports })
  })
  app.post("/end-of-day", (c) => {
    server.endDay()
    return c.body(null, 204)
  })
  return { app, start: () => server.start(), close: async () => server.close() }
}

/**
 * The bank, and the client that transfers its files, in one. It takes a file of orders by renaming it into taken/, reports at
 * once what it accepts and refuses, and a moment later what it paid and what was returned. A file that arrives twice is paid
 * twice, and the books show it: this bank shows its clients' mistakes. When it starts it reports everything again, because it
 * does not know what it reported before it died.
 */
class FileBankServer {
  readonly books: BankBooks
  readonly #options: FileBankOptions
  readonly #journal
  readonly #transfers: Transfer[] = []
  readonly #ids = new Set<string>()
  /** The client's accounts, by currency. */
  readonly #debtors = new Map<string, string>([firstAccount])
  /** Bookings that are in no statement yet. */
  #unstated: Booking[] = []
  /**
   * The files that it reports falsely on. If the bank dies, it forgets them and the reports that it was going to send about
   * them.
   */
  readonly #lies = new Map<string, FileLie>()
  #later: { readonly dueMs: number; readonly send: () => void }[] = []
  readonly #read = new Set<string>()
  #answers = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: FileBankOptions) {
    this.#options = options
    this.books = new BankBooks(options.station.server, (order, magic) => magic && refusalsOf(order)[magic])
    this.#journal = openJournal<FileBankEntry>(options.journalFile, (entry) => this.#apply(entry))
    for (const room of ["outbox", "inbox", "taken"]) mkdirSync(this.#path(room), { recursive: true })
  }

  /** The number of reports that it has still to send, in addition to those of the books. */
  get pendingReports(): number {
    return this.#later.length
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

  /** Writes a statement for each currency, with the bookings since the previous one. */
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
    const due = this.#later.filter(({ dueMs }) => dueMs <= Date.now())
    this.#later = this.#later.filter((one) => !due.includes(one))
    for (const { send } of due) send()
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
      const [copy = "", own = ""] = name.split(/-(.*)/s)
      const content = readFileSync(this.#path("taken", name), "utf8")
      const file = isAchName(own) ? readAchOrders(own, content) : readOrders(content)
      if (file !== undefined) this.#order(file, copy)
      else console.error(JSON.stringify({ level: "error", message: "refused a file", name }))
    }
  }

  /** Each copy of a file is a new order. */
  #order({ messageId, debtor, orders }: OrderFile, copy: string): void {
    for (const { amount } of orders) this.#debtors.set(amount.currency, debtor)
    const taken = orders.flatMap((order, index) => this.#orderOnce(`${messageId}#${copy}#${index}`, order))
    const lie =
      copy === "1" && taken.length > 0 ? this.#options.station.fileLieOf(this.#read.size) : undefined
    if (lie === undefined) this.#report(taken)
    else this.#lie(messageId, taken, lie)
  }

  /**
   * Refuses a file as a whole that it pays: after it accepted the file, as if a second copy came, or before that. The account
   * shows the outcome of the orders in any case.
   */
  #lie(messageId: string, taken: readonly Transfer[], lie: FileLie): void {
    const { kind, times, inMs } = lie
    this.#lies.set(messageId, lie)
    const references = taken.map(({ order }) => order.reference)
    this.#options.station.lies.note({ kind, about: messageId, code: "TM01", references })
    const id = this.#nextId()
    const refuse = () => {
      // It is the same message each time, under another file name.
      for (let time = 1; time <= times; time += 1)
        this.#answer("pain.002", (_, at) => fileRefusal(id, at, messageId))
    }
    const accept = () => this.#report(taken)
    const [first, then] = kind === "refuses-a-copy" ? [accept, refuse] : [refuse, accept]
    first()
    this.#later.push({ dueMs: Date.now() + inMs, send: then })
  }

  #orderOnce(key: string, order: TransferOrder): readonly Transfer[] {
    const transferId = `${this.books.bank}-${key}`
    if (this.#ids.has(transferId)) return []
    refuseWhenFull(this.books.size)
    this.#record({ type: "ordered", at: new Date().toISOString(), key, fingerprint: "", transferId, order })
    this.#options.interbankOrders.report(this.books.bank, order)
    return [this.books.transfer(transferId)]
  }

  #takeSteps(): void {
    const due = [...this.books.unfinished].filter((transfer) => this.#isDue(transfer))
    const at = new Date().toISOString()
    for (const transfer of due) this.#record(nextEntry(transfer, at))
    this.#report(
      due.filter(
        (transfer) => transfer.status !== "returned" && this.#lieAbout(transfer)?.confesses !== false,
      ),
    )
    this.#notify(due)
  }

  #isDue(transfer: Transfer): boolean {
    const { returnAfterMs, paymentDelayMs } = this.#options
    const paidAfterMs = paymentDelayMs + (this.#lieAbout(transfer)?.paysAfterMs ?? 0)
    return (
      Date.parse(transfer.at) + (transfer.status === "settled" ? returnAfterMs : paidAfterMs) <= Date.now()
    )
  }

  #lieAbout(transfer: Transfer): FileLie | undefined {
    return this.#lies.get(this.#messageOf(transfer))
  }

  #report(transfers: readonly Transfer[]): void {
    for (const [message, ofFile] of Map.groupBy(transfers, (transfer) => this.#messageOf(transfer)))
      this.#answer("pain.002", (id, at) => statusReport(id, at, message, ofFile))
  }

  #messageOf({ transferId }: Transfer): string {
    return transferId.slice(this.books.bank.length + 1, transferId.indexOf("#"))
  }

  #notify(transfers: readonly Transfer[]): void {
    const [ach, others] = [true, false].map((is) => transfers.filter(({ order }) => isAch(order) === is))
    this.#answerAch(ach ?? [])
    this.#book(others ?? [])
  }

  /** Returns, and what other banks correct of what they were paid. Each file of a day has a modifier of its own, as far as there are any. */
  #answerAch(transfers: readonly Transfer[]): void {
    const answers = transfers.flatMap((transfer): readonly AchAnswer[] => {
      const { status, magic, code = "" } = transfer
      if (status === "returned") return [{ transfer, code }]
      const change = status === "settled" ? magic && corrections[magic] : undefined
      return change === undefined ? [] : [{ transfer, code: change[0], corrected: change[1] }]
    })
    if (answers.length === 0) return
    const modifier = modifiers[this.#answers % modifiers.length] ?? "A"
    this.#answer("ach", (_, at) => achAnswers(at, modifier, answers))
  }

  #book(transfers: readonly Transfer[]): void {
    const bookings = transfers.flatMap((transfer): readonly Booking[] => {
      if (transfer.status === "returned") return [{ transfer, kind: "CRDT" }]
      const isNotified = transfer.status === "settled" && this.#lieAbout(transfer) !== undefined
      return isNotified ? [{ transfer, kind: "DBIT" }] : []
    })
    if (bookings.length > 0) this.#answer("camt.054", (id, at) => notification(id, at, bookings))
  }

  #nextId(): string {
    return `${this.books.bank}-${Date.now().toString(36)}-${++this.#answers}`
  }

  /** Gives a file its name once it is complete. */
  #answer(kind: string, write: (id: string, at: string) => string): void {
    const id = this.#nextId()
    const draft = this.#path("inbox", `.${id}`)
    writeFileSync(draft, write(id, new Date().toISOString()))
    renameSync(draft, this.#path("inbox", kind === "ach" ? `${id}.ach` : `${id}.${kind}.xml`))
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

const modifiers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

const returnCodeOf = ({ order, magic }: Transfer): string =>
  (isAch(order) && magic && returnCodes[magic]) || "MS03"

const nextEntry = (transfer: Transfer, at: string): BankEntry =>
  stepEntry(
    transfer,
    { at, transferId: transfer.transferId },
    { rejected: "AM04", returned: returnCodeOf(transfer) },
  )
