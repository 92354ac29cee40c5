/** Guards of partners' settings: no batch passes a limit, and a day counts each batch once, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const http = "test/http/payout-batches/partner-settings.test.ts"
const identity = "test/identity/partner-settings.test.ts"
const day = "test/streams/day-limit-redis.test.ts"

export const partnerSettingsGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a batch is held to its partner's settings",
    file: "http/payout-batches/payable-request.ts",
    text: "const refused = yield* refusedBySettings(terms, request, now, problemsMax)",
    without: "const refused: ReadonlyArray<FieldProblem> = []",
    caughtIn: http,
    caughtBy: "is refused for an amount that a setting does not allow",
  },
  {
    name: "a limit allows nothing in currencies that it does not name",
    file: "http/payout-batches/partner-terms.ts",
    text: "if (max === undefined) return",
    without: "if (max === undefined) return undefined; return",
    caughtIn: http,
    caughtBy: "is refused for an amount in another currency that a setting does not allow",
  },
  {
    name: "a batch counts in its partner's day",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: "countInDay({ id, partner, digest: content, accepted }, terms, request)",
    without:
      "countInDay({ id, partner, digest: content, accepted }, { ...terms, dayMax: undefined }, request)",
    caughtIn: http,
    caughtBy: "is used up by whichever keys, and says so with the setting",
  },
  {
    name: "a count is given back only if the log has no batch of it",
    file: "http/payout-batches/day-count.ts",
    text: "if (yield* isOpenedBy(count)) yield* limit.opened(partner, count.id)",
    without: "if (false) yield* limit.opened(partner, count.id)",
    caughtIn: http,
    caughtBy: "is not used up by who died before the batch was opened, and is by who died after",
  },
  {
    name: "a count whose log cannot be read stays",
    file: "http/payout-batches/day-count.ts",
    text: 'Effect.catchTag("CorruptEntry", () => Effect.succeed(true)),',
    without: 'Effect.catchTag("CorruptEntry", () => Effect.succeed(false)),',
    caughtIn: http,
    caughtBy: "stays used up by a batch whose log cannot be read",
  },
  {
    name: "a count whose batch may still be opened is not given back",
    file: "http/payout-batches/day-count.ts",
    text: "limit.open(partner, now - UNDER_WAY_MS, LOOKED_INTO_MAX)",
    without: "limit.open(partner, now, LOOKED_INTO_MAX)",
    caughtIn: http,
    caughtBy: "is not used up by who died before the batch was opened, and is by who died after",
  },
  {
    name: "a count that a repetition took over is not given back",
    file: "streams/day-limit-give-back.lua",
    text: "if not at or tonumber(at) ~= tonumber(ARGV[2]) then return 0 end",
    without: "if not at then return 0 end",
    caughtIn: day,
    caughtBy: "stays with a repetition that took it over",
  },
  {
    name: "a count that is taken over has a later time than before",
    file: "streams/day-limit-count.lua",
    text: "now = math.max(now, tonumber(at) + 1)",
    without: "",
    caughtIn: day,
    caughtBy: "that is taken over has a later time, also within a millisecond",
  },
  {
    name: "a known request is answered while settings cannot be read",
    file: "http/payout-batches/payout-batch-intake.ts",
    text: 'Effect.catchTag("StoreUnavailable", (away) => acceptedBefore(submission, away)),',
    without: "",
    caughtIn: http,
    caughtBy:
      "that was accepted is answered as before while the settings cannot be read, and a new one waits",
  },
  {
    name: "what is opened does not count a second time",
    file: "streams/day-limit-count.lua",
    text: "if not at then return {now, ''} end",
    without: "at = at or 0",
    caughtIn: day,
    caughtBy: "counts an id once, before its batch is opened and after",
  },
  {
    name: "what a repetition counted before does not stand in its way",
    file: "streams/day-limit-count.lua",
    text: "old[field] = minor end",
    without: "end",
    caughtIn: day,
    caughtBy: "counts an id once, before its batch is opened and after",
  },
  {
    name: "settings that were changed are not used",
    file: "identity/followed-settings.ts",
    text: "const isCurrent = entry !== undefined && entry.version >= version",
    without: "const isCurrent = entry !== undefined",
    caughtIn: identity,
    caughtBy: "count in every process within five seconds, and as they were when it starts",
  },
  {
    name: "settings that are older than those that were set are not used",
    file: "identity/followed-settings.ts",
    text: "if (stored.version < version) return yield* behind(partner)",
    without: "",
    caughtIn: identity,
    caughtBy: "that are older than those that were set are not used",
  },
]
