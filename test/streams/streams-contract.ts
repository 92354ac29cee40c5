/** What every adapter of the event log must hold to, whatever it keeps the log in. */
import { layer } from "@effect/vitest"
import { Layer } from "effect"
import type { AppConfig } from "../../src/config.ts"
import { settings } from "../settings.ts"
import { MAILBOX_MAX, PARTITIONS, SHARE } from "./contract-settings.ts"
import { holdsFeed } from "./feed-contract.ts"
import { holdsLogs } from "./log-contract.ts"
import { holdsRunQueue } from "./run-queue-contract.ts"
import type { Streams } from "./whole-log.ts"

export const streamsContract = <E>(name: string, adapter: Layer.Layer<Streams, E, AppConfig>): void => {
  const environment = {
    PARTITIONS: String(PARTITIONS),
    MAILBOX_MAX: String(MAILBOX_MAX),
    PARTNER_SHARE: String(SHARE),
  }
  const underTest = adapter.pipe(Layer.provide(settings(environment)))
  layer(underTest, { excludeTestServices: true })(name, (it) => {
    holdsLogs(it)
    holdsRunQueue(it)
    holdsFeed(it)
  })
}
