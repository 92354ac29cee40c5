/** Liars: what they say is not so, and their books and inquiries tell what is. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { startSandbox } from "../../src/sandbox/sandbox.ts"
import { eventually } from "../platform-under-test.ts"
import { type ReceivedCallback, startCallbackReceiver } from "./callback-receiver.ts"
import { get, post, setWeather, transferOf } from "./sandbox-client.ts"

const seed = 3
/** Long enough to look at what is not paid yet, on a machine that is busy. */
const paysAfterMs = 600

interface Books {
  readonly transfers: ReadonlyArray<{ readonly status: string; readonly payments: number }>
  readonly counts: { readonly payments: number }
  readonly paidTwice: number
  readonly outstanding: number
}

const opened = async (lies: Readonly<Record<string, object>>) => {
  const clearingFolder = mkdtempSync(join(tmpdir(), "liars-"))
  const weather = Object.fromEntries(
    Object.entries(lies).map(([server, own]) => [server, { seed, lies: own }]),
  )
  const sandbox = await startSandbox({ clearingFolder, weather })
  const receiver = await startCallbackReceiver()
  const { compliance, banks } = sandbox.urls
  const urls: Readonly<Record<string, string>> = { compliance, ...banks }
  return {
    urls,
    clearingFolder,
    receiver,
    books: async (server: string) => (await get(`${urls[server]}/books`)).body as unknown as Books,
    lies: async (server: string) =>
      (await get(`${urls[server]}/sandbox/lies`)).body as {
        readonly told: object
        readonly lies: ReadonlyArray<object>
      },
    async [Symbol.asyncDispose]() {
      await sandbox.close()
      await receiver.close()
    },
  }
}

const settledAt = (place: Awaited<ReturnType<typeof opened>>, server: string) =>
  eventually("the bank has nothing left to do", async () => (await place.books(server)).outstanding === 0)

it("refuses by callback what it accepted, tells an inquiry the truth, and pays once", async () => {
  await using place = await opened({ north: { refusesAfterAccepting: 1, paysAfterMs } })
  const { north = "" } = place.urls
  const order = transferOf("Ada Lovelace", "r-1", place.receiver.url)
  const answer = await post(`${north}/instant-transfer`, "r-1", order)
  expect(answer).toMatchObject({ status: 202, body: { status: "accepted" } })
  await eventually("it refuses", async () => place.receiver.received.length === 1)
  expect(place.receiver.received[0]).toMatchObject({ reference: "r-1", status: "rejected" })
  expect(place.receiver.received[0]?.code).toMatch(/^(AG03|AB06)$/)
  expect(await get(`${north}/instant-transfer/r-1`)).toMatchObject({ body: { status: "accepted" } })
  await settledAt(place, "north")
  expect(await get(`${north}/instant-transfer/r-1`)).toMatchObject({ body: { status: "settled" } })
  expect((await place.books("north")).counts).toEqual({ transfers: 1, payments: 1 })
  expect(await place.lies("north")).toMatchObject({
    told: { "refuses-after-accepting": 1 },
    lies: [{ about: "r-1", kind: "refuses-after-accepting" }],
  })
})

it.each([
  [
    "north",
    "/instant-transfer",
    (reference: string) => transferOf("Ada Lovelace", reference),
    "Idempotency-Key",
  ],
  [
    "west",
    "/v1/payments",
    (clientRef: string) => ({
      clientRef,
      currencyCode: "EUR",
      amountMinor: "1234",
      creditor: { fullName: "Ada Lovelace", accountType: "IBAN", accountId: "DE89370400440532013000" },
    }),
    "X-Request-Id",
  ],
])("refuses at once what it pays a moment later: %s", async (server, path, order, header) => {
  await using place = await opened({ [server]: { acceptsAfterRefusing: 1, paysAfterMs } })
  const url = `${place.urls[server]}${path}`
  const refused = await post(url, "r-1", order("r-1"), 5_000, header)
  expect(refused.status).toBe(422)
  expect(await post(url, "r-1", order("r-1"), 5_000, header)).toEqual(refused)
  expect(JSON.stringify(refused.body)).toMatch(/AG03|AB06|CURRENCY_UNSUPPORTED/)
  const inquiry = server === "west" ? `${url}?clientRef=r-1` : `${url}/r-1`
  expect(JSON.stringify((await get(inquiry)).body)).toMatch(/"accepted"|"PROCESSING"/)
  await settledAt(place, server)
  expect(JSON.stringify((await get(inquiry)).body)).toMatch(/"settled"|"COMPLETED"/)
  expect((await place.books(server)).counts.payments).toBe(1)
})

