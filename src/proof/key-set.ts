/** The public keys of the tree as a JWK set (RFC 7517, RFC 8037). */
import { Effect, Schema } from "effect"
import { ProofRoots } from "./proof-roots.ts"

export const ProofKeySet = Schema.Struct({
  keys: Schema.Array(
    Schema.Struct({
      kty: Schema.Literal("OKP"),
      crv: Schema.Literal("Ed25519"),
      alg: Schema.Literal("EdDSA"),
      use: Schema.Literal("sig"),
      kid: Schema.String.annotate({ description: "The key id in the signature of a root." }),
      x: Schema.String,
      vkey: Schema.String.annotate({
        description: "The same key as verifiers of signed notes take it (https://c2sp.org/signed-note).",
      }),
    }),
  ),
}).annotate({ identifier: "ProofKeySet", description: "The keys that signed roots, the latest first." })

/** The keys of all roots that were signed, also of those that were replaced. */
export const proofKeySet = Effect.gen(function* () {
  const keys = yield* (yield* ProofRoots).keys
  return {
    keys: keys.map(({ keyId: kid, x, text: vkey }) => ({
      kty: "OKP" as const,
      crv: "Ed25519" as const,
      alg: "EdDSA" as const,
      use: "sig" as const,
      kid,
      x,
      vkey,
    })),
  }
})
