import { Effect, Result } from "effect"
import { expect, it } from "vitest"
import { AppConfig } from "../../src/config.ts"
import {
  decodeEndpointEvent,
  endpointDisabled,
  endpointEventName,
  endpointFailing,
  endpointTest,
} from "../../src/publisher/endpoint-event.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { isEndpointSubject } from "../../src/publisher/event-stream.ts"
import { settings } from "../settings.ts"

const endpoint = {
  id: "we_0123456789abcdef0123456789abcdef",
  partner: "acme",
  url: "https://acme.example:8443/hooks/s3cret?token=hush",
} as const
const at = new Date("2026-01-02T03:04:05.678Z")
const later = new Date("2026-01-04T00:00:00.000Z")

const failing = endpointFailing(endpoint, { at: later, failingSince: at, disabledAt: later })
const disabled = endpointDisabled(endpoint, { reason: "gone", since: at })

it("an event about an endpoint is read as it was written, and keeps the path of its URL secret", () => {
  for (const event of [failing, disabled]) {
    expect(Result.getOrThrow(decodeEndpointEvent(JSON.stringify(event)))).toEqual(event)
    expect(event.data).toMatchObject({ endpoint: endpoint.id, host: "acme.example:8443" })
  }
  for (const event of [failing, disabled, endpointTest(endpoint, at, "1")])
    expect(JSON.stringify(event)).not.toMatch(/s3cret|hush/)
})

it("its id is that of the change, whenever it is published", () => {
  expect(failing.id).toBe(`${endpoint.id}:failing:${at.getTime()}`)
  expect(disabled.id).toBe(`${endpoint.id}:disabled:${at.getTime()}`)
  expect(endpointFailing(endpoint, { at, failingSince: at, disabledAt: at }).id).toBe(failing.id)
})

it("its message is believed on its own subject alone, and is no event of a batch", async () => {
  const appConfig = await Effect.runPromise(Effect.provide(AppConfig, settings()))
  const { read, readNotice, writeNotice } = eventMessages(appConfig)
  const { subject, headers, body } = writeNotice(disabled, JSON.stringify(disabled), 1)
  expect(subject.split(".").slice(1)).toEqual(["events", "acme", "webhooks", endpointEventName(disabled)])
  expect(isEndpointSubject(subject)).toBe(true)
  expect(isEndpointSubject("atlaspay.events.acme.pb_qf3k6z2mwx7tjc4vhn5rya.PayoutSettled")).toBe(false)
  const message = { subject, headers, string: () => body }
  expect(Result.getOrThrow(readNotice(message))).toEqual(disabled)
  expect(read(message)).toEqual(Result.fail("unreadable"))
  expect(readNotice({ ...message, string: () => body.replace("gone", "none") })).toEqual(
    Result.fail("forged"),
  )
  expect(readNotice({ ...message, subject: subject.replace("acme", "globex") })).toEqual(
    Result.fail("forged"),
  )
})
