/** Removes secrets that have been replaced from the table once they have expired. They do not sign any more in any case. */
import { Effect } from "effect"
import { EndpointSecrets } from "./endpoint-secrets.ts"

const EVERY_MS = 10 * 60_000

/** Never ends. Any number of processes may do it at once. */
export const forgetExpiredSecrets = Effect.gen(function* () {
  const { forgetExpired } = yield* EndpointSecrets
  while (true) {
    const endpoints = yield* forgetExpired
    if (endpoints > 0) yield* Effect.logInfo("expired webhook secrets forgotten", { endpoints })
    yield* Effect.sleep(EVERY_MS)
  }
})
