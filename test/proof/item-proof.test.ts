/** Proofs of items hold for our own verifier and for the script that partners have, and no changed proof does. */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { promisify } from "node:util"
import { assert, layer } from "@effect/vitest"
import { Effect, Result } from "effect"
import { afterAll } from "vitest"
import { proveConsistency } from "../../src/proof/consistency.ts"
import { type ItemProof, proveItem, verifyItemProof } from "../../src/proof/item-proof.ts"
import { leafHash } from "../../src/proof/merkle-tree.ts"
import { ProofRoots } from "../../src/proof/proof-roots.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"
import { isLong } from "../length.ts"
import { lifeOf, live } from "../projections/batch-life.ts"
import { closed, closedLife, otherSigner, proofStack, round, shortClosed, signer } from "./proof-stack.ts"

const EDITS = isLong ? 2_000 : 300
const KEY = signer.publicKey.text
const SCRIPT = "examples/verify-proof.mjs"

const folder = mkdtempSync(join(tmpdir(), "proofs-"))
afterAll(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** Runs a script for partners, as they do. */
const run = (script: string, ...args: ReadonlyArray<string>) =>
  Effect.promise(() =>
    promisify(execFile)(process.execPath, [script, ...args]).then(
      ({ stdout }) => ({ status: 0, out: stdout }),
      ({ code, stderr }) => ({ status: Number(code), out: String(stderr) }),
    ),
  )

/** What the script does with a proof, without a process for each. */
const scriptVerifier = Effect.promise(async (): Promise<(proof: unknown) => boolean> => {
  const source = readFileSync(SCRIPT, "utf8")
  const body = source.slice(0, source.lastIndexOf("\ntry {")).replaceAll("console.log", "void ")
  const path = file("verifier.mjs", `${body}\nexport { verifyProof }\n`)
  const { verifyProof } = await import(pathToFileURL(path).href)
  return (proof) => {
    try {
      verifyProof(proof, KEY)
      return true
    } catch {
      return false
    }
  }
})

const ours = (proof: unknown) => typeof verifyItemProof(proof, [signer.publicKey]) !== "string"

/** A generator of numbers below a bound, the same for the same seed (mulberry32). */
const dice = (seed: number) => {
  let state = seed
  return (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

type Mutable<Of> = { -readonly [Name in keyof Of]: Of[Name] extends object ? Mutable<Of[Name]> : Of[Name] }

/** A proof with one thing changed: a byte of its JSON, a member, a hash of a path, or the order of something. */
const edited = (text: string, roll: (bound: number) => number): string => {
  const proof = JSON.parse(text) as Mutable<ItemProof>
  const event = proof.events[roll(proof.events.length)]
  if (event === undefined) throw new Error("a proof has events")
  const path = roll(2) === 0 ? proof.path : event.path
  switch (roll(10)) {
    case 0:
      path.splice(roll(path.length + 1), 0, path[0] ?? proof.eventsRoot)
      break
    case 1:
      path.splice(roll(path.length), 1)
      break
    case 2:
      path.reverse()
      break
    case 3:
      proof.events.push(event)
      break
    case 4:
      event.version += 1 + roll(3)
      break
    case 5:
      proof.item += 1 + roll(5)
      break
    case 6:
      if (event.text === undefined) event.hash = proof.eventsRoot
      else event.text = event.text.replace(/\d/, (digit: string) => String((Number(digit) + 1) % 10))
      break
    case 7:
      proof.position += 1
      break
    default: {
      const at = roll(text.length)
      const other = String.fromCharCode(33 + roll(90))
      return text.slice(0, at) + other + text.slice(at + 1)
    }
  }
  return JSON.stringify(proof)
}

layer(proofStack, { excludeTestServices: true })("the proof of an item", (it) => {
  it.effect("shows its events to whoever has the public key, with our code and with the script", () =>
    Effect.gen(function* () {
      const batch = yield* closedLife(9)
      yield* Effect.repeat(shortClosed, { times: 12 })
      yield* round()
      const proof = yield* proveItem(batch, 8, "partner")
      assert.isTrue(ours(proof))
      const path = file("proof.json", JSON.stringify(proof))
      const shown = yield* run(SCRIPT, path, KEY)
      assert.strictEqual(shown.status, 0, shown.out)
      assert.include(shown.out, "TransferSettled")
      // What the compliance engine said of items is not disclosed.
      assert.notInclude(JSON.stringify(proof), "ItemsScreened")
      assert.include(shown.out, "not disclosed")
      assert.include(JSON.stringify(yield* proveItem(batch, 8, "operator")), "ItemsScreened")
      const other = yield* run(SCRIPT, path, otherSigner.publicKey.text)
      assert.strictEqual(other.status, 1)
      assert.include(other.out, "Not proved")
    }),
  )

  it.effect("holds for each item of a batch, in batches of all lengths", () =>
    Effect.gen(function* () {
      const verify = yield* scriptVerifier
      for (const items of [8, 11]) {
        const batch = yield* closedLife(items)
        yield* round()
        for (let item = 1; item <= items; item += 1)
          for (const reader of ["partner", "operator"] as const) {
            const proof = yield* proveItem(batch, item, reader)
            assert.strictEqual(typeof verifyItemProof(proof, [signer.publicKey]), "object")
            assert.isTrue(verify(JSON.parse(JSON.stringify(proof))))
          }
      }
    }),
  )

  it.effect("is refused after any change", () =>
    Effect.gen(function* () {
      const batch = yield* closedLife(9)
      yield* shortClosed
      yield* round()
      const verify = yield* scriptVerifier
      const text = JSON.stringify(yield* proveItem(batch, 8, "partner"))
      assert.isTrue(verify(JSON.parse(text)))
      const roll = dice(16)
      let tried = 0
      while (tried < EDITS) {
        const changed = edited(text, roll)
        let proof: unknown
        try {
          proof = JSON.parse(changed)
        } catch {
          tried += 1
          continue
        }
        if (JSON.stringify(proof) === text) continue
        tried += 1
        assert.isFalse(ours(proof), changed)
        assert.isFalse(verify(proof), changed)
      }
    }),
  )

  it.effect("is refused with a posting of another item, which the batch does have", () =>
    Effect.gen(function* () {
      const verify = yield* scriptVerifier
      const batch = yield* closedLife(9)
      yield* round()
      const own = yield* proveItem(batch, 8, "partner")
      const versions = new Set(own.events.map(({ version }) => version))
      const answers = (yield* proveItem(batch, 3, "partner")).events.filter(
        ({ version, text }) => text?.includes('"PostingBooked"') && !versions.has(version),
      )
      assert.isNotEmpty(answers)
      for (const answer of answers) {
        const events = [...own.events, answer].toSorted((one, other) => one.version - other.version)
        const mixed = { ...own, events }
        assert.isFalse(ours(mixed))
        assert.isFalse(verify(mixed))
      }
    }),
  )

  it.effect("is refused if a member has another type", () =>
    Effect.gen(function* () {
      const verify = yield* scriptVerifier
      const batch = yield* closedLife(9)
      yield* round()
      const proof = yield* proveItem(batch, 8, "operator")
      const [first, ...others] = proof.events
      const events = (change: object) => ({ events: [{ ...first, ...change }, ...others] })
      const changes = [
        { version: String(proof.version) },
        { batch: [batch] },
        { head: [proof.head] },
        events({ version: String(first?.version) }),
        events({ text: [...Buffer.from(first?.text ?? "")] }),
      ]
      for (const change of changes) {
        assert.isFalse(ours({ ...proof, ...change }), JSON.stringify(change))
        assert.isFalse(verify({ ...proof, ...change }), JSON.stringify(change))
      }
    }),
  )

  it.effect("is not given if the stored leaf is another, because it would not hold", () =>
    Effect.gen(function* () {
      const batch = yield* closedLife(8)
      yield* round()
      const tree = yield* ProofTree
      const damages = [
        { eventsRoot: leafHash("other"), reason: "another root than its events" },
        { position: 0, reason: "is not under root" },
      ]
      for (const { reason, ...damage } of damages) {
        const leafOf: typeof tree.leafOf = (...of) =>
          Effect.map(tree.leafOf(...of), (leaf) => leaf && { ...leaf, ...damage })
        const asked = proveItem(batch, 8, "partner").pipe(
          Effect.provideService(ProofTree, { ...tree, leafOf }),
          Effect.flip,
        )
        const failure = yield* asked
        assert(failure._tag === "TreeDamaged")
        assert.include(failure.reason, reason)
      }
    }),
  )

  it.effect("is not there before a root has the batch, nor for an item that is not in it", () =>
    Effect.gen(function* () {
      const batch = yield* live(lifeOf("acme", 8))
      const before = yield* Effect.result(proveItem(batch, 1, "partner"))
      assert.isTrue(Result.isFailure(before) && before.failure._tag === "ProofNotYetMade")
      yield* closed(batch)
      yield* round()
      const without = yield* Effect.result(proveItem(batch, 9, "partner"))
      assert.isTrue(Result.isFailure(without) && without.failure._tag === "NoItemToProve")
    }),
  )

  it.effect("shows two roots to be of one history with the script", () =>
    Effect.gen(function* () {
      const roots = yield* ProofRoots
      const signed = [yield* roots.latest]
      for (let more = 0; more < 3; more += 1) {
        yield* shortClosed
        yield* round()
        signed.push(yield* roots.latest)
      }
      const notes = signed.map((root, index) => file(`root-${index}.txt`, root?.note ?? ""))
      for (const [index, older] of signed.slice(0, -1).entries()) {
        const newer = signed[index + 1]
        const proof = yield* proveConsistency(older?.size ?? 0, newer?.size ?? 0)
        const path = file("growth.json", JSON.stringify(proof))
        const files = [notes[index] ?? "", notes[index + 1] ?? ""]
        const shown = yield* run("examples/verify-roots.mjs", path, KEY, ...files)
        assert.strictEqual(shown.status, 0, shown.out)
        const turned = yield* run("examples/verify-roots.mjs", path, KEY, ...files.toReversed())
        assert.strictEqual(turned.status, 1)
        const changed = { ...proof, proof: proof.proof.map(() => proof.from.root) }
        const wrong = file("wrong.json", JSON.stringify(changed))
        assert.strictEqual((yield* run("examples/verify-roots.mjs", wrong, KEY, ...files)).status, 1)
      }
    }),
  )
})
