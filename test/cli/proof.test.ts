/** `atlaspay proof`, also of an item whose log is in the archive alone, and with proofs that do not hold. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { afterAll, inject } from "vitest"
import { archiveRound } from "../../src/archive/archiving.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import { AppConfig } from "../../src/config.ts"
import { holds } from "../../src/proof/consistency.ts"
import { verifyItemProof } from "../../src/proof/item-proof.ts"
import { proofRound } from "../../src/proof/proof-keeper.ts"
import { newProofKey, readPublicKey, signerOf } from "../../src/proof/proof-key.ts"
import { layer as rootsInPostgres } from "../../src/proof/proof-roots-postgres.ts"
import { layer as treeInPostgres } from "../../src/proof/proof-tree-postgres.ts"
import { PublishedRoots } from "../../src/proof/published-roots.ts"
import { archiveStack, inRedis, PARTITIONS, settledStory, written } from "../archive/archive-stack.ts"
import { newBatchId } from "../projections/batch-life.ts"
import { masterKeys } from "../settings.ts"
import { proofHere } from "./command-here.ts"

const ORIGIN = "atlaspay.test/cli"
const signer = signerOf(newProofKey(), ORIGIN)
const folder = mkdtempSync(join(tmpdir(), "proofs-"))
afterAll(() => rmSync(folder, { recursive: true }))

const stack = Layer.mergeAll(treeInPostgres, rootsInPostgres, Layer.succeed(PublishedRoots, [])).pipe(
  Layer.provideMerge(archiveStack),
)

/** What the command has in its environment. */
const environment = Effect.map(AppConfig, ({ redis, postgres }) => ({
  REDIS_URL: inject("redisUrl"),
  NATS_URL: inject("natsUrl"),
  DATABASE_URL: Redacted.value(postgres.url),
  STREAM_PREFIX: redis.prefix,
  PARTITIONS: String(PARTITIONS),
  MASTER_KEYS: masterKeys,
  API_KEYS: "acme=acme-key",
  COMPLIANCE_URL: "http://127.0.0.1:9",
  LEDGER_URL: "http://127.0.0.1:9",
  BANKS: "north=http://127.0.0.1:9",
  BANK_ROUTES: "*=north",
  PORT: "8080",
}))

const command = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const settings = yield* environment
  return yield* Effect.promise(() => proofHere(settings, ...args))
})

/** A closed batch that is under a published root. */
const proved = Effect.gen(function* () {
  const { batch } = yield* written(settledStory(3))
  yield* proofRound(signer, "keeper")
  return batch
})

layer(stack, { excludeTestServices: true, timeout: "60 seconds" })("atlaspay proof", (it) => {
  it.effect("says so before there is anything to prove", () =>
    Effect.gen(function* () {
      const root = yield* command("root")
      assert.strictEqual(root.status, 1)
      assert.include(root.output, "No root was published yet.")
      const { status, output } = yield* command("export", newBatchId(), "1")
      assert.strictEqual(status, 1)
      assert.include(output, "in no signed root yet")
    }),
  )

  it.effect("exports an item whose log is in the archive alone, and verifies it", () =>
    Effect.gen(function* () {
      const batch = yield* proved
      const only = { afterMs: 0, which: { batches: [batch] } }
      yield* archiveRound(only)
      yield* unlinkRound(only, [])
      assert.isEmpty(yield* inRedis(batch))
      const file = join(folder, "proof.json")
      const exported = yield* command("export", batch, "2", "-o", file)
      assert.strictEqual(exported.status, 0, exported.output)
      const proof = JSON.parse(readFileSync(file, "utf8"))
      assert.strictEqual(typeof verifyItemProof(proof, [signer.publicKey]), "object")
      const verified = yield* command("verify", file, "--public-key", signer.publicKey.text)
      assert.strictEqual(verified.status, 0, verified.output)
      assert.include(verified.output, "Proved by root 1 (1 leaves)")
      // By its reference it is the same item.
      const { reference } = JSON.parse(
        proof.events.find(({ text }: { text?: string }) => text?.includes('"ItemsReceived"')).text,
      ).items[1]
      const byReference = yield* command("export", batch, reference)
      assert.strictEqual(JSON.parse(byReference.output).item, 2)
      const internal = yield* command("export", batch, "2", "--internal")
      assert.include(internal.output, "ItemsScreened")
      assert.notInclude(readFileSync(file, "utf8"), "ItemsScreened")
    }),
  )

  it.effect("refuses a proof that was changed, another key, and what is no proof", () =>
    Effect.gen(function* () {
      const batch = yield* proved
      const { output } = yield* command("export", batch, "1")
      const file = join(folder, "changed.json")
      const verify = (text: string, key = signer.publicKey.text) => {
        writeFileSync(file, text)
        return command("verify", file, "--public-key", key)
      }
      assert.strictEqual((yield* verify(output)).status, 0)
      const later = yield* verify(output.replace('"version":1,', '"version":2,'))
      assert.strictEqual(later.status, 1)
      assert.include(later.output, "Not proved:")
      const other = signerOf(newProofKey(), ORIGIN).publicKey.text
      assert.include((yield* verify(output, other)).output, "not signed by a key that is trusted")
      assert.include((yield* verify(output, "key")).output, "expected name+id+base64")
      assert.include((yield* verify("{")).output, "cannot be read as JSON")
      assert.include((yield* command("export", batch, "4")).output, "has no item 4")
      assert.include((yield* command("export", batch, "nobody's")).output, "no item with this reference")
    }),
  )

  it.effect("prints the root, and proves that it grew", () =>
    Effect.gen(function* () {
      yield* proved
      const { output } = yield* command("root", "--json")
      const { size, note, root } = JSON.parse(output)
      assert.strictEqual((yield* command("root")).output, note)
      const grown = JSON.parse((yield* command("consistency", "1", String(size))).output)
      assert.isTrue(holds(grown))
      assert.strictEqual(grown.to.root, root)
      const beyond = yield* command("consistency", "1", String(size + 1))
      assert.strictEqual(beyond.status, 1)
      assert.include(beyond.output, `the tree has ${size} leaves`)
    }),
  )

  it.effect("makes a key whose public key is of the origin", () =>
    Effect.gen(function* () {
      const { output } = yield* command("key", "--origin", ORIGIN)
      const [, made = "", shown = ""] =
        /^PROOF_SIGNING_KEY=(\S+)\npublic key for partners: (\S+)\n$/.exec(output) ?? []
      assert.deepEqual(readPublicKey(shown), signerOf(made, ORIGIN).publicKey)
      assert.strictEqual((yield* command("key", "--origin", "a b")).status, 1)
    }),
  )
})
