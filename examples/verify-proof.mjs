/**
 * Verifies a proof of a payout offline, with Node 20 or newer and nothing of AtlasPay: node verify-proof.mjs PROOF.json PUBLIC-KEY
 * The key is one that you kept: name+id+base64. Status 0 if the payout is in the log as the proof says. See docs/PROOFS.md.
 */
import { createHash, createPublicKey, verify } from "node:crypto"
import { readFileSync } from "node:fs"

const must = (condition, problem) => {
  if (!condition) throw new Error(problem)
}
const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest()
const leafHash = (text) => sha256(Buffer.from([0]), Buffer.from(text))
const nodeHash = (left, right) => sha256(Buffer.from([1]), left, right)
const bytes = (base64) => {
  const read = Buffer.from(String(base64), "base64")
  must(read.length === 32 && read.toString("base64") === base64, "a hash is not SHA-256 in base64")
  return read
}

/** The root of a tree of `size` leaves that a path leads to from the leaf at `index`: RFC 9162, section 2.1.3.2. */
const rootOf = (leaf, index, size, path) => {
  must(Number.isSafeInteger(index) && index >= 0 && index < size, "a place is not in its tree")
  let [node, last, root] = [index, size - 1, leaf]
  for (const sibling of path.map(bytes)) {
    must(last > 0, "a path is too long")
    const isRight = node % 2 === 1 || node === last
    root = isRight ? nodeHash(sibling, root) : nodeHash(root, sibling)
    while (isRight && node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)]
    ;[node, last] = [Math.floor(node / 2), Math.floor(last / 2)]
  }
  must(last === 0, "a path is too short")
  return root
}

/** A signed checkpoint: https://c2sp.org/tlog-checkpoint, https://c2sp.org/signed-note. */
const signedRoot = (note, publicKey) => {
  const [text, signature = "", ...rest] = note.split("\n\n")
  const [origin, size, root, number, time, ...more] = text.split("\n")
  const [, name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(publicKey) ?? []
  const [, signer, signed = ""] = /^— (\S+) (\S+)\n$/.exec(signature) ?? []
  must(rest.length + more.length === 0 && origin === name && signer === name, "the root is another's")
  const raw = Buffer.from(signed, "base64")
  const isExact = raw.length === 68 && raw.toString("base64") === signed
  must(isExact && raw.subarray(0, 4).toString("hex") === keyId, "the root is signed by another key")
  const spki = [Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(encoded, "base64").subarray(1)]
  const key = createPublicKey({ key: Buffer.concat(spki), format: "der", type: "spki" })
  must(verify(null, Buffer.from(`${text}\n`), key, raw.subarray(4)), "the signature is wrong")
  return { origin, size: Number(size), root: bytes(root), number, time }
}

/** Whether an event names the item, or a posting that named it before, or nothing because it is about the whole batch. */
const isAbout = (event, item, postings) => {
  const named = [event.items, event.transfers, event.decisions, event.ranges, event.item].flat()
  const isIn = (one) => one === item || one?.item === item || (one?.from <= item && item <= one?.to)
  const isNamed = named.some(isIn) || named.every((one) => one === undefined)
  if (isNamed && event._tag === "PostingRequested") postings.add(event.posting)
  return isNamed && (event.posting === undefined || postings.has(event.posting))
}

const members = (object, names) => {
  for (const name of Object.keys(object)) must(names.split(" ").includes(name), "a member is not known")
}

const verifyProof = (proof, publicKey) => {
  members(proof, "format batch item version head eventsRoot events position path root publicKey")
  const { format, batch, item, version, head, eventsRoot, events } = proof
  must(format === "atlaspay-item-proof/v1" && proof.publicKey === publicKey, "the form or key is another")
  const isWritten = `${batch}` === batch && `${head}` === head && [item, version].every(Number.isSafeInteger)
  must(isWritten && events.every((one) => Number.isSafeInteger(one.version)), "a member is of another type")
  const root = signedRoot(proof.root, publicKey)
  const leaf = leafHash(`atlaspay-batch/v1\n${batch}\n${version}\n${head}\n${eventsRoot}\n`)
  const isUnder = rootOf(leaf, proof.position, root.size, proof.path).equals(root.root)
  must(isUnder, "the batch is not under the root")
  console.log(`${batch}, item ${item}, up to version ${version} of its log`)
  console.log(`is under root ${root.number} of ${root.origin}, signed at ${root.time}:`)
  let [before, isReceived, postings] = [0, false, new Set()]
  for (const { version: at, text, hash, path, ...more } of events) {
    members(more, "")
    must(at > before, "the events are not in order")
    before = at
    must(rootOf(bytes(hash), at - 1, version, path).equals(bytes(eventsRoot)), `version ${at} is not in it`)
    must(text === undefined || leafHash(text).equals(bytes(hash)), `the text of version ${at} is another`)
    const event = text === undefined ? { _tag: `not disclosed: ${hash}` } : JSON.parse(text)
    must(isAbout(event, item, postings), `version ${at} is about another item`)
    isReceived ||= event._tag === "ItemsReceived"
    console.log(`  ${at}: ${event._tag}`)
  }
  must(isReceived, "the batch does not have the item")
}

try {
  const [file, publicKey = ""] = process.argv.slice(2)
  verifyProof(JSON.parse(readFileSync(file, "utf8")), publicKey)
} catch (error) {
  console.error(`Not proved: ${error.message}`)
  process.exitCode = 1
}
