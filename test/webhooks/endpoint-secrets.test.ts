/** Secrets and signing keys of endpoints are replaced without an event that a receiver cannot verify. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { importJWK } from "jose"
import { Webhook } from "standardwebhooks"
import { Postgres } from "../../src/platform/postgres.ts"
import { PartnerKeys } from "../../src/vault/partner-keys.ts"
import { EndpointSecrets, type LivePublicKey, OVERLAP_MS } from "../../src/webhooks/endpoint-secrets.ts"
import { WebhookEndpoints } from "../../src/webhooks/endpoints.ts"
import { openedSecret, resealed, type SealedSecrets } from "../../src/webhooks/secret-seal.ts"
import { layerWith } from "../../src/webhooks/webhooks.ts"
import { type Received, startReceiver } from "./receiver.ts"
import { deliveryRows, firstEventOf, publish, until, webhookPlatform } from "./webhook-platform.ts"

const platform = layerWith([20]).pipe(Layer.provideMerge(webhookPlatform()))

/** A partner with an endpoint, its receiver, and what its next webhook is like. */
const endpointOf = Effect.fnUntraced(function* (partner: string) {
  const { received, url } = yield* startReceiver()
  const { endpoint, secret } = yield* (yield* WebhookEndpoints).create({ partner, url })
  const next = Effect.gen(function* () {
    const count = received.length
    yield* publish([firstEventOf(partner)])
    yield* until(Effect.sync(() => received.length > count))
    const last = received.at(-1)
    if (last === undefined) throw new Error("nothing was received")
    return last
  })
  return { of: { partner, endpoint: endpoint.id }, secret, next, url, received }
})

const signaturesIn = ({ headers }: Received) => String(headers["webhook-signature"]).split(" ")
const versionsIn = (webhook: Received) => signaturesIn(webhook).map((one) => one.split(",")[0])
const verifies = (secret: string, { body, headers }: Received): boolean => {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    return true
  } catch {
    return false
  }
}

