/** Guards around the proof tree, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const tree = "test/proof/merkle-tree.test.ts"
const keeper = "test/proof/keeper.test.ts"
const item = "test/proof/item-proof.test.ts"

export const proofGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a leaf is no node",
    file: "proof/merkle-tree.ts",
    text: "const LEAF = Buffer.from([0])",
    without: "const LEAF = Buffer.from([1])",
    caughtIn: tree,
    caughtBy: "vectors of Certificate Transparency",
  },
  {
    name: "a path that is too long proves nothing",
    file: "proof/merkle-tree.ts",
    text: "    if (last === 0) return undefined\n",
    without: "",
    caughtIn: tree,
    caughtBy: "proves each leaf in each size",
  },
  {
    name: "the older root of a proof of consistency is compared, too",
    file: "proof/merkle-tree.ts",
    text: "return last === 0 && olderRoot.equals(older.root) && newerRoot",
    without: "return last === 0 && newerRoot",
    caughtIn: tree,
    caughtBy: "the beginning of each larger one",
  },
  {
    name: "leaves are entered only into a tree of the size that was seen",
    file: "proof/proof-tree-postgres.ts",
    text: "where size = $",
    without: "where 0 <= $",
    caughtIn: keeper,
    caughtBy: "refuses that of another size",
  },
  {
    name: "a head that its log does not have is not entered",
    file: "proof/entering.ts",
    text: "if (this.#head !== head) return",
    without: 'if (this.#head === "") return',
    caughtIn: keeper,
    caughtBy: "does not enter a head that the log does not have",
  },
  {
    name: "a log that was written anew is not entered again",
    file: "proof/entering.ts",
    text: "if (entered !== undefined && this.#headEntered !== entered.head)",
    without: "if (entered !== undefined && this.#headEntered === entered.head.repeat(2))",
    caughtIn: keeper,
    caughtBy: "another hash at the version that was entered before",
  },
  {
    name: "what was published is compared before anything is signed",
    file: "proof/proof-keeper.ts",
    text: "  yield* agree(origin)\n",
    without: "",
    caughtIn: keeper,
    caughtBy: "came back older",
  },
  {
    name: "the stored tree has to have its latest root",
    file: "proof/signing.ts",
    text: "  yield* agreeWithStored()\n",
    without: "",
    caughtIn: keeper,
    caughtBy: "does not have its latest root",
  },
  {
    name: "what others write on the subject of roots does not count",
    file: "proof/roots-stream-nats.ts",
    text: 'message.header?.get(SEAL) ?? "") === "genuine"',
    without: 'message.header?.get(SEAL) ?? "") !== undefined',
    caughtIn: keeper,
    caughtBy: "passes over what others write",
  },
  {
    name: "half a line of the file is cut off",
    file: "proof/roots-file.ts",
    text: "        if (end < size) await file.truncate(end)\n",
    without: "",
    caughtIn: keeper,
    caughtBy: "left half written",
  },
  {
    name: "a text has the hash that the batch commits to",
    file: "proof/item-proof.ts",
    text: "if (event.text !== undefined && !leafHash(event.text).equals(leaf))",
    without: 'if (event.text === "")',
    caughtIn: item,
    caughtBy: "is refused after any change",
  },
  {
    name: "a proof is about the item that it names",
    file: "proof/item-proof.ts",
    text: "return itemProblem(proof) ?? {",
    without: "return {",
    caughtIn: item,
    caughtBy: "is refused after any change",
  },
  {
    name: "partners do not get what the compliance engine said",
    file: "proof/item-events.ts",
    text: "ItemsScreened: false",
    without: "ItemsScreened: true",
    caughtIn: item,
    caughtBy: "shows its events",
  },
]
