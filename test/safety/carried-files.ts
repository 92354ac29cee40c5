/** A platform that pays through a bank of files first and by north after it; the test carries the files between the two. */
import { randomUUID } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Webhook } from "standardwebhooks"
import { type SandboxOptions, sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { API_KEY, eventually as eventuallyWithin, OLGA, PlatformUnderTest } from "../platform-under-test.ts"

/** Files go to and fro, and services start anew: on a busy machine that takes its time. */
const PATIENCE_MS = 90_000
export const TEST_MS_MAX = 240_000

/** Asks again and again until the answer is yes, with patience. */
export const eventually = (what: string, question: () => Promise<boolean>): Promise<void> =>
  eventuallyWithin(what, question, PATIENCE_MS)

export interface ShownEvent {
  readonly type: string
  readonly item?: number
  readonly attempt?: number
  readonly [field: string]: unknown
}

export interface Terms {
  readonly sandbox?: SandboxOptions
  readonly bank?: Readonly<Record<string, unknown>>
  readonly north?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string>>
}

export class CarriedFiles implements AsyncDisposable {
  readonly platform: PlatformUnderTest
  /** Started with what makes it pay by files. */
  readonly environment: Readonly<Record<string, string>>
  /** Our folder, and that of the bank: what lies in one is not in the other before it is carried. */
  readonly #ours: string
  readonly #theirs: string

  private constructor(platform: PlatformUnderTest, ours: string, theirs: string, providers: string) {
    this.platform = platform
    this.environment = { PROVIDERS_FILE: providers }
    this.#ours = ours
    this.#theirs = theirs
  }

  static async open({
    sandbox = {},
    bank = {},
    north: ownOfNorth = {},
    environment = {},
  }: Terms = {}): Promise<CarriedFiles> {
    const [ours, theirs] = [mkdtempSync(join(tmpdir(), "ours-")), mkdtempSync(join(tmpdir(), "theirs-"))]
    for (const room of ["outbox", "inbox"]) mkdirSync(join(ours, room))
    const platform = await PlatformUnderTest.open(
      { RESOLUTION_ABOVE: "EUR=1000.00", ...environment },
      { ...sandbox, clearingFolder: theirs },
    )
    const { COMPLIANCE_URL: compliance, LEDGER_URL: ledger } = platform.environment
    const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
    const clearing = {
      name: "clearing",
      kind: "files",
      folder: ours,
      debtor,
      everyMs: 50,
      pollMs: 50,
      ...bank,
    }
    const { north, south } = platform.sandbox.banks
    const providers = join(ours, "providers.json")
    writeFileSync(
      providers,
      JSON.stringify({
        version: "test",
        compliance: { url: compliance },
        ledger: { url: ledger },
        banks: [
          clearing,
          { name: "north", kind: "instant", url: north, ...ownOfNorth },
          { name: "south", kind: "instant", url: south },
        ],
        routes: [
          { rule: "files", when: { currency: ["EUR"] }, banks: ["clearing", "north"] },
          { rule: "calls", banks: ["north", "south"] },
        ],
      }),
    )
    return new CarriedFiles(platform, ours, theirs, providers)
  }

  /** The message ids of files that lie in our outbox, released. */
  get released(): ReadonlyArray<string> {
    return named(join(this.#ours, "outbox")).map((name) => name.replace(".pain.001.xml", ""))
  }

  /** Takes our files to the bank. */
  carryOut(): void {
    for (const name of named(join(this.#ours, "outbox"))) this.#move(this.#ours, this.#theirs, "outbox", name)
  }

  /** Takes the bank's answers to us. */
  carryBack(): void {
    for (const name of named(join(this.#theirs, "inbox"))) this.#move(this.#theirs, this.#ours, "inbox", name)
  }

  /** The bank says, or somebody in its name, how a whole file stands. */
  says(about: string, status: string, code?: string): Promise<void> {
    return this.#report(about, `<GrpSts>${status}</GrpSts>${code === undefined ? "" : reasonOf(code)}`)
  }

  /** It refuses one order in a file by its reference. */
  refuses(about: string, reference: string, code: string): Promise<void> {
    const named = `<OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>RJCT</TxSts>${reasonOf(code)}`
    const payment = `<OrgnlPmtInfAndSts><TxInfAndSts>${named}</TxInfAndSts></OrgnlPmtInfAndSts>`
    return this.#report(about, "<GrpSts>PART</GrpSts>", payment)
  }

  async #report(about: string, group: string, payment = ""): Promise<void> {
    const name = `${randomUUID()}.pain.002.xml`
    const draft = join(this.#ours, "inbox", `.${name}`)
    writeFileSync(
      draft,
      `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>${name.slice(0, 35)}</MsgId></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>${about}</OrgnlMsgId>${group}</OrgnlGrpInfAndSts>${payment}</CstmrPmtStsRpt></Document>`,
    )
    renameSync(draft, join(this.#ours, "inbox", name))
    await eventually(`${group} is read`, async () =>
      readdirSync(join(this.#ours, "archive")).some((kept) => kept.endsWith(name)),
    )
  }

  submit(
    key: string,
    ...amounts: ReadonlyArray<readonly [value: string, currency: string]>
  ): Promise<string> {
    return this.platform.submit(key, {
      items: amounts.map(([value, currency], index) => ({
        reference: `invoice-${index + 1}`,
        amount: { currency, value },
        beneficiary: {
          name: "Ada Lovelace",
          account: { scheme: "iban", iban: "DE89370400440532013000" },
        },
      })),
    })
  }

  async events(id: string): Promise<ReadonlyArray<ShownEvent>> {
    const page = await this.platform.get<{ readonly events: ReadonlyArray<ShownEvent> }>(
      `/payout-batches/${id}/events?after=0&limit=500`,
    )
    return page.events
  }

  /** Waits until the log of a batch has such an event. */
  async hears(id: string, type: string, fields: Readonly<Record<string, unknown>> = {}): Promise<ShownEvent> {
    let found: ShownEvent | undefined
    await eventually(`${type} of ${id}`, async () => {
      found = (await this.events(id)).find(
        (event) =>
          event.type === type && Object.entries(fields).every(([name, value]) => event[name] === value),
      )
      return found !== undefined
    })
    if (found === undefined) throw new Error("unreachable")
    return found
  }

  async stateOf(id: string, item = 1): Promise<string | undefined> {
    const page = await this.platform.get<{
      readonly items: ReadonlyArray<{ readonly item: number; readonly state: string }>
    }>(`/payout-batches/${id}/items?limit=100`)
    return page.items.find((row) => row.item === item)?.state
  }

  /** What somebody asks of a batch, as the body of the answer: an operator, where a partner may not. */
  async ask(path: string, body: unknown): Promise<Readonly<Record<string, unknown>>> {
    const key = /\/(review|retry|resolution)$/.test(path) ? OLGA : API_KEY
    const answer = await fetch(`${this.platform.url}/payout-batches/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })
    return { ...((await answer.json()) as object), status: answer.status }
  }

  /** A provider calls us back, signed with its secret: compliance, or else the bank that calls back. */
  async callBack(path: string, body: object): Promise<number> {
    const [id, now, text] = [randomUUID(), new Date(), JSON.stringify(body)]
    const secret = sandboxSecretOf(path.startsWith("/compliance") ? "compliance" : "north")
    const answer = await fetch(`${this.platform.url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
        "webhook-signature": new Webhook(secret).sign(id, now, text),
      },
      body: text,
    })
    return answer.status
  }

  /** What the banks' books say that was paid, over all banks: references, as often as each was paid. */
  async paid(): Promise<ReadonlyArray<string>> {
    const books = await this.platform.books()
    return books
      .flatMap(({ transfers }) => transfers)
      .flatMap(({ reference, payments }) => Array<string>(payments).fill(reference))
      .sort()
  }

  /** How often each item of a batch was paid, over all banks and attempts. */
  async paymentsOf(id: string): Promise<ReadonlyArray<string>> {
    const events = await this.events(id)
    const references = events.flatMap(({ transfers }) =>
      Array.isArray(transfers) ? transfers.map(({ reference }: { reference?: string }) => reference) : [],
    )
    return (await this.paid()).filter((reference) => references.includes(reference))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.platform[Symbol.asyncDispose]()
  }

  #move(from: string, to: string, room: string, name: string): void {
    const draft = join(to, room, `.${name}`)
    writeFileSync(draft, readFileSync(join(from, room, name)))
    renameSync(join(from, room, name), join(from, `${name}.carried`))
    renameSync(draft, join(to, room, name))
  }
}

const reasonOf = (code: string) => `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn></StsRsnInf>`

const named = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder).filter((name) => name.endsWith(".xml") && !name.startsWith("."))
