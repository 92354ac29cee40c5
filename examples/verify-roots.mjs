/**
 * Verifies offline that one signed root grew out of another, so that nothing before it was changed or left out. Needs Node 20 or newer, and
 * nothing of AtlasPay. docs/PROOFS.md says where roots and the proof come from.
 *
 *     node verify-roots.mjs CONSISTENCY.json PUBLIC-KEY OLDER.txt NEWER.txt
 *
 * PUBLIC-KEY is one that you kept from before: name+id+base64. Status 0 if all is as it should be, 1 if not.
 */
import { createHash, createPublicKey, verify } from "node:crypto"
import { readFileSync } from "node:fs"

const must = (condition, problem) => {
  if (!condition) throw new Error(problem)
}
const nodeHash = (left, right) =>
  createHash("sha256")
    .update(Buffer.concat([Buffer.from([1]), left, right]))
    .digest()
const half = (number) => Math.floor(number / 2)
const bytes = (base64) => {
  const read = Buffer.from(String(base64), "base64")
  must(read.length === 32 && read.toString("base64") === base64, "a hash is not SHA-256 in base64")
  return read
}

/** A signed checkpoint: https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note. */
const signedRoot = (note, publicKey) => {
  const [text, signature = "", ...rest] = note.split("\n\n")
  const [origin, size, root, number, , ...more] = text.split("\n")
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(publicKey) ?? []
  const [, signer, signed = ""] = /^— (\S+) (\S+)\n$/.exec(signature) ?? []
  must(rest.length + more.length === 0 && origin === name && signer === name, "a root is another's")
  const raw = Buffer.from(signed, "base64")
  must(raw.length === 68 && raw.subarray(0, 4).toString("hex") === keyId, "a root is signed by another key")
  const spki = [Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(encoded, "base64").subarray(1)]
  const key = createPublicKey({ key: Buffer.concat(spki), format: "der", type: "spki" })
  must(verify(null, Buffer.from(`${text}\n`), key, raw.subarray(4)), "a signature is wrong")
  return { size: Number(size), root: bytes(root), number }
}

/** RFC 9162, section 2.1.4.2. */
const verifyGrowth = (older, newer, proof) => {
  must(older.size > 0 && older.size <= newer.size, "the roots are not in order")
  if (older.size === newer.size)
    return must(proof.length === 0 && older.root.equals(newer.root), "one size, two roots")
  let [node, last] = [older.size - 1, newer.size - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  const [first, ...others] = node === 0 ? [older.root, ...proof.map(bytes)] : proof.map(bytes)
  let [before, after] = [first, first]
  for (const sibling of others) {
    must(last > 0, "the proof is too long")
    const isRight = node % 2 === 1 || node === last
    if (isRight) before = nodeHash(sibling, before)
    after = isRight ? nodeHash(sibling, after) : nodeHash(after, sibling)
    while (isRight && node % 2 === 0 && node !== 0) [node, last] = [node / 2, half(last)]
    ;[node, last] = [half(node), half(last)]
  }
  must(last === 0, "the proof is too short")
  must(
    before.equals(older.root) && after.equals(newer.root),
    "the newer root did not grow out of the older one",
  )
}

try {
  const [file, publicKey = "", ...files] = process.argv.slice(2)
  const { from, to, proof } = JSON.parse(readFileSync(file, "utf8"))
  const [older, newer] = files.map((one) => signedRoot(readFileSync(one, "utf8"), publicKey))
  must(from.size === older.size && to.size === newer.size, "the proof is of other sizes")
  verifyGrowth(older, newer, proof)
  console.log(
    `Root ${newer.number} (${newer.size} leaves) grew out of root ${older.number} (${older.size} leaves).`,
  )
} catch (error) {
  console.error(`Not proved: ${error.message}`)
  process.exitCode = 1
}