it("denies to an inquiry as well, with a code that leads to no other bank, and says at last that it paid", async () => {
  await using place = await opened({ north: { acceptsAfterRefusing: 1, denies: 1, paysAfterMs } })
  const { north = "" } = place.urls
  const order = transferOf("Ada Lovelace", "r-1", place.receiver.url)
  const refused = { status: "rejected", code: "AC04" }
  expect(await post(`${north}/instant-transfer`, "r-1", order)).toMatchObject({ status: 422, body: refused })
  expect(await get(`${north}/instant-transfer/r-1`)).toMatchObject({ body: refused })
  await eventually("it says that it paid", async () => place.receiver.received.length === 1)
  expect(place.receiver.received[0]).toMatchObject({ status: "settled" })
  expect(await get(`${north}/instant-transfer/r-1`)).toMatchObject({ body: { status: "settled" } })
})

it("speaks for another bank, in its name or in one's own, and nobody's books know of it", async () => {
  await using place = await opened({ south: { speaksForOthers: 1 } })
  const { north = "" } = place.urls
  const references = Array.from({ length: 10 }, (_, index) => `r-${index}`)
  for (const reference of references) {
    const order = transferOf("Ada Lovelace", reference, place.receiver.url)
    await post(`${north}/instant-transfer`, reference, order)
  }
  const foreign = () => {
    const { received, forged } = place.receiver
    const words = [...received, ...forged.map((body) => JSON.parse(body) as ReceivedCallback)]
    return words.filter(({ status }) => status === "rejected")
  }
  await eventually("all was said", async () => foreign().length === references.length)
  expect(
    foreign()
      .map(({ reference }) => reference)
      .toSorted(),
  ).toEqual(references)
  expect(new Set(foreign().map(({ bank }) => bank))).toEqual(new Set(["north", "south"]))
  // It has no secret but its own.
  expect(new Set(place.receiver.forged.map((body) => JSON.parse(body).bank))).toEqual(new Set(["north"]))
  expect(new Set(foreign().map(({ code }) => code))).toEqual(new Set(["AB08"]))
  await settledAt(place, "north")
  expect((await place.books("north")).counts.payments).toBe(references.length)
  expect((await place.books("south")).counts.payments).toBe(0)
})

const fileOf = (messageId: string, reference: string) =>
  `<Document><CstmrCdtTrfInitn><GrpHdr><MsgId>${messageId}</MsgId><NbOfTxs>1</NbOfTxs></GrpHdr>
   <PmtInf><DbtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></DbtrAcct>
   <CdtTrfTxInf><PmtId><EndToEndId>${reference}</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">1.50</InstdAmt></Amt>
   <Cdtr><Nm>Ada Lovelace</Nm></Cdtr><CdtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></CdtrAcct></CdtTrfTxInf>
   </PmtInf></CstmrCdtTrfInitn></Document>`

it.each([
  [{ refusesCopies: 1 }, "ACSP RJCT"],
  [{ acceptsAfterRefusing: 1 }, "RJCT ACSP"],
  [{ refusesCopies: 1, repeatsRefusals: 1 }, "ACSP RJCT RJCT"],
])("refuses a file that it pays: %o", async (lies, said) => {
  await using place = await opened({ clearing: { ...lies, paysAfterMs } })
  writeFileSync(join(place.clearingFolder, "outbox", "a.xml"), fileOf("M1", "pays-anyway"))
  await eventually("it paid", async () => (await place.books("clearing")).counts.payments === 1)
  await settledAt(place, "clearing")
  const inbox = join(place.clearingFolder, "inbox")
  const answers = (kind: string) =>
    readdirSync(inbox)
      .filter((name) => name.endsWith(`.${kind}.xml`))
      .toSorted((a, b) => Number(a.split(/[-.]/)[2]) - Number(b.split(/[-.]/)[2]))
      .map((name) => readFileSync(join(inbox, name), "utf8"))
  const reports = answers("pain.002")
  const words = reports.map((report) => /<(?:Grp|Tx)Sts>(\w+)</.exec(report)?.[1])
  expect(words.filter((word) => word !== "ACSC").join(" ")).toBe(said)
  const refusals = reports.filter((report) => report.includes("<GrpSts>RJCT"))
  for (const refusal of refusals) {
    expect(refusal).toMatch(/<OrgnlMsgId>M1<.*<Cd>TM01</s)
    expect(refusal).not.toContain("pays-anyway")
  }
  expect(new Set(refusals.map((refusal) => /<MsgId>(.*?)</.exec(refusal)?.[1])).size).toBe(1)
  expect(answers("camt.054").join()).toMatch(/<CdtDbtInd>DBIT<.*pays-anyway/s)
})

