import { createSecretKey, hash } from "node:crypto"
import { expect, it } from "vitest"
import { partnerShardOf } from "../../../src/domain/identifiers.ts"
import { base32 } from "../../../src/http/edge/base32.ts"
import { batchIdOf, requestDigestOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { fixedKey } from "../../vault/fixed-keys.ts"

it.each([
  ["f", "my"],
  ["fo", "mzxq"],
  ["foo", "mzxw6"],
  ["foob", "mzxw6yq"],
  ["fooba", "mzxw6ytb"],
  ["foobar", "mzxw6ytboi"],
])("writes the test vectors of RFC 4648 in base 32: %s", (text, expected) => {
  expect(base32(Buffer.from(text), expected.length)).toBe(expected)
})

it("derives the same batch id for ever", () => {
  expect(batchIdOf("acme", "week-1")).toBe("pb_7wbuiupjv6mxlad76vs4pv")
})

it("puts all batches of a partner, and of nobody else, in one partner shard", () => {
  expect(partnerShardOf(batchIdOf("acme", "week-2"))).toBe(partnerShardOf(batchIdOf("acme", "week-1")))
  expect(partnerShardOf(batchIdOf("globex", "week-1"))).not.toBe(partnerShardOf(batchIdOf("acme", "week-1")))
})

it("does not confuse where the partner ends and the key begins", () => {
  expect(batchIdOf("acme", "1x")).not.toBe(batchIdOf("acme1", "x"))
})

it("knows a body by its bytes", () => {
  expect(requestDigestOf(fixedKey, Buffer.from("{}"))).toBe(requestDigestOf(fixedKey, Buffer.from("{}")))
  expect(requestDigestOf(fixedKey, Buffer.from("{}"))).not.toBe(requestDigestOf(fixedKey, Buffer.from("{ }")))
})

it("does not let a body be guessed by who has no key", () => {
  const other = { id: "1", key: createSecretKey(Buffer.alloc(32, 1)) }
  const body = Buffer.from("{}")
  expect(requestDigestOf(fixedKey, body)).not.toBe(requestDigestOf(other, body))
  expect(requestDigestOf(fixedKey, body)).not.toBe(hash("sha256", body, "hex"))
})
