/** `atlaspay proof`: proofs of items, signed roots, and that one grew out of another, from the stores or a file. */
import { readFile, writeFile } from "node:fs/promises"
import { Console, Effect, type Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { BatchId } from "../domain/identifiers.ts"
import { parseItemNumber } from "../domain/identifiers.ts"
import { proveConsistency } from "../proof/consistency.ts"
import { proveItem, verifyItemProof } from "../proof/item-proof.ts"
import { newProofKey, readPublicKey, signerOf } from "../proof/proof-key.ts"
import { ProofRoots } from "../proof/proof-roots.ts"
import { beginningOf, visitLog } from "../streams/event-range.ts"
import { EventStore } from "../streams/event-store.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { type Failure, withLayer } from "./service-layer.ts"

const output = Flag.optional(
  Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write to a file"),
  ),
)

const exportProof = Command.make(
  "export",
  {
    batchId,
    item: Argument.String("ITEM").pipe(Argument.withDescription("The item's number, or its reference")),
    output,
    internal: Flag.Boolean("internal").pipe(
      Flag.withDescription("With the texts of all events, also those that partners do not get"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ batchId, item, output, internal, dataDir }) {
    const proof = yield* withProofs(
      dataDir,
      Effect.gen(function* () {
        const number = yield* itemNumber(batchId, item)
        return yield* proveItem(batchId, number, internal ? "operator" : "partner")
      }),
    )
    yield* put(output, JSON.stringify(proof))
  }),
).pipe(Command.withDescription("Prove an item of a closed batch: JSON that its partner verifies offline"))

/** The number of an item, by its number or else by its reference in the log. */
const itemNumber = Effect.fnUntraced(function* (batch: BatchId, text: string) {
  const number = parseItemNumber(text)
  if (number !== undefined) return number
  let found: number | undefined
  yield* visitLog(yield* EventStore, batch, beginningOf(batch), ({ event }) => {
    if (event._tag === "ItemsReceived")
      found ??= event.items.find(({ reference }) => reference === text)?.item
  })
  return found ?? (yield* new CliFailure({ reason: `${batch} has no item with this reference.` }))
})

const root = Command.make(
  "root",
  { output, dataDir, json: json("Print the root as one line of JSON") },
  Effect.fn(function* ({ output, dataDir, json }) {
    const latest = yield* withProofs(
      dataDir,
      Effect.flatMap(ProofRoots, (roots) => roots.published),
    )
    if (latest === undefined) return yield* new CliFailure({ reason: "No root was published yet." })
    const { root, at, ...shown } = latest
    const line = { ...shown, root: root.toString("base64"), signedAt: new Date(at).toISOString() }
    yield* put(output, json ? JSON.stringify(line) : latest.note.trimEnd())
  }),
).pipe(Command.withDescription("Print the latest signed root: a checkpoint, as partners keep it"))

const size = (name: string, what: string) =>
  Argument.Int(name).pipe(Argument.withDescription(`The size in the ${what} root`))

const consistency = Command.make(
  "consistency",
  { from: size("FROM", "older"), to: size("TO", "newer"), output, dataDir },
  Effect.fn(function* ({ from, to, output, dataDir }) {
    yield* put(output, JSON.stringify(yield* withProofs(dataDir, proveConsistency(from, to))))
  }),
).pipe(Command.withDescription("Prove that one root grew out of another, by their sizes"))

const verify = Command.make(
  "verify",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("The proof that `export` wrote")),
    publicKey: Flag.String("public-key").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription("The key that you trust: name+id+base64, as `proof key` printed it"),
    ),
  },
  Effect.fn(function* ({ file, publicKey }) {
    const key = readPublicKey(publicKey)
    if (key === undefined) return yield* new CliFailure({ reason: "--public-key: expected name+id+base64." })
    const proof = yield* Effect.tryPromise({
      try: async (): Promise<unknown> => JSON.parse(await readFile(file, "utf8")),
      catch: () => new CliFailure({ reason: `${file} cannot be read as JSON.` }),
    })
    const shown = verifyItemProof(proof, [key])
    if (typeof shown === "string") return yield* new CliFailure({ reason: `Not proved: ${shown}.` })
    const { number, size, at } = shown
    yield* Console.log(`Proved by root ${number} (${size} leaves), signed at ${new Date(at).toISOString()}.`)
  }),
).pipe(Command.withDescription("Verify a proof of an item. Needs no stores. Status 0 if it holds"))

const key = Command.make(
  "key",
  {
    origin: Flag.String("origin").pipe(
      Flag.withDescription("The name of the tree: PROOF_ORIGIN"),
      Flag.withDefault(process.env.PROOF_ORIGIN || "atlaspay"),
    ),
  },
  Effect.fn(function* ({ origin }) {
    if (!/^[^\s+]{1,200}$/.test(origin))
      return yield* new CliFailure({ reason: "--origin: expected a name without spaces and +." })
    const made = newProofKey()
    yield* Console.log(`PROOF_SIGNING_KEY=${made}`)
    yield* Console.log(`public key for partners: ${signerOf(made, origin).publicKey.text}`)
  }),
).pipe(Command.withDescription("Make a key that signs roots, with its public key. Nothing is stored"))

export const proof = Command.make("proof").pipe(
  Command.withDescription("Prove items, and that no history was changed"),
  Command.withSubcommands([exportProof, root, consistency, verify, key]),
)

const put = (file: Option.Option<string>, text: string): Effect.Effect<void, CliFailure> =>
  Option.match(file, {
    onNone: () => Console.log(text),
    onSome: (path) =>
      Effect.tryPromise({
        try: () => writeFile(path, `${text}\n`),
        catch: () => new CliFailure({ reason: `${path} cannot be written.` }),
      }),
  })

const withProofs = <A, E extends Failure>(
  dataDir: string,
  use: Effect.Effect<A, E, Layer.Success<typeof import("../app.ts")["proofLayer"]>>,
) => withLayer(dataDir, ({ proofLayer }) => proofLayer, use)