it("changes its mind about whom it let pass, by a callback with a later list, and remembers it", async () => {
  await using place = await opened({ compliance: { changesItsMind: 1, changesWithinMs: 100 } })
  const { compliance = "" } = place.urls
  const item = { item: 1, name: "Ada Lovelace", amount: { currency: "EUR", value: "1.00" }, account: {} }
  const clearance = { clearanceId: "b-S1", partner: "p", batch: "b", items: [item] }
  const ask = (key: string) =>
    post(`${compliance}/clearance?callbackUrl=${encodeURIComponent(place.receiver.url)}`, key, clearance)
  const first = await ask("b-S1")
  expect(first.body).toMatchObject({
    listVersion: "sandbox-2026-11-01",
    decisions: [{ decision: "approved" }],
  })
  await eventually("it thought again", async () => place.receiver.received.length === 1)
  const word = place.receiver.received[0] as unknown as {
    readonly listVersion: string
    readonly decisions: ReadonlyArray<{ readonly decision: string }>
  }
  expect(word).toMatchObject({ clearanceId: "b-S1", listVersion: "sandbox-2026-11-15" })
  expect(word.decisions[0]?.decision).toMatch(/^(review|rejected)$/)
  expect((await ask("b-S2")).body).toMatchObject({ listVersion: word.listVersion, decisions: word.decisions })
  const told = async () => (await get(`${compliance}/books`)).body as { readonly screened: readonly object[] }
  await eventually("it knows that it was heard", async () => "toldAt" in ((await told()).screened[1] ?? {}))
  expect((await told()).screened[1]).toMatchObject({ batch: "b", item: 1, later: true, ...word.decisions[0] })
})

it("tells the same lies for the same seed", async () => {
  const references = Array.from({ length: 20 }, (_, index) => `r-${index}`)
  const lies = { refusesAfterAccepting: 0.3, acceptsAfterRefusing: 0.3, denies: 0.3, paysAfterMs: 0 }
  const story = async (seed: number, inOrder: ReadonlyArray<string>) => {
    await using place = await opened({})
    const { north = "" } = place.urls
    await setWeather(north, { seed, lies })
    await Promise.all(
      inOrder.map((reference) =>
        post(`${north}/instant-transfer`, reference, transferOf("Ada Lovelace", reference)),
      ),
    )
    const { lies: told } = await place.lies("north")
    return told.map((lie) => JSON.stringify({ ...lie, at: "" })).toSorted()
  }
  const once = await story(1, references)
  expect(once.length).toBeGreaterThan(3)
  expect(await story(1, references.toReversed())).toEqual(once)
  expect(await story(2, references)).not.toEqual(once)
})

it("leaves people alone with whom something happens at banks", async () => {
  await using place = await opened({ north: { acceptsAfterRefusing: 1 } })
  const { north = "" } = place.urls
  for (const name of ["Ivo Insufficient", "Ralf Returned", "Clara Closed", "Sally Slow"])
    await post(`${north}/instant-transfer`, name, transferOf(name, name))
  expect(await place.lies("north")).toEqual({ told: {}, lies: [] })
})

it("refuses lies of a server that cannot tell them", async () => {
  await using place = await opened({})
  expect(await setWeather(place.urls.west ?? "", { lies: { speaksForOthers: 0.5 } })).toMatchObject({
    status: 400,
    body: { message: "lies.speaksForOthers: only for north, south, adyen, not for west" },
  })
})