/** Whether one of the `v1a` signatures is by this key, as jose and the platform's cryptography see it. */
const isSignedBy = async ({ x }: LivePublicKey, webhook: Received): Promise<boolean> => {
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA")
  if (key instanceof Uint8Array) throw new Error("no public key")
  const { headers, body } = webhook
  const text = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`)
  const own = signaturesIn(webhook).flatMap((one) => (one.startsWith("v1a,") ? [one.slice(4)] : []))
  const answers = await Promise.all(
    own.map((one) => crypto.subtle.verify("Ed25519", key, Buffer.from(one, "base64"), text)),
  )
  return answers.includes(true)
}

const sql = (run: (sql: Parameters<Parameters<Postgres["Service"]["query"]>[1]>[0]) => Promise<unknown>) =>
  Effect.flatMap(Postgres, ({ query }) => query("as a test needs it", run))

const rowOf = Effect.fnUntraced(function* (endpoint: string) {
  const [row] = yield* (yield* Postgres).query(
    "look",
    (sql) => sql<Array<SealedSecrets & { readonly partner: string; readonly url: string }>>`
      select * from webhook_endpoints where id = ${endpoint}`,
  )
  if (row === undefined) throw new Error("no such row")
  return row
})

layer(platform, { excludeTestServices: true })("a secret that is replaced", (it) => {
  it.effect("signs besides the new one until its receiver has that, and then no more", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("rotated")
      const rotated = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
      assert.match(rotated.secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
      const leftMs = (rotated.previousUntil?.getTime() ?? 0) - Date.now()
      assert.isTrue(Math.abs(leftMs - OVERLAP_MS) < 60_000)
      const both = yield* next
      assert.deepStrictEqual(versionsIn(both), ["v1", "v1"])
      assert.isTrue(verifies(secret, both))
      assert.isTrue(verifies(rotated.secret, both))
      // The new one is the first: a receiver that looks at the first alone has to have the new one.
      const { headers, body } = both
      const alone = { body, headers: { ...headers, "webhook-signature": signaturesIn(both)[0] } } as Received
      assert.isTrue(verifies(rotated.secret, alone))
      yield* secrets.endPrevious("secret", of)
      yield* secrets.endPrevious("secret", of)
      const one = yield* next
      assert.deepStrictEqual(versionsIn(one), ["v1"])
      assert.isTrue(verifies(rotated.secret, one))
      assert.isFalse(verifies(secret, one))
      assert.deepStrictEqual(yield* secrets.signatures(of), {
        previousSecretUntil: undefined,
        publicKeys: [],
      })
    }),
  )

  it.effect("without an overlap does not sign any more, also if one is under way", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("leaked")
      const second = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
      const third = yield* secrets.rotateSecret(of, { overlapMs: 0 })
      assert.isUndefined(third.previousUntil)
      const webhook = yield* next
      assert.deepStrictEqual(versionsIn(webhook), ["v1"])
      assert.deepStrictEqual(
        [secret, second.secret, third.secret].map((one) => verifies(one, webhook)),
        [false, false, true],
      )
    }),
  )

  it.effect("is not replaced again while it signs, so that there is no third one", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("twice")
      const asked = { overlapMs: OVERLAP_MS }
      const answers = yield* Effect.all(
        Array.from({ length: 4 }, () => Effect.result(secrets.rotateSecret(of, asked))),
        { concurrency: 4 },
      )
      const made = answers.flatMap((one) => (one._tag === "Success" ? [one.success] : []))
      const refused = answers.flatMap((one) => (one._tag === "Failure" ? [one.failure] : []))
      assert.lengthOf(made, 1)
      for (const failure of refused)
        assert.deepStrictEqual(
          [failure._tag, "until" in failure && failure.until],
          ["RotationUnderWay", made[0]?.previousUntil],
        )
      const webhook = yield* next
      assert.deepStrictEqual(
        [secret, made[0]?.secret ?? ""].map((one) => verifies(one, webhook)),
        [true, true],
      )
    }),
  )

  it.effect("goes on signing when the rotation is started again because its answer was lost", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("lost")
      const lost = yield* secrets.rotateSecret(of, { overlapMs: 60_000 })
      const again = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS, restart: true })
      assert.isTrue((again.previousUntil?.getTime() ?? 0) > (lost.previousUntil?.getTime() ?? 0))
      const webhook = yield* next
      assert.deepStrictEqual(
        [secret, lost.secret, again.secret].map((one) => verifies(one, webhook)),
        [true, false, true],
      )
      assert.lengthOf(signaturesIn(webhook), 2)
    }),
  )

  it.effect("does not sign once it has expired, and is removed from the table", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("expired")
      const { secret: second } = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
      yield* sql(
        (sql) => sql`update webhook_endpoints set previous_secret_until = now() where id = ${of.endpoint}`,
      )
      const webhook = yield* next
      assert.deepStrictEqual(
        [secret, second].map((one) => verifies(one, webhook)),
        [false, true],
      )
      // Started again, the rotation does not bring it back either.
      const { secret: third } = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS, restart: true })
      const later = yield* next
      assert.deepStrictEqual(
        [secret, second, third].map((one) => verifies(one, later)),
        [false, true, true],
      )
      yield* sql(
        (sql) => sql`update webhook_endpoints set previous_secret_until = now() where id = ${of.endpoint}`,
      )
      assert.strictEqual(yield* secrets.forgetExpired, 1)
      assert.isNull((yield* rowOf(of.endpoint)).previous_secret)
      assert.strictEqual(yield* secrets.forgetExpired, 0)
    }),
  )

  it.effect("has a seal that does not hold in the place of the current one, nor the other way round", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      for (const [partner, change] of [
        ["put-back", "secret = previous_secret"],
        ["put-aside", "previous_secret = secret"],
      ] as const) {
        const { of, received } = yield* endpointOf(partner)
        yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
        yield* sql((sql) => sql.unsafe(`update webhook_endpoints set ${change} where id = '${of.endpoint}'`))
        yield* publish([firstEventOf(partner)])
        yield* until(Effect.map(deliveryRows(of.endpoint), ([row]) => row?.state === "dead"))
        assert.strictEqual((yield* deliveryRows(of.endpoint))[0]?.last_error, "the secret cannot be opened")
        assert.lengthOf(received, 0)
        // A new secret ends that.
        const { previousUntil } = yield* secrets.rotateSecret(of, { overlapMs: 0 })
        assert.isUndefined(previousUntil)
      }
    }),
  )

  it.effect("that cannot be opened is replaced at once", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, next } = yield* endpointOf("broken")
      yield* sql(
        (sql) => sql`update webhook_endpoints set secret = secret || 'AAAA' where id = ${of.endpoint}`,
      )
      const { secret, previousUntil } = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
      assert.isUndefined(previousUntil)
      assert.isTrue(verifies(secret, yield* next))
    }),
  )

  it.effect("is the partner's own affair, and the audit trail has no secret", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret } = yield* endpointOf("recorded")
      const others = { ...of, partner: "globex" }
      for (const change of [
        secrets.rotateSecret(others, { overlapMs: 0 }),
        secrets.endPrevious("secret", others),
        secrets.addSigningKey(others),
        secrets.removeSigningKey(others),
        secrets.rotateSigningKey(others, { overlapMs: 0 }),
        secrets.signatures(others),
      ])
        assert.strictEqual((yield* Effect.flip(Effect.asVoid(change)))._tag, "NoSuchEndpoint")
      assert.strictEqual(yield* secrets.partnerOf(of.endpoint), of.partner)
      assert.strictEqual((yield* Effect.flip(secrets.partnerOf("we_none")))._tag, "NoSuchEndpoint")
      const by = { who: "partner:recorded/clerk", address: "203.0.113.9" }
      const { secret: second, previousUntil } = yield* secrets.rotateSecret(of, { overlapMs: 1_000 }, by)
      yield* secrets.addSigningKey(of, by)
      yield* secrets.addSigningKey(of, by)
      yield* secrets.endPrevious("secret", of)
      const rows = yield* (yield* Postgres).query(
        "read the trail",
        (sql) => sql<Array<{ who: string; act: string; before: unknown; after: Record<string, unknown> }>>`
          select who, act, before, after from audit_trail
          where subject = ${`webhook-endpoint:${of.endpoint}`} order by sequence`,
      )
      assert.deepStrictEqual(
        rows.slice(1, 3).map(({ who, act }) => [who, act]),
        [
          [by.who, "webhook-endpoint.rotate-secret"],
          [by.who, "webhook-endpoint.add-signing-key"],
        ],
      )
      assert.strictEqual(rows[1]?.after.previousSecretUntil, previousUntil?.toISOString())
      const text = JSON.stringify(rows)
      const sealed = yield* rowOf(of.endpoint)
      for (const one of [secret, second, sealed.secret, sealed.signing_key ?? "none"])
        assert.notInclude(text, one)
    }),
  )
})

layer(platform, { excludeTestServices: true })("a key for asymmetric signatures", (it) => {
  const keysOf = Effect.fnUntraced(function* (of: { readonly partner: string; readonly endpoint: string }) {
    return (yield* (yield* EndpointSecrets).signatures(of)).publicKeys
  })

  it.effect("signs besides the secret, and is verified by its public key alone", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, secret, next } = yield* endpointOf("signed")
      const other = yield* endpointOf("signed-too")
      assert.strictEqual(
        (yield* Effect.flip(secrets.rotateSigningKey(of, { overlapMs: 0 })))._tag,
        "NoSigningKey",
      )
      yield* secrets.addSigningKey(of)
      yield* secrets.addSigningKey(other.of)
      const [key, ...rest] = yield* keysOf(of)
      const [othersKey] = yield* keysOf(other.of)
      if (key === undefined || othersKey === undefined) throw new Error("no key")
      assert.lengthOf(rest, 0)
      assert.match(key.text, /^whpk_[A-Za-z0-9+/]{43}=$/)
      assert.deepStrictEqual(yield* secrets.publicKeys(of.endpoint), [key])
      const webhook = yield* next
      assert.deepStrictEqual(versionsIn(webhook), ["v1", "v1a"])
      assert.isTrue(verifies(secret, webhook))
      assert.isTrue(yield* Effect.promise(() => isSignedBy(key, webhook)))
      assert.isFalse(yield* Effect.promise(() => isSignedBy(othersKey, webhook)))
      const changed = { ...webhook, body: `${webhook.body} ` }
      assert.isFalse(yield* Effect.promise(() => isSignedBy(key, changed)))
      yield* secrets.removeSigningKey(of)
      assert.deepStrictEqual(versionsIn(yield* next), ["v1"])
      assert.deepStrictEqual(yield* secrets.publicKeys(of.endpoint), [])
    }),
  )

  it.effect("is replaced as a secret is: both are listed and both sign for a while", () =>
    Effect.gen(function* () {
      const secrets = yield* EndpointSecrets
      const { of, next } = yield* endpointOf("signed-anew")
      yield* secrets.addSigningKey(of)
      const [first] = yield* keysOf(of)
      const { previousUntil } = yield* secrets.rotateSigningKey(of, { overlapMs: OVERLAP_MS })
      assert.strictEqual(
        (yield* Effect.flip(secrets.rotateSigningKey(of, { overlapMs: 1 })))._tag,
        "RotationUnderWay",
      )
      const keys = yield* keysOf(of)
      assert.deepStrictEqual(
        keys.map(({ until }) => until),
        [undefined, previousUntil],
      )
      assert.strictEqual(keys[1]?.text, first?.text)
      const both = yield* next
      assert.deepStrictEqual(versionsIn(both), ["v1", "v1a", "v1a"])
      for (const key of keys) assert.isTrue(yield* Effect.promise(() => isSignedBy(key, both)))
      yield* secrets.endPrevious("signing key", of)
      const one = yield* next
      assert.deepStrictEqual(versionsIn(one), ["v1", "v1a"])
      const [current, previous] = keys
      if (current === undefined || previous === undefined) throw new Error("two keys were expected")
      assert.isTrue(yield* Effect.promise(() => isSignedBy(current, one)))
      assert.isFalse(yield* Effect.promise(() => isSignedBy(previous, one)))
    }),
  )

  it.effect("moves with its endpoint to another URL, as the secrets do", () =>
    Effect.gen(function* () {
      const [secrets, keys] = [yield* EndpointSecrets, yield* PartnerKeys]
      const { of, secret, url } = yield* endpointOf("moved")
      const { secret: second } = yield* secrets.rotateSecret(of, { overlapMs: OVERLAP_MS })
      yield* secrets.addSigningKey(of)
      yield* secrets.rotateSigningKey(of, { overlapMs: OVERLAP_MS })
      const from = { endpoint: of.endpoint, partner: of.partner, url }
      const to = { ...from, url: "https://elsewhere.example/" }
      const before = yield* rowOf(of.endpoint)
      const after = yield* resealed(keys, from, to, before)
      if (after === undefined) throw new Error("they were to be opened")
      for (const use of ["secret", "previous_secret", "signing_key", "previous_signing_key"] as const) {
        const opened = yield* openedSecret(keys, from, before[use] ?? "", use)
        const moved = yield* openedSecret(keys, to, after[use] ?? "", use)
        if (opened === undefined || moved === undefined) throw new Error(`${use} was to be opened`)
        assert.strictEqual(Redacted.value(moved), Redacted.value(opened))
        assert.isUndefined(yield* openedSecret(keys, from, after[use] ?? "", use))
        if (use === "secret") assert.strictEqual(Redacted.value(moved), second)
        if (use === "previous_secret") assert.strictEqual(Redacted.value(moved), secret)
      }
      assert.isUndefined(yield* resealed(keys, to, from, before))
    }),
  )
})
