/** `atlaspay batches submit` against a whole platform: what is paid, and how often, whatever happens to the command. */
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { atlaspay } from "./atlaspay-process.ts"
import { batchesHere } from "./command-here.ts"

const folder = mkdtempSync(join(tmpdir(), "submission-"))
const header = "reference,currency,amount,name,iban,remittance"
const iban = "DE89370400440532013000"

let platform: PlatformUnderTest
let files = 0

const fileOf = (...rows: ReadonlyArray<string>): string => {
  files += 1
  const file = join(folder, `payouts-${files}.csv`)
  writeFileSync(file, [header, ...rows].join("\n"))
  return file
}

/** A payout that no other test has. */
const rowOf = (reference: string, amount = "1.00"): string =>
  `${reference},EUR,${amount},Erika Mustermann,${iban},`

const settingsFor = (url: string) => ({
  ATLASPAY_URL: url,
  ATLASPAY_API_KEY: API_KEY,
  ATLASPAY_DATA: folder,
})

const batchIn = (output: string): string => /pb_[a-z2-7]{22}/.exec(output)?.[0] ?? ""

const submit = async (url: string, ...args: ReadonlyArray<string>) => {
  const run = await batchesHere(settingsFor(url), "submit", ...args)
  return { ...run, batch: batchIn(run.output) }
}

/** The same as a process of its own, as people run it. */
const submitAlone = async (url: string, ...args: ReadonlyArray<string>) => {
  const run = atlaspay(settingsFor(url), "batches", "submit", ...args)
  const { status } = await run.end()
  return { status, output: run.output(), batch: batchIn(run.output()) }
}

interface ListedBatch {
  readonly id: string
  readonly reference?: string
  readonly idempotencyKey: string
  readonly itemCount: number
}

/** The partner's batches, once the read models have followed. */
const batchesWith = async (reference: string): Promise<ReadonlyArray<ListedBatch>> => {
  const found: Array<ListedBatch> = []
  const { payoutBatches } = await platform.get<{ payoutBatches: ReadonlyArray<ListedBatch> }>(
    "/payout-batches",
  )
  for (const batch of payoutBatches) {
    const { items } = await platform.get<{ items: ReadonlyArray<{ reference: string }> }>(
      `/payout-batches/${batch.id}/items`,
    )
    if (items.some((item) => item.reference === reference)) found.push(batch)
  }
  return found
}

const listed = (id: string): Promise<void> =>
  eventually("the batch is in the list", async () => {
    const { payoutBatches } = await platform.get<{ payoutBatches: ReadonlyArray<ListedBatch> }>(
      "/payout-batches",
    )
    return payoutBatches.some((batch) => batch.id === id)
  })

