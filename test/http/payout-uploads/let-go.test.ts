/** What is kept of a file to name its rows holds none of the items that were read: they have their accounts in plain text. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { leftToTheService } from "../../../src/http/payout-batches/intake-rules.ts"
import { readPayoutStream, type StreamForm } from "../../../src/payout-files/payout-stream.ts"
import { csv, csvRow, ndjsonLine, pain001, transfer } from "./upload-bodies.ts"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const files: Readonly<Record<StreamForm, string>> = {
  csv: csv(csvRow("a"), csvRow("b")),
  ndjson: `${ndjsonLine("a")}\n${ndjsonLine("b")}\n`,
  xml: pain001([transfer("a"), transfer("b")]),
}

const readAndKeepNaming = async (form: StreamForm) => {
  const { naming, items } = await Effect.runPromise(
    readPayoutStream([Buffer.from(files[form])], {
      form,
      rules: leftToTheService,
      now: Date.now(),
      executeAt: undefined,
      encoding: undefined,
      isReadOnce: true,
      notation: {},
    }),
  )
  return { naming, read: items.map((item) => new WeakRef(item)) }
}

it.each(Object.keys(files) as ReadonlyArray<StreamForm>)("lets go of the items of %s", async (form) => {
  const { naming, read } = await readAndKeepNaming(form)
  expect(read.length).toBe(2)
  const held = () => {
    collect()
    return read.filter((item) => item.deref() !== undefined).length
  }
  await expect.poll(held, { timeout: 5_000 }).toBe(0)
  expect(naming.mayBeShared("a")).toBe(false)
})
