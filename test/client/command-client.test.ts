import { Effect, Schema } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { commandClient } from "../../src/client/command-client.ts"

import { Problem } from "../../src/client/errors.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { CliFailure } from "../../src/terminal/cli-failure.ts"
import { drop, json, problem, ScriptedService } from "./scripted-service.ts"

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

let service: ScriptedService
beforeAll(async () => {
  service = await ScriptedService.open()
})
afterAll(() => service[Symbol.asyncDispose]())

const client = () => commandClient({ url: service.url, apiKey: KEY })
const id = Schema.decodeUnknownSync(BatchId)(`pb_${"a".repeat(22)}`)

it("a batch is refused only if the service says so, and is sent once", async () => {
  const posted = () => Effect.runPromise(Effect.flip(client().submitOnce("{}", "week-12")))
  service.answer(problem(400, "invalid-body"))
  expect(await posted()).toBeInstanceOf(Problem)
  for (const answering of [
    drop,
    problem(503, "unavailable"),
    json(404, "no such page"),
    json(202, { id: 1 }),
  ]) {
    service.answer(answering)
    expect(await posted()).toBeInstanceOf(CliFailure)
    expect(service.received).toHaveLength(1)
  }
})

it("a batch is read as a service of an older release shows it, and with no more than is printed", async () => {
  const shown = { id, state: "settling", itemCount: 1, version: 3, states: {} }
  service.answer(json(200, { ...shown, totals: { EUR: "1.00" } }))
  expect(await Effect.runPromise(client().batch(id))).toEqual(shown)
})

it("a failure names the request and the problem", async () => {
  service.answer(problem(404, "not-found", { detail: "There is no such payout batch." }))
  const { reason } = await Effect.runPromise(Effect.flip(client().batch(id)))
  expect(reason).toBe(`GET /payout-batches/${id}: 404 not-found: There is no such payout batch.`)
})
