/** Operators who sign in at an issuer: whom a token makes them, and which tokens are refused. The issuer is a real server. */
import { createHmac } from "node:crypto"
import { Effect, Exit, Layer, ManagedRuntime, Option } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { lackOf, type OperatorCaller } from "../../src/identity/caller.ts"
import { Credentials } from "../../src/identity/credentials.ts"
import { makeSignIn } from "../../src/identity/sign-in.ts"
import { signInTerms } from "../../src/identity/sign-in-settings.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { noStoredKeys } from "../http/api-under-test.ts"
import { PATIENCE_MS } from "../patience.ts"
import { settings } from "../settings.ts"
import { AUDIENCE, IssuerUnderTest, type SigningKey, signingKey } from "./issuer-under-test.ts"

const ROLES = "payout-reviewers=reviewer,payout-leads=approver+resolver,auditors=auditor"

let [rsa, ec, stranger]: ReadonlyArray<SigningKey> = []
let issuer: IssuerUnderTest
let service: ManagedRuntime.ManagedRuntime<Credentials, unknown>
const lines: Array<string> = []

/** The service with operators of the issuer, and of the settings. */
const serviceFor = (environment: Readonly<Record<string, string>> = {}) =>
  ManagedRuntime.make(
    Credentials.layer.pipe(
      Layer.provide([noStoredKeys, settings({ OPERATOR_KEYS: "", ...environment })]),
      Layer.provideMerge(freshMetrics),
      Layer.provideMerge(loggingLayer((line) => lines.push(line))),
    ),
  )

const ofIssuer = (of = issuer) => ({ OIDC_ISSUER: of.url, OIDC_AUDIENCE: AUDIENCE, OIDC_ROLES: ROLES })

beforeAll(async () => {
  ;[rsa, ec, stranger] = await Promise.all([
    signingKey("one"),
    signingKey("two", "ES256"),
    signingKey("three"),
  ])
  issuer = await IssuerUnderTest.open([rsa, ec] as ReadonlyArray<SigningKey>)
  service = serviceFor({
    ...ofIssuer(),
    OIDC_OPERATORS: "bert=00u-bert",
    OPERATOR_KEYS: "bert:approve=bert-key",
  })
})
afterAll(async () => {
  await service.dispose()
  await issuer[Symbol.asyncDispose]()
})

/** Who a token makes its holder, or the tag of the refusal. */
const signIn = (token: string, at = service): Promise<OperatorCaller | string> =>
  at.runPromise(
    Effect.flatMap(Credentials, ({ callerOf }) =>
      Effect.match(callerOf(`Bearer ${token}`, "203.0.113.9"), {
        onSuccess: (caller) => (caller.kind === "operator" ? caller : "a partner"),
        onFailure: ({ _tag }) => _tag,
      }),
    ),
  )

const token = (...args: Parameters<IssuerUnderTest["token"]>) => issuer.token(...args)
const signed = (claims = {}, header = {}) => token(rsa as SigningKey, claims, header)

describe("a token", () => {
  it("makes an operator by its subject, with the roles of its claim", async () => {
    const caller = await signIn(await signed({ roles: ["payout-reviewers", "auditors", "others"] }))
    expect(caller).toMatchObject({
      kind: "operator",
      credential: expect.stringMatching(/^operator:sso-[a-z]{28}$/),
      acts: new Set(["review", "cancel", "batches:read", "audit:read"]),
    })
  })

  it("makes the same operator under every key and name, and another one for another subject or issuer", async () => {
    const [one, again, other] = await Promise.all(
      [
        await signed({ name: "A" }),
        await token(ec as SigningKey, { name: "B" }),
        await signed({ sub: "00u-Anna" }),
      ].map((each) => signIn(each)),
    )
    expect(again).toMatchObject({ credential: (one as OperatorCaller).credential, name: "B" })
    expect((other as OperatorCaller).credential).not.toBe((one as OperatorCaller).credential)
    await using second = await IssuerUnderTest.open([rsa as SigningKey])
    const elsewhere = serviceFor(ofIssuer(second))
    const there = await signIn(await second.token(rsa as SigningKey), elsewhere)
    expect(there).toMatchObject({ kind: "operator" })
    expect((there as OperatorCaller).credential).not.toBe((one as OperatorCaller).credential)
    await elsewhere.dispose()
  })

  it("of a subject that the settings name makes the same person as the operator's key", async () => {
    const byToken = await signIn(await signed({ sub: "00u-bert", preferred_username: "bert@example.com" }))
    expect(byToken).toMatchObject({ credential: "operator:bert", name: "bert@example.com" })
    expect(await signIn("bert-key")).toMatchObject({ credential: "operator:bert" })
  })

  it("without a role may do nothing, and is not told that it is unknown", async () => {
    const caller = (await signIn(await signed({ roles: ["others"] }))) as OperatorCaller
    expect(caller.acts).toEqual(new Set())
    expect(lackOf(caller, { partner: "batches:read", operator: "batches:read" })).toBeDefined()
  })

  it.each([
    ["a text with spaces", { roles: "others payout-leads" }],
    ["a list", { roles: ["payout-leads", 7, null] }],
  ])("has its roles in %s", async (_, claims) => {
    expect(await signIn(await signed(claims))).toMatchObject({
      acts: new Set(["approve", "cancel", "batches:read", "resolve", "retry"]),
    })
  })

  it.each(["realm_access.roles", "https://example.com/roles"])(
    "has its roles in the claim %s",
    async (claim) => {
      const other = serviceFor({ ...ofIssuer(), OIDC_ROLES_CLAIM: claim })
      const claims = { realm_access: { roles: ["auditors"] }, "https://example.com/roles": ["auditors"] }
      expect(await signIn(await signed(claims), other)).toMatchObject({
        acts: new Set(["audit:read", "batches:read"]),
      })
      await other.dispose()
    },
  )

  it("gives no name that could be an account number", async () => {
    const caller = await signIn(
      await signed({ preferred_username: "DE89370400440532013000", email: "x@example.com" }),
    )
    expect(caller).toMatchObject({ name: "x@example.com" })
  })
})