/** Something between the command and the service. */
const between = async (
  answer: (
    posted: { readonly key: string; readonly body: string },
    drop: () => void,
  ) => Promise<Response | undefined>,
): Promise<{ readonly url: string; readonly server: Server }> => {
  const server = createServer((request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", async () => {
      const key = String(request.headers["idempotency-key"])
      const answered = await answer({ key, body: Buffer.concat(chunks).toString() }, () =>
        request.socket.destroy(),
      )
      if (answered === undefined) return
      response.writeHead(answered.status, { "content-type": "application/json" }).end(await answered.text())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server }
}

const post = (key: string, body: string): Promise<Response> =>
  fetch(`${platform.url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": key,
      "content-type": "application/json",
    },
    body,
  })

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  await platform.start()
}, 60_000)
afterAll(() => platform[Symbol.asyncDispose]())

it("pays a file once that is submitted twice, also with its rows in another order and other line ends", async () => {
  const file = fileOf(rowOf("twice-1"), rowOf("twice-2", "2.00"))
  const first = await submitAlone(platform.url, file)
  expect(first.status, first.output).toBe(0)
  expect(first.output).toMatch(/^pb_[a-z2-7]{22}: 2 items accepted under the key payouts-[0-9a-f]{64}$/m)
  const again = await submitAlone(platform.url, file)
  expect(again.status, again.output).toBe(0)
  expect(again.output).toContain("submitted before")
  expect(again.output).toContain("nothing is paid twice")
  const sorted = fileOf(rowOf("twice-2", "2.00"), rowOf("twice-1"))
  writeFileSync(sorted, `\uFEFF${readFileSync(sorted, "utf8").replaceAll("\n", "\r\n")}`)
  const other = await submitAlone(platform.url, sorted)
  expect([again.batch, other.batch]).toEqual([first.batch, first.batch])
  await listed(first.batch)
  expect(await batchesWith("twice-1")).toHaveLength(1)
})

it("finds the batch of a command whose answer was lost", async () => {
  const file = fileOf(rowOf("lost"))
  const { url, server } = await between(async ({ key, body }, drop) => {
    await post(key, body)
    drop()
    return undefined
  })
  const lost = await submit(url, file)
  server.close()
  expect(lost.status).toBe(1)
  expect(lost.output).toContain("repeat the command: the same payouts are the same batch")
  const repeated = await submit(platform.url, file)
  expect(repeated.status, repeated.output).toBe(0)
  expect(repeated.output).toContain("submitted before")
  await listed(repeated.batch)
  expect(await batchesWith("lost")).toHaveLength(1)
})

it("pays once more where somebody says why, and only what was submitted before", async () => {
  const file = fileOf(rowOf("again"))
  const early = await submit(platform.url, file, "--again", "bank lost it")
  expect(early.status).toBe(1)
  expect(early.output).toContain("leave out --again")
  expect(await batchesWith("again")).toEqual([])
  const first = await submit(platform.url, file)
  await listed(first.batch)
  const second = await submit(platform.url, file, "--again", "bank lost it")
  expect(second.status, second.output).toBe(0)
  expect(second.output).toContain(`Pays again what ${first.batch} pays`)
  expect(second.output).toContain("They are paid once more, because: bank lost it")
  const repeated = await submit(platform.url, file, "--again", "bank lost it")
  expect(repeated.output).toContain("nothing is paid twice")
  await eventually("both are in the list", async () => (await batchesWith("again")).length === 2)
  const [paidAgain] = (await batchesWith("again")).filter(({ id }) => id !== first.batch)
  expect(paidAgain).toMatchObject({
    reference: "again: bank lost it",
    idempotencyKey: expect.stringMatching(/^payouts-[0-9a-f]{64}-again-bank lost it$/),
  })
})

it("pays nothing where the payouts are known and the accounts or terms are others, and never says to use another key", async () => {
  const first = await submit(platform.url, fileOf(rowOf("others")))
  const other = await submit(platform.url, fileOf(rowOf("others").replace(iban, "DE44500105175407313000")))
  expect(other.status).toBe(1)
  expect(other.output).toContain(`Nothing was submitted: the batch ${first.batch} has these payouts`)
  expect(other.output).not.toMatch(/new (request|key)/)
  expect(await batchesWith("others")).toHaveLength(1)
})

it("sets rows aside that cannot be paid, and pays the others once", async () => {
  const file = fileOf(rowOf("good"), rowOf("bad", "x"), "no name,EUR,1.00,,DE89370400440532013000,")
  const rejects = join(folder, "rejects.csv")
  const whole = await submitAlone(platform.url, file)
  expect(whole.status).toBe(1)
  expect(whole.output).toContain("was not submitted")
  const run = await submitAlone(platform.url, file, "--rejects", rejects)
  expect(run.status, run.output).toBe(2)
  expect(run.output).toContain(`2 rows were refused, and are in ${rejects}`)
  expect(statSync(rejects).mode & 0o777).toBe(0o600)
  expect(readFileSync(rejects, "utf8").split("\r\n")).toHaveLength(4)
  const taken = await submit(platform.url, file, "--rejects", rejects)
  expect(taken.status).toBe(1)
  expect(taken.output).toContain("is not overwritten")
  const repeated = await submit(platform.url, file, "--rejects", join(folder, "others.csv"))
  expect(repeated.batch).toBe(run.batch)
  await listed(run.batch)
  expect(await batchesWith("good")).toMatchObject([{ itemCount: 1 }])
})

it("submits nothing where no row is good, and makes no file of rejects where all are", async () => {
  const rejects = join(folder, "all.csv")
  const none = await submit(platform.url, fileOf(rowOf("none", "x")), "--rejects", rejects)
  expect(none.status).toBe(1)
  expect(none.output).toContain("nothing was submitted")
  expect(existsSync(rejects)).toBe(true)
  const unused = join(folder, "unused.csv")
  const all = await submit(platform.url, fileOf(rowOf("all")), "--rejects", unused)
  expect(all.status, all.output).toBe(0)
  expect(existsSync(unused)).toBe(false)
})

it("sets rows aside, too, that only the service refuses, and names the others by their lines", async () => {
  const file = fileOf(rowOf("z-refused"), rowOf("a-taken"))
  const bodies: Array<string> = []
  const { url, server } = await between(async ({ key, body }) => {
    bodies.push(body)
    const items: ReadonlyArray<{ reference: string }> = JSON.parse(body).items
    const index = items.findIndex(({ reference }) => reference === "z-refused")
    if (index < 0) return post(key, body)
    const pointer = `/items/${index}/beneficiary/name`
    const errors = [{ pointer, item: index + 1, field: "beneficiary.name", detail: "no bank takes it" }]
    return Response.json(
      { type: "x", title: "The request body is invalid", status: 400, errors },
      { status: 400 },
    )
  })
  const whole = await submit(url, file)
  expect(whole.status).toBe(1)
  expect(whole.output).toContain(`${file}, line 2, name: no bank takes it`)
  const rejects = join(folder, "refused.csv")
  const run = await submit(url, file, "--rejects", rejects)
  server.close()
  expect(run.status, run.output).toBe(2)
  expect(readFileSync(rejects, "utf8")).toContain("name: no bank takes it")
  expect(bodies).toHaveLength(3)
  await listed(run.batch)
  expect(await batchesWith("a-taken")).toMatchObject([{ id: run.batch, itemCount: 1 }])
})

it("prints what the service accepted and warns of, by the lines of the file", async () => {
  const { url, server } = await between(async () => {
    const warnings = [
      { item: 1, field: "beneficiary.account.iban", detail: "looks strange" },
      { detail: "so does all" },
    ]
    return Response.json({ id: `pb_${"a".repeat(22)}`, itemCount: 2, warnings }, { status: 202 })
  })
  const file = fileOf(rowOf("z-second"), rowOf("a-first"))
  const run = await submit(url, file)
  server.close()
  expect(run.status, run.output).toBe(0)
  expect(run.output).toContain(`warning: ${file}, line 3, iban: looks strange\n`)
  expect(run.output).toContain(`warning: ${file}: so does all\n`)
})

it("takes either a key or a reason to pay again, and a reason that people can read", async () => {
  const file = fileOf(rowOf("flags"))
  const both = await submit(platform.url, file, "--again", "x", "--idempotency-key", "k")
  expect(both.status).toBe(1)
  expect(both.output).toContain("use one")
  const long = await submit(platform.url, file, "--again", "x".repeat(58))
  expect(long.status).toBe(1)
  expect(long.output).toContain("1 to 57 visible characters")
  const numbered = await submit(platform.url, file, "--again", "to 370400440532013000")
  expect(numbered.status).toBe(1)
  expect(numbered.output).toContain("without long numbers")
  expect(await batchesWith("flags")).toEqual([])
})

it("a whole file that is mended after --rejects pays no row twice, and the mended rejects pay the others", {
  timeout: 180_000,
}, async () => {
  const rejects = join(folder, "mended-rejects.csv")
  const good = [rowOf("mended-1", "21.11"), rowOf("mended-2", "22.22")]
  const file = fileOf(...good, rowOf("mended-3", "x"))
  const first = await submit(platform.url, file, "--rejects", rejects)
  expect(first.status, first.output).toBe(2)
  const mended = fileOf(...good, rowOf("mended-3", "23.33"))
  const whole = await submit(platform.url, mended)
  expect(whole.status).toBe(1)
  expect(whole.output).toContain("2 of its 3 rows were accepted before")
  expect(whole.output).toContain(`line 2: accepted before, in ${first.batch}`)
  const others = join(folder, "mended-others.csv")
  const some = await submit(platform.url, mended, "--rejects", others)
  expect(some.status, some.output).toBe(2)
  expect(some.output).toContain("1 items accepted")
  expect(readFileSync(others, "utf8")).toContain(`accepted before, in ${first.batch}`)
  writeFileSync(rejects, readFileSync(rejects, "utf8").replace(",x,", ",23.33,"))
  const rest = await submit(platform.url, rejects)
  expect([rest.status, rest.batch], rest.output).toEqual([0, some.batch])
  await listed(some.batch)
  for (const reference of ["mended-1", "mended-2", "mended-3"])
    expect(await batchesWith(reference)).toHaveLength(1)
})

/** A service before the real one: it refuses the row `refused` while `refuses`, and loses its answers while `loses`. */
const moody = async (refused: string) => {
  const mood = { refuses: true, loses: false }
  const { url, server } = await between(async ({ key, body }) => {
    const items: ReadonlyArray<{ reference: string }> = JSON.parse(body).items
    const index = items.findIndex(({ reference }) => reference === refused)
    if (mood.refuses && index >= 0) {
      const pointer = `/items/${index}/beneficiary/name`
      const errors = [{ pointer, item: index + 1, field: "beneficiary.name", detail: "no bank takes it" }]
      return Response.json({ type: "x", title: "invalid", status: 400, errors }, { status: 400 })
    }
    const answer = await post(key, body)
    return mood.loses ? new Response("lost", { status: 502 }) : answer
  })
  return { url, server, mood }
}

it("pays no row twice where the service takes the whole file at another time", async () => {
  const { url, server, mood } = await moody("later-2")
  const file = fileOf(rowOf("later-1", "31.11"), rowOf("later-2", "32.22"))
  const first = await submit(url, file, "--rejects", join(folder, "later-rejects.csv"))
  expect(first.status, first.output).toBe(2)
  mood.refuses = false
  const whole = await submit(url, file)
  expect(whole.status).toBe(1)
  expect(whole.output).toContain(`line 2: accepted before, in ${first.batch}`)
  const rejects = join(folder, "later-others.csv")
  const again = await submit(url, file, "--rejects", rejects)
  expect([again.status, again.batch], again.output).toEqual([2, first.batch])
  const rest = await submit(url, rejects)
  expect(rest.status, rest.output).toBe(0)
  server.close()
  await listed(rest.batch)
  for (const reference of ["later-1", "later-2"]) expect(await batchesWith(reference)).toHaveLength(1)
})

it("pays no row twice where the answer to the others was lost and the whole file is mended", async () => {
  const { url, server, mood } = await moody("lost-2")
  mood.loses = true
  const good = rowOf("lost-1", "41.11")
  const file = fileOf(good, rowOf("lost-2", "42.22"))
  const first = await submit(url, file, "--rejects", join(folder, "lost-rejects.csv"))
  expect(first.status, first.output).toBe(1)
  mood.loses = false
  mood.refuses = false
  const mended = await submit(url, fileOf(good, rowOf("lost-2", "42.23")))
  expect(mended.status, mended.output).toBe(1)
  expect(mended.output).toContain("line 2: perhaps accepted before")
  const repeated = await submit(url, file, "--rejects", join(folder, "lost-others.csv"))
  expect(repeated.status, repeated.output).toBe(2)
  server.close()
  await listed(repeated.batch)
  expect(await batchesWith("lost-1")).toMatchObject([{ id: repeated.batch, itemCount: 1 }])
})
