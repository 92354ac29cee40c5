import { readFileSync } from "node:fs"
import { assert, describe, it } from "vitest"
import {
  signatureBase,
  signatureOf,
  signedHeaders,
} from "../../../src/providers/calling/message-signature.ts"

describe("a signed request", () => {
  it("is signed as docs/PROVIDER-ACCESS.md shows it to banks", () => {
    const page = readFileSync(new URL("../../../docs/PROVIDER-ACCESS.md", import.meta.url), "utf8")
    const [, example = ""] = /^```http\n([\s\S]*?)^```/m.exec(page) ?? []
    const [head = "", body = ""] = example.trimEnd().split("\n\n")
    const [line = "", ...lines] = head.split("\n")
    const [method = "", url = ""] = line.split(" ")
    const shown = Object.fromEntries(lines.map((text) => text.split(/: (.*)/).slice(0, 2)))
    const { "content-type": type, "idempotency-key": idempotencyKey, ...signed } = shown
    const [, key = ""] = /With the key `([^`]+)`/.exec(page) ?? []
    const headers = { accept: "application/json", "content-type": type, "idempotency-key": idempotencyKey }
    const terms = {
      keyId: "atlaspay-2026",
      key: Buffer.from(key, "base64"),
      created: 1_795_774_500,
      nonce: "hX2mDq0dLrZfYb3wJ5kQ1A",
    }
    assert.deepStrictEqual(signedHeaders({ method, url, headers, body }, terms), signed)
  })

  it("is signed as in RFC 9421, B.2.5", () => {
    const key = Buffer.from(
      "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
      "base64",
    )
    const base = signatureBase(
      [
        ["date", "Tue, 20 Apr 2021 02:07:55 GMT"],
        ["@authority", "example.com"],
        ["content-type", "application/json"],
      ],
      ';created=1618884473;keyid="test-shared-secret"',
    )
    assert.strictEqual(signatureOf(base, key), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=")
  })

  const terms = { keyId: "k1", key: Buffer.alloc(32, 1), created: 1_700_000_000, nonce: "n" }

  it("carries the digest of its body as in RFC 9530, B.1, and covers all that says what it asks for", () => {
    const headers = { accept: "application/json", "content-type": "application/json", "X-Request-Id": "r-1" }
    const signed = signedHeaders(
      { method: "POST", url: "https://bank.io/v1/x?y=z", headers, body: '{"hello": "world"}' },
      terms,
    )
    assert.strictEqual(signed["content-digest"], "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")
    assert.strictEqual(
      signed["signature-input"],
      'atlaspay=("@method" "@target-uri" "content-type" "x-request-id" "content-digest")' +
        ';created=1700000000;expires=1700000300;nonce="n";keyid="k1";alg="hmac-sha256"',
    )
    assert.match(signed.signature ?? "", /^atlaspay=:[A-Za-z0-9+/]{43}=:$/)
  })

  it("is another one when anything of it is another", () => {
    const request = {
      method: "POST",
      url: "https://bank.io/x",
      headers: { "idempotency-key": "a" },
      body: "{}",
    }
    const signatures = [
      signedHeaders(request, terms),
      signedHeaders({ ...request, method: "PUT" }, terms),
      signedHeaders({ ...request, url: "https://bank.io/y" }, terms),
      signedHeaders({ ...request, body: "[]" }, terms),
      signedHeaders({ ...request, headers: { "idempotency-key": "b" } }, terms),
      signedHeaders(request, { ...terms, created: 1_700_000_001 }),
      signedHeaders(request, { ...terms, nonce: "m" }),
      signedHeaders(request, { ...terms, keyId: "k2" }),
      signedHeaders(request, { ...terms, key: Buffer.alloc(32, 2) }),
    ].map(({ signature }) => signature)
    assert.strictEqual(new Set(signatures).size, signatures.length)
  })

  it("has no digest without a body", () => {
    const signed = signedHeaders(
      { method: "GET", url: "https://bank.io/x", headers: {}, body: undefined },
      terms,
    )
    assert.isUndefined(signed["content-digest"])
  })
})