const now = () => Math.floor(Date.now() / 1_000)
const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A token whose signature somebody else makes. */
const forged = async (header: object, sign: (of: string) => string) => {
  const [, claims] = (await signed({ roles: ["payout-leads"] })).split(".")
  const signable = `${encoded(header)}.${claims}`
  return `${signable}.${sign(signable)}`
}

const refusals: ReadonlyArray<readonly [string, string, () => Promise<string>]> = [
  ["for another audience", "token-audience", () => signed({ aud: "another-service" })],
  ["for no audience", "token-audience", () => signed({ aud: undefined })],
  ["of another issuer", "token-issuer", () => signed({ iss: "https://issuer.example" })],
  ["that has expired", "token-expired", () => signed({ exp: now() - 60 })],
  ["without an end", "token-claims", () => signed({ exp: undefined })],
  ["that is too old, whatever its end", "token-expired", () => signed({ iat: now() - 3 * 3_600 })],
  ["without its age", "token-claims", () => signed({ iat: undefined })],
  ["of the future", "token-claims", () => signed({ iat: now() + 600 })],
  ["that does not count yet", "token-not-yet", () => signed({ nbf: now() + 600 })],
  ["without a subject", "token-claims", () => signed({ sub: undefined })],
  ["with an empty subject", "token-claims", () => signed({ sub: "" })],
  ["under the algorithm none", "token-algorithm", () => forged({ alg: "none", kid: "one" }, () => "")],
  [
    "under HS256 with the public key as the secret",
    "token-algorithm",
    () =>
      forged({ alg: "HS256", kid: "one" }, (of) =>
        createHmac("sha256", (rsa as SigningKey).pem)
          .update(of)
          .digest("base64url"),
      ),
  ],
  ["under an algorithm of another kind than its key", "token-key-unknown", () => signed({}, { kid: "two" })],
  ["of a key that nobody published", "token-key-unknown", () => token(stranger as SigningKey)],
  [
    "of a stranger's key under a published id",
    "token-signature",
    () => token(stranger as SigningKey, {}, { kid: "one" }),
  ],
  ["that names no key", "token-key-unknown", () => signed({}, { kid: undefined })],
  ["that was changed", "token-signature", async () => `${(await signed()).slice(0, -8)}AAAAAAAA`],
  ["that is none", "token-malformed", async () => "eyJ.x.y"],
]

const counted = ({ credentialsRefused }: Metrics) => Effect.promise(() => credentialsRefused.get())

describe("a token is refused", () => {
  it.each(refusals)("%s", async (_, reason, made) => {
    const forgedToken = await made()
    const count = () =>
      service.runPromise(
        Effect.gen(function* () {
          const { values } = yield* counted(yield* Metrics)
          return values.find(({ labels }) => labels.reason === reason)?.value ?? 0
        }),
      )
    const before = await count()
    expect(await signIn(forgedToken)).toBe("Unauthorized")
    expect(await count()).toBe(before + 1)
    expect(lines.at(-1)).toContain(reason)
  })

  it("if there is no issuer in the settings", async () => {
    const alone = serviceFor()
    expect(await signIn(await signed(), alone)).toBe("Unauthorized")
    await alone.dispose()
  })

  it("and no log line has a token", async () => {
    await signIn(await signed({ aud: "another-service" }))
    expect(lines.join("\n")).toContain("sign-in refused")
    expect(lines.join("\n")).not.toMatch(/eyJ[\w-]{20}/)
  })
})

