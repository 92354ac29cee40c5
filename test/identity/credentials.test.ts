import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { access, acts } from "../../src/identity/access.ts"
import { type Caller, lackOf } from "../../src/identity/caller.ts"
import { Credentials } from "../../src/identity/credentials.ts"
import { noStoredKeys } from "../http/api-under-test.ts"
import { settings } from "../settings.ts"

/** Who calls with each of these keys, or why the service does not start. */
const callers = (environment: Readonly<Record<string, string>>, ...keys: ReadonlyArray<string>) =>
  Effect.runPromise(
    Credentials.pipe(
      Effect.flatMap(({ callerOf }) =>
        Effect.forEach(keys, (key) =>
          Effect.catchTag(callerOf(`Bearer ${key}`, "127.0.0.1"), "Unauthorized", () =>
            Effect.succeed(undefined),
          ),
        ),
      ),
      Effect.provide(Layer.provide(Credentials.layer, noStoredKeys)),
      Effect.provide(settings({ OPERATOR_KEYS: "", ...environment })),
      Effect.catch((error) => Effect.succeed(error.message)),
    ),
  )

describe("a key", () => {
  it("is a credential by its name, and its successor is the same one", async () => {
    const API_KEYS = "acme/payroll=one,acme/payroll=two,acme/audit=three,globex=four"
    expect(await callers({ API_KEYS }, "one", "two", "three", "four", "five")).toMatchObject([
      { kind: "partner", partner: "acme", credential: "partner:acme/payroll" },
      { credential: "partner:acme/payroll" },
      { credential: "partner:acme/audit" },
      { partner: "globex", credential: expect.stringMatching(/^partner:globex\/key-[0-9a-f]{12}$/) },
      undefined,
    ])
  })

  it("without a name is a credential of its own, always the same, that does not tell it", async () => {
    const [one, two] = (await callers({ API_KEYS: "acme=one,acme=two" }, "one", "two")) as ReadonlyArray<{
      readonly credential: string
    }>
    const [again] = await callers({ API_KEYS: "globex=x,acme=one" }, "one")
    expect(again).toEqual(one)
    expect(one?.credential).not.toBe(two?.credential)
    expect(one?.credential).not.toContain("one")
  })

  it("of an operator is for what is listed, and without a list for all but approving", async () => {
    const OPERATOR_KEYS = "alice=one,bob:review+approve=two,carol:approver+keys:manage=three"
    const [alice, bob, carol] = (await callers(
      { OPERATOR_KEYS },
      "one",
      "two",
      "three",
    )) as ReadonlyArray<Caller>
    expect(carol).toMatchObject({ acts: new Set(["approve", "cancel", "batches:read", "keys:manage"]) })
    const may = (caller: Caller | undefined) =>
      acts.filter((act) => caller !== undefined && lackOf(caller, access[act]) === undefined)
    expect([alice?.credential, bob?.credential]).toEqual(["operator:alice", "operator:bob"])
    expect(may(alice)).toEqual(["cancel", "review", "retry", "resolve"])
    expect(may(bob)).toEqual(["approve", "review"])
    const [partner] = (await callers({}, "acme-key")) as ReadonlyArray<Caller>
    expect(may(partner)).toEqual(["approve", "cancel", "retry"])
  })
})

describe("the service does not start with", () => {
  it.each([
    [
      "a partner's key that is another's",
      { API_KEYS: "acme=secret,globex=secret" },
      "API_KEYS: entry 2 repeats",
    ],
    ["one key under two names", { API_KEYS: "acme/a=secret,acme/b=secret" }, "API_KEYS: entry 2 repeats"],
    [
      "an operator's that is a partner's",
      { API_KEYS: "acme=secret", OPERATOR_KEYS: "alice=secret" },
      "OPERATOR_KEYS: entry 1 repeats",
    ],
    [
      "two operators with one key",
      { OPERATOR_KEYS: "alice=secret,bob=secret" },
      "OPERATOR_KEYS: entry 2 repeats",
    ],
    [
      "an act that there is not",
      { OPERATOR_KEYS: "alice:pay=secret" },
      "OPERATOR_KEYS: entry 1 is not of the form",
    ],
    ["an operator without a key", { OPERATOR_KEYS: "alice" }, "OPERATOR_KEYS: entry 1 is not of the form"],
    ["a name that is none", { API_KEYS: "acme/Pay Roll=secret" }, "API_KEYS: entry 1 is not of the form"],
    ["a name in a name", { API_KEYS: "acme/a/b=secret" }, "API_KEYS: entry 1 is not of the form"],
  ])("%s, and says no key", async (_, environment, reason) => {
    const refusal = await callers(environment)
    expect(refusal).toEqual(expect.stringContaining(reason))
    expect(refusal).not.toContain("secret")
  })
})
