/** Guards around the secrets that sign webhooks while they are replaced, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const store = "webhooks/endpoint-secrets-postgres.ts"
const live = "webhooks/live-secrets-postgres.ts"
const caughtIn = "test/webhooks/endpoint-secrets.test.ts"

export const webhookSecretGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a secret that is being replaced cannot be put in the place of its successor",
    file: "webhooks/secret-seal.ts",
    text: "JSON.stringify([uses[use], endpoint, partner, url])",
    without: "JSON.stringify([uses.secret, endpoint, partner, url].slice(use.length * 0))",
    caughtIn,
    caughtBy: "has a seal that does not hold in the place of the current one",
  },
  {
    name: "a secret that has expired does not sign",
    file: live,
    text: "case when previous_secret_until > now() then previous_secret end as previous_secret",
    without: "previous_secret",
    caughtIn,
    caughtBy: "does not sign once it has expired",
  },
  {
    name: "nothing is signed if one of several secrets cannot be opened",
    file: live,
    text: "if (opened === undefined) return undefined",
    without: "if (opened === undefined) continue",
    caughtIn,
    caughtBy: "has a seal that does not hold in the place of the current one",
  },
  {
    name: "there is no third secret",
    file: store,
    text: "if (ends !== null && !restart) return yield* new RotationUnderWay({ until: ends })",
    without: "",
    caughtIn,
    caughtBy: "is not replaced again while it signs",
  },
  {
    name: "a rotation that is started again keeps the secret that the receiver has",
    file: store,
    text: 'if (ends !== null && until === "previous_secret_until")',
    without: "if (ends !== null && row.id === undefined)",
    caughtIn,
    caughtBy: "goes on signing when the rotation is started again",
  },
  {
    name: "without an overlap the old secret ends at once",
    file: store,
    text: "if (overlapMs === 0) return alone",
    without: "if (overlapMs === 0) return { ...renewed }",
    caughtIn,
    caughtBy: "without an overlap does not sign any more",
  },
  {
    name: "of two rotations at once, one begins again",
    file: store,
    text: "and (version, secret) = ($",
    without: "and (version, version, secret) <> (0, $",
    caughtIn,
    caughtBy: "is not replaced again while it signs",
  },
  {
    name: "a partner does not replace another's secret",
    file: store,
    text: "or partner = $",
    without: "or true or partner = $",
    caughtIn,
    caughtBy: "is the partner's own affair",
  },
  {
    name: "what has expired is removed from the table",
    file: store,
    text: "previous_secret = case when previous_secret_until > now() then previous_secret end,",
    without: "",
    caughtIn,
    caughtBy: "does not sign once it has expired",
  },
]