/** Keys are read often. An answer may take as long as ever: a machine may be busy with other things. */
const fast = { refreshEveryMs: 100, coolDownMs: 20, answerMsMax: 5_000 }

/** Signing in with short times, at an issuer of its own. */
const atIssuer = async (
  times: typeof fast,
  outageMsMax: number,
  run: (
    own: IssuerUnderTest,
    tells: (token: string, signal?: AbortSignal) => Promise<string>,
  ) => Promise<void>,
  before: (own: IssuerUnderTest) => void = () => {},
) => {
  await using own = await IssuerUnderTest.open([rsa as SigningKey])
  before(own)
  await Effect.runPromise(
    Effect.scoped(
      Effect.gen(function* () {
        const terms = yield* signInTerms({
          issuer: Option.some(own.url),
          audience: Option.some(AUDIENCE),
          rolesClaim: "roles",
          roles: [["a", "viewer"]],
          operators: [],
          tokenAgeMsMax: 3_600_000,
          outageMsMax,
        })
        if (terms === undefined) throw new Error("no terms")
        const { callerOf } = yield* makeSignIn(terms, () => Effect.undefined, times)
        const tells = async (presented: string, signal?: AbortSignal) => {
          const exit = await Effect.runPromiseExit(
            Effect.match(callerOf(presented), {
              onSuccess: () => "signed in",
              onFailure: (failure) => (failure._tag === "TokenRefused" ? failure.reason : failure._tag),
            }),
            signal && { signal },
          )
          return Exit.isSuccess(exit) ? exit.value : "disconnected"
        }
        yield* Effect.promise(() => run(own, tells))
      }),
    ).pipe(Effect.provide(loggingLayer((line) => lines.push(line)))),
  )
}

const away = (response: Parameters<NonNullable<IssuerUnderTest["trouble"]>>[0]) => response.destroy()

