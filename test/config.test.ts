import { ConfigProvider, Effect, Redacted } from "effect"
import { expect, it } from "vitest"
import { masterKeys } from "../src/config.ts"

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64")
const read = (text: string) => masterKeys.parse(ConfigProvider.fromEnvRecord({ MASTER_KEYS: text }))

it("master keys come in their order, and show nothing of themselves", async () => {
  const keys = await Effect.runPromise(read(`k2=${key(2)}, k1=${key(1)}`))
  expect(keys.map(([id, secret]) => [id, Redacted.value(secret)])).toEqual([
    ["k2", key(2)],
    ["k1", key(1)],
  ])
  expect(JSON.stringify(keys)).not.toContain(key(1))
})

it.each([
  "",
  "k1",
  key(1),
  `k1=${key(1).slice(4)}`,
  `k1=${key(1)},`,
  `k1=${key(1)},k1=${key(2)}`,
  `k.1=${key(1)}`,
  `k1=${Buffer.alloc(31, 1).toString("base64")}`,
])("master keys that are malformed are named, and not quoted (%#)", async (text) => {
  const error = await Effect.runPromise(Effect.flip(read(text)))
  expect(error.message).toMatch(/MASTER_KEYS/)
  expect(error.message + JSON.stringify(error)).not.toContain(key(1).slice(4, 20))
})
