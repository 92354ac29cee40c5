import { appendFileSync, mkdtempSync, readdirSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import {
  acceptedBefore,
  forgetSubmission,
  recordedSubmissions,
  recordSubmission,
  refusedBefore,
  SUBMISSIONS_MAX,
  submissionOf,
} from "../../src/cli/accepted-rows.ts"
import { read } from "../payout-files/read-file.ts"

const folder = () => mkdtempSync(join(tmpdir(), "accepted-rows-"))
const itemsOf = async (...rows: ReadonlyArray<string>) =>
  (
    await read(
      ["reference,currency,amount,name,iban", ...rows.map((row) => `${row},Ada,DE89370400440532013000`)].join(
        "\n",
      ),
    )
  ).items
const service = "http://127.0.0.1:8080"

it("knows the rows that another submission to the same service had accepted", async () => {
  const dataDir = folder()
  const items = await itemsOf("a,EUR,1.00", "b,EUR,2.00")
  await recordSubmission(dataDir, submissionOf({ service, batch: "pb_1", keys: ["k", "k2"] }, items))
  const recorded = await recordedSubmissions(dataDir)
  const mended = await itemsOf("a,EUR,1.00", "b,EUR,2.01", "c,EUR,3.00")
  expect(acceptedBefore(recorded, service, "other", mended)).toEqual([{ item: 1, batch: "pb_1" }])
  expect(acceptedBefore(recorded, "http://127.0.0.1:9", "other", mended)).toEqual([])
  expect(acceptedBefore(recorded, service, "k2", mended), "sent under the same key").toEqual([])
})

it("knows them also under the key of the file as it was read, under which nothing was accepted", async () => {
  const dataDir = folder()
  const items = await itemsOf("a,EUR,1.00", "b,EUR,2.00")
  await recordSubmission(
    dataDir,
    submissionOf({ service, batch: "pb_1", keys: ["k", "k2"] }, items.slice(0, 1)),
  )
  const recorded = await recordedSubmissions(dataDir)
  expect(acceptedBefore(recorded, service, "k", items)).toEqual([{ item: 1, batch: "pb_1" }])
  expect(refusedBefore(recorded, service, { key: "k", items })).toEqual({ sentUnder: "k2", items: [2] })
  expect(refusedBefore(recorded, service, { key: "k2", items })).toBeUndefined()
  expect(refusedBefore(recorded, "http://127.0.0.1:9", { key: "k", items })).toBeUndefined()
})

it("counts rows as accepted whose answer was lost, until it is known or they were refused", async () => {
  const dataDir = folder()
  const items = await itemsOf("a,EUR,1.00")
  const pending = submissionOf({ service, keys: ["k", "k2"] }, items)
  await recordSubmission(dataDir, pending)
  const lost = await recordedSubmissions(dataDir)
  expect(acceptedBefore(lost, service, "other", items)).toEqual([{ item: 1, batch: undefined }])
  await recordSubmission(dataDir, { ...pending, batch: "pb_1" })
  expect(await recordedSubmissions(dataDir)).toEqual([{ ...pending, batch: "pb_1" }])
  await forgetSubmission(dataDir, pending)
  expect(await recordedSubmissions(dataDir)).toEqual([])
})

it("keeps the latest submissions, each once, for its owner alone, and fails where a line is damaged", async () => {
  const dataDir = folder()
  const items = await itemsOf("a,EUR,1.00")
  for (let number = 0; number <= SUBMISSIONS_MAX; number += 1)
    await recordSubmission(
      dataDir,
      submissionOf({ service, batch: `pb_${number}`, keys: [`k${number}`] }, items),
    )
  await recordSubmission(dataDir, submissionOf({ service, batch: "pb_1", keys: ["k1"] }, items))
  const [file = "", ...others] = readdirSync(dataDir)
  expect(others).toEqual([])
  const recorded = await recordedSubmissions(dataDir)
  expect(recorded).toHaveLength(SUBMISSIONS_MAX)
  expect(recorded.at(-1)).toMatchObject({ batch: "pb_1", keys: ["k1"] })
  expect(recorded.filter(({ batch }) => batch === "pb_1")).toHaveLength(1)
  expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600)
  expect(await recordedSubmissions(folder())).toEqual([])
  appendFileSync(join(dataDir, file), "{torn")
  await expect(recordedSubmissions(dataDir)).rejects.toThrow(
    `line ${SUBMISSIONS_MAX + 1} of ${file} is damaged`,
  )
})
