import { Effect } from "effect"
import { expect, it } from "vitest"
import { commandClient } from "../../src/client/command-client.ts"

const KEY = "a-key-that-nobody-may-read"

it.each([
  ["a key with a line break", "http://127.0.0.1:9", `${KEY}\nx`],
  ["a key in letters that no header takes", "http://127.0.0.1:9", `${KEY}ž`],
  ["an address with credentials", `http://partner:${KEY}@127.0.0.1:9`, "other"],
])("a call that fails does not print %s", async (_, url, apiKey) => {
  const { reason } = await Effect.runPromise(Effect.flip(commandClient({ url, apiKey }).webhookEndpoints))
  expect(reason).toContain("GET /webhook-endpoints")
  expect(reason).not.toContain(KEY)
})
