import { Effect } from "effect"
import { expect, it } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { encodePublicEvent } from "../../src/publisher/public-event.ts"
import { messageSeal } from "../../src/vault/message-seal.ts"
import { settings } from "../settings.ts"
import { firstEventOf } from "../webhooks/webhook-platform.ts"

const open = async (environment: Readonly<Record<string, string>> = {}) => {
  const appConfig = await Effect.runPromise(
    Effect.provide(AppConfig, settings({ STREAM_PREFIX: "ap", ...environment })),
  )
  return { appConfig, ...eventMessages(appConfig) }
}
const found = (message: { readonly subject: string; readonly headers: unknown; readonly body: string }) =>
  ({ ...message, string: () => message.body }) as never

it("an event comes back as it was published", async () => {
  const { write, read } = await open()
  const event = firstEventOf("acme")
  expect(read(found(write(event, 5)))).toMatchObject({
    success: { event, body: encodePublicEvent(event), publishedAt: 5 },
  })
})

it("the trace of an event is in a header, too", async () => {
  const { write } = await open()
  const event = firstEventOf("acme")
  const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`
  expect(write({ ...event, traceparent }, 5).headers.get("traceparent")).toBe(traceparent)
  expect(write(event, 5).headers.has("traceparent")).toBe(false)
})

it("an event that is told again later has the same id, which nobody can tell from the event", async () => {
  const { write } = await open()
  const event = firstEventOf("acme")
  expect(write(event, 5).id).toBe(write(event, 6).id)
  expect(write(event, 5).id.startsWith(`${event.id}.`)).toBe(true)
  const other = await open({ STREAM_PREFIX: "other" })
  expect(other.write(event, 5).id).not.toBe(write(event, 5).id)
})

it.each([
  { STREAM_PREFIX: "other" },
  { NATS_STREAM: "OTHER" },
  { MASTER_KEYS: `test=${Buffer.alloc(32, 1).toString("base64")}` },
])("a message is not believed by a deployment with %o", async (environment) => {
  const ours = await open()
  const other = await open(environment)
  expect(other.read(found(ours.write(firstEventOf("acme"), 5)))).toMatchObject({ failure: "forged" })
})

it("what is sealed and does not belong to its subject, or is no event, is refused", async () => {
  const { appConfig, write, read } = await open()
  const { subject, headers, body } = write(firstEventOf("acme"), 5)
  const sealed = (subject: string, body: string) => {
    const parts = ["event", "ap", appConfig.nats.stream, subject, "5", body]
    headers.set(
      "Atlaspay-Seal",
      messageSeal(appConfig.vault.masterKeys, "atlaspay seal of public events").seal(parts),
    )
    return found({ subject, headers, body })
  }
  expect(read(sealed(subject, body))).toMatchObject({ _tag: "Success" })
  expect(read(sealed(subject.replace(".acme.", ".globex."), body))).toMatchObject({
    failure: "other-subject",
  })
  expect(read(sealed(subject, "{}"))).toMatchObject({ failure: "unreadable" })
})
