import { verify } from "node:crypto"
import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { signedWebhookHeaders } from "../../src/platform/standard-webhooks.ts"
import {
  isSigningKey,
  newSigningKey,
  publicKeyOf,
  signingKeyObject,
} from "../../src/platform/webhook-signing-key.ts"

const base64 = (text: string) => Buffer.from(text, "base64url").toString("base64")

describe("a signing key", () => {
  it("has the public key and the thumbprint of RFC 8037, appendix A", () => {
    const key = Redacted.make(`whsk_${base64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")}`)
    const x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    expect(publicKeyOf(key)).toEqual({
      text: `whpk_${base64(x)}`,
      kid: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
      x,
    })
  })

  it("signs the text that Standard Webhooks says, besides the secret", () => {
    const [key, secret] = [Redacted.make(newSigningKey()), Redacted.make("whsec_c2VjcmV0")]
    expect([isSigningKey(key), isSigningKey(secret)]).toEqual([true, false])
    const headers = signedWebhookHeaders(secret, { id: "msg-1", atS: 1_800_000_000, body: "Žofia" }, [key])
    const [first = "", second = ""] = headers["webhook-signature"].split(" ")
    expect(first).toMatch(/^v1,/)
    const signature = Buffer.from(second.replace(/^v1a,/, ""), "base64")
    const isOf = (text: string) => verify(null, Buffer.from(text), signingKeyObject(key), signature)
    expect([isOf("msg-1.1800000000.Žofia"), isOf("msg-1.1800000001.Žofia")]).toEqual([true, false])
  })

  it("of another length is none", () => {
    expect(() => signingKeyObject(Redacted.make("whsk_AAAA"))).toThrow("a seed of 32 bytes was expected")
  })
})
