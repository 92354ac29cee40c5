import { appendFileSync, mkdtempSync, readdirSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import {
  acceptedBefore,
  recordedSubmissions,
  recordSubmission,
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
  for (const key of ["k", "k2"]) expect(acceptedBefore(recorded, service, key, mended)).toEqual([])
})

it("keeps the latest submissions, each once, for its owner alone, and passes over lines that it cannot read", async () => {
  const dataDir = folder()
  const items = await itemsOf("a,EUR,1.00")
  for (let number = 0; number <= SUBMISSIONS_MAX; number += 1)
    await recordSubmission(dataDir, submissionOf({ service, batch: `pb_${number}`, keys: [] }, items))
  await recordSubmission(dataDir, submissionOf({ service, batch: "pb_1", keys: ["k"] }, items))
  const [file = "", ...others] = readdirSync(dataDir)
  expect(others).toEqual([])
  appendFileSync(join(dataDir, file), "{torn")
  const recorded = await recordedSubmissions(dataDir)
  expect(recorded).toHaveLength(SUBMISSIONS_MAX)
  expect(recorded.at(-1)).toMatchObject({ batch: "pb_1", keys: ["k"] })
  expect(recorded.filter(({ batch }) => batch === "pb_1")).toHaveLength(1)
  expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600)
  expect(await recordedSubmissions(folder())).toEqual([])
})
