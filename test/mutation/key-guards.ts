/** Guards of API keys: what makes a key work, and what makes it stop, each with the test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const directory = "test/identity/key-directory.test.ts"
const administration = "test/identity/administration.test.ts"
const networks = "test/identity/networks.test.ts"
const matrix = "test/http/access-matrix.test.ts"

export const keyGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a key works with its own secret only",
    file: "identity/key-directory.ts",
    text: 'if (!(yield* matches(key, record.terms, record.hash))) return "wrong-secret"',
    without: "",
    caughtIn: directory,
    caughtBy: "is refused with another secret, and if it does not exist",
  },
  {
    name: "a hash is bound to the terms of its key",
    file: "identity/api-key-hash.ts",
    text: 'JSON.stringify(["api key", text, terms])',
    without: 'JSON.stringify(["api key", text])',
    caughtIn: directory,
    caughtBy: "does not work once somebody changed what it permits in the table",
  },
  {
    name: "a key that ended is refused",
    file: "identity/key-directory.ts",
    text: 'if (Math.min(record.endsMs, marks.ended.get(id) ?? record.endsMs) <= now) return "ended"',
    without: "",
    caughtIn: directory,
    caughtBy: "ends when it expires",
  },
  {
    name: "a mark ends a key that Postgres cannot be asked about",
    file: "identity/key-directory.ts",
    text: "marks.ended.get(id) ?? record.endsMs",
    without: "record.endsMs",
    caughtIn: directory,
    caughtBy: "while the process does not reach Postgres",
  },
  {
    name: "a revocation is marked where every process reads it",
    file: "identity/administration.ts",
    text: "yield* markEnd(key)",
    without: "",
    caughtIn: directory,
    caughtBy: "while the process does not reach Postgres",
  },
  {
    name: "what is known of a key counts for a moment while marks are not read",
    file: "identity/key-directory.ts",
    text: "followed.isFresh(now) ? RECORD_KEPT_MS : ALONE_FRESH_MS",
    without: "RECORD_KEPT_MS",
    caughtIn: directory,
    caughtBy: "while the process does not reach Redis",
  },
  {
    name: "a key works from its networks",
    file: "identity/key-directory.ts",
    text: 'if (networks !== undefined && !networks.contain(address)) return "other-network"',
    without: "",
    caughtIn: directory,
    caughtBy: "works only from its networks",
  },
  {
    name: "an address is not what a stranger writes",
    file: "identity/networks.ts",
    text: "|| !trusted.contain(direct)",
    without: "",
    caughtIn: networks,
    caughtBy: "is never what a stranger writes",
  },
  {
    name: "a suspended partner's keys of the settings are refused",
    file: "identity/credentials.ts",
    text: 'caller.kind === "partner" && directory.isSuspended(caller.partner)',
    without: "false",
    caughtIn: directory,
    caughtBy: "is refused with keys of the settings as well",
  },
  {
    name: "the end of a key only becomes earlier",
    file: "identity/access-marks-redis.ts",
    text: 'redis.zadd(key, "LT", ...given)',
    without: "redis.zadd(key, ...given)",
    caughtIn: administration,
    caughtBy: "of a key's end only becomes earlier",
  },
  {
    name: "of two states of a partner the later one counts",
    file: "identity/access-marks-redis.ts",
    text: 'redis.zadd(key, "GT", ...given)',
    without: "redis.zadd(key, ...given)",
    caughtIn: administration,
    caughtBy: "is suspended by the later of two marks, in whatever order they come",
  },
  {
    name: "marks that Redis lost are written again",
    file: "identity/key-directory.ts",
    text: "yield* marks.write(missing)",
    without: "",
    caughtIn: directory,
    caughtBy: "marks that Redis lost are written again from the record",
  },
  {
    name: "a partner's key needs the scope of the route",
    file: "identity/caller.ts",
    text: "if (caller.scopes.has(partner)) return undefined",
    without: "return undefined",
    caughtIn: matrix,
    caughtBy: "POST /webhook-endpoints",
  },
  {
    name: "an operator's key needs the act of the route",
    file: "identity/caller.ts",
    text: 'operator === "any" || caller.acts.has(operator)',
    without: "true",
    caughtIn: matrix,
    caughtBy: "GET /admin/audit",
  },
]