describe("the keys of an issuer", () => {
  it("are read again when a token names a new one, and an old one stops working", async () => {
    await atIssuer(fast, 60_000, async (own, tells) => {
      const [old, next] = [rsa as SigningKey, stranger as SigningKey]
      expect(await tells(await own.token(old))).toBe("signed in")
      own.keys = [next.jwk]
      await vi.waitFor(async () => expect(await tells(await own.token(next))).toBe("signed in"), PATIENCE_MS)
      expect(await tells(await own.token(old))).toBe("token-key-unknown")
    })
  })

  it("that were taken back stop working although nobody names another", async () => {
    await atIssuer(fast, 60_000, async (own, tells) => {
      const taken = await own.token(rsa as SigningKey)
      expect(await tells(taken)).toBe("signed in")
      own.keys = [(stranger as SigningKey).jwk]
      await vi.waitFor(async () => expect(await tells(taken)).toBe("token-key-unknown"), PATIENCE_MS)
    })
  })

  it("are not read more often than once per cool-down, whatever tokens come", async () => {
    await atIssuer({ ...fast, refreshEveryMs: 600_000, coolDownMs: 600_000 }, 600_000, async (own, tells) => {
      expect(await tells(await own.token(rsa as SigningKey))).toBe("signed in")
      const strange = await Promise.all(
        ["x", "y", "z"].map(async (kid) => tells(await own.token(stranger as SigningKey, {}, { kid }))),
      )
      expect(strange).toEqual(["token-key-unknown", "token-key-unknown", "token-key-unknown"])
      expect(own.reads).toBe(1)
    })
  })

  it("are read to the end although the client that asked for a new one disconnects", async () => {
    await atIssuer({ ...fast, refreshEveryMs: 600_000, coolDownMs: 1_000 }, 600_000, async (own, tells) => {
      const next = stranger as SigningKey
      expect(await tells(await own.token(rsa as SigningKey))).toBe("signed in")
      own.keys = [next.jwk]
      const client = new AbortController()
      own.trouble = (response) => {
        client.abort()
        own.trouble = undefined
        response.end(JSON.stringify({ issuer: own.url, jwks_uri: `${own.url}/keys` }))
      }
      await vi.waitFor(
        async () => expect(await tells(await own.token(next), client.signal)).toBe("disconnected"),
        PATIENCE_MS,
      )
      expect(await tells(await own.token(next))).toBe("signed in")
    })
  })

  it("count on while the issuer is away, but not without end", async () => {
    await atIssuer(fast, 5_000, async (own, tells) => {
      const known = await own.token(rsa as SigningKey)
      expect(await tells(known)).toBe("signed in")
      own.trouble = away
      const reads = own.reads
      await vi.waitFor(
        async () => expect(await tells(await own.token(stranger as SigningKey))).toBe("IssuerUnavailable"),
        PATIENCE_MS,
      )
      expect(await tells(known)).toBe("signed in")
      await vi.waitFor(async () => expect(await tells(known)).toBe("IssuerUnavailable"), PATIENCE_MS)
      own.trouble = undefined
      await vi.waitFor(async () => expect(await tells(known)).toBe("signed in"), PATIENCE_MS)
      expect(own.reads).toBeGreaterThan(reads)
    })
  })

  const troubles: ReadonlyArray<readonly [string, (own: IssuerUnderTest) => void]> = [
    ["is away", (own) => own.troubleBy(away)],
    ["never answers", (own) => own.troubleBy(() => {})],
    ["fails", (own) => own.troubleBy((response) => response.writeHead(500).end("{}"))],
    ["answers too much", (own) => own.troubleBy((response) => response.end(`"${"x".repeat(300_000)}"`))],
    ["answers nonsense", (own) => own.troubleBy((response) => response.end("no JSON"))],
    [
      "sends us elsewhere",
      (own) => own.troubleBy((response) => response.writeHead(302, { location: `${own.url}/keys` }).end()),
    ],
    ["names another issuer", (own) => own.nameAnother("https://issuer.example")],
  ]
  it.each(troubles)(
    "are unavailable if the issuer %s, and the token is not called wrong",
    async (_, trouble) => {
      await atIssuer(
        { ...fast, refreshEveryMs: 600_000, answerMsMax: 200 },
        600_000,
        async (own, tells) =>
          expect(await tells(await own.token(rsa as SigningKey))).toBe("IssuerUnavailable"),
        trouble,
      )
    },
  )

  it("are never shared secrets, or keys for another use", async () => {
    const secret = Buffer.from("a shared secret of the issuer").toString("base64url")
    await atIssuer(
      fast,
      600_000,
      async (own, tells) => {
        expect(await tells(await own.token(rsa as SigningKey))).toBe("token-key-unknown")
        expect(await tells(await own.token(rsa as SigningKey, {}, { kid: "shared" }))).toBe(
          "token-key-unknown",
        )
      },
      (own) => {
        own.keys = [
          { kty: "oct", kid: "shared", k: secret },
          { ...(rsa as SigningKey).jwk, use: "enc" },
        ]
      },
    )
  })
})

describe("the service does not start with", () => {
  const whole = { OIDC_ISSUER: "https://issuer.example", OIDC_AUDIENCE: AUDIENCE, OIDC_ROLES: ROLES }
  it.each([
    [
      "an issuer over plain HTTP",
      { ...whole, OIDC_ISSUER: "http://issuer.example" },
      "OIDC_ISSUER: expected an https URL",
    ],
    [
      "an issuer that looks like this machine",
      { ...whole, OIDC_ISSUER: "http://127.0.0.1.example" },
      "OIDC_ISSUER",
    ],
    ["an issuer that is no address", { ...whole, OIDC_ISSUER: "issuer" }, "OIDC_ISSUER"],
    ["an issuer without an audience", { ...whole, OIDC_AUDIENCE: "" }, "OIDC_AUDIENCE"],
    ["an issuer without roles", { ...whole, OIDC_ROLES: "" }, "OIDC_ROLES"],
    ["roles without an issuer", { ...whole, OIDC_ISSUER: "" }, "OIDC_ISSUER"],
    ["a role that there is not", { ...whole, OIDC_ROLES: "x=reviewer,y=owner" }, "OIDC_ROLES: entry 2"],
    ["a value that gives roles twice", { ...whole, OIDC_ROLES: "x=reviewer,x=admin" }, "OIDC_ROLES: entry 2"],
    ["a subject with two names", { ...whole, OIDC_OPERATORS: "a=1,b=1" }, "OIDC_OPERATORS: entry 2"],
    ["a name that is none", { ...whole, OIDC_OPERATORS: "Anna=1" }, "OIDC_OPERATORS: entry 1"],
  ])("%s", async (_, environment, reason) => {
    const failing = serviceFor(environment)
    const failure = await failing.runPromise(Effect.void).then(
      () => "it started",
      (error: unknown) => String(error),
    )
    expect(failure).toContain(reason)
    await failing.dispose()
  })
})
