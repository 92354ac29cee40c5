/** The keys that seal accounts, and the one that signs proofs. */
import { Array as Arr, Redacted, Schema, String as Str } from "effect"
import { MasterKeysText, masterKeyPair, ProofKeyText } from "../parsing/secret-texts.ts"
import { day, duration, mapped, optional, orElse, path, seconds, secret, textOf } from "./kinds.ts"
import { all, setting } from "./setting.ts"

/** Master keys by id, in base64. The first one wraps; all unwrap. */
export type MasterKeys = Arr.NonEmptyReadonlyArray<readonly [id: string, key: Redacted.Redacted<string>]>

/** MASTER_KEYS: "k2=<base64 of 32 bytes>,k1=…". */
export const masterKeys = setting(
  "MASTER_KEYS",
  secret(
    mapped(
      textOf("keys, with commas", MasterKeysText),
      (text): MasterKeys =>
        Arr.map(Str.split(text, ","), (pair) => {
          const [, id = "", key = ""] = masterKeyPair.exec(pair.trim()) ?? []
          return [id, Redacted.make(key)] as const
        }),
    ),
  ),
  [
    "the keys that wrap the partners' keys, which seal [accounts](STREAMS.md#sealed-accounts):",
    "`k2=<base64 of 32 bytes>,k1=…`. The first one wraps, all unwrap",
  ],
)

/** The master keys wrap the keys that seal beneficiaries' accounts. */
export const vault = all({ masterKeys })

const OriginText = Schema.String.check(
  Schema.isPattern(/^[^\s+]{1,200}$/, { message: "expected a name without spaces and +" }),
)

/** The tree of the heads of closed batches, whose roots are signed. */
export const proof = all({
  /** The Ed25519 key that signs roots. Without it no proofs are made. */
  signingKey: setting(
    "PROOF_SIGNING_KEY",
    optional(secret(mapped(textOf("`prsk_…`", ProofKeyText), (text) => Redacted.make(text)))),
    [
      "the Ed25519 key that signs roots of the [proof tree](PROOFS.md): `prsk_` and 32 bytes in base64,",
      "as `atlaspay proof key` makes it. Without it no proofs are made; production then refuses the role",
      "`archiver`. The local platform makes one",
    ],
  ),
  origin: setting("PROOF_ORIGIN", orElse(textOf("a name", OriginText), "atlaspay", "`atlaspay`"), [
    "the name of the tree in roots and public keys: unique in the world, such as a domain and a path.",
    "Without spaces and `+`",
  ]),
  everyMs: setting(
    "PROOF_EVERY_MS",
    duration(60 * seconds, day, 100),
    "how often closed batches are entered and a root is signed, if the tree grew",
  ),
  rootsFile: setting(
    "PROOF_ROOTS_FILE",
    optional(path),
    "a file to which signed roots are also written, a line each",
  ),
})
