/** X.509 certificates for a test (RFC 5280): an authority of its own, and what it signs. Keys are P-256. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"

export interface Certificate {
  /** PEM, the certificate and its key. */
  readonly cert: string
  readonly key: string
}

export interface Authority extends Certificate {
  /** A certificate for these names: hosts, or IPv4 addresses; it ends after some days from now, or ended before. */
  readonly issue: (subject: string, names?: ReadonlyArray<string>, days?: number) => Certificate
}

const DAY_MS = 86_400_000

const der = (tag: number, ...contents: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const lengths = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...lengths), content])
}
const sequence = (...parts: ReadonlyArray<Uint8Array>) => der(0x30, ...parts)
const oid = (hex: string) => der(0x06, Buffer.from(hex, "hex"))
const truth = der(0x01, Uint8Array.of(0xff))

const ecdsaWithSha256 = sequence(oid("2a8648ce3d040302"))
const nameOf = (common: string) =>
  sequence(der(0x31, sequence(oid("550403"), der(0x0c, Buffer.from(common)))))
const time = (ms: number) =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(2, 14)}Z`))

const basicConstraints = (isAuthority: boolean) =>
  sequence(oid("551d13"), truth, der(0x04, isAuthority ? sequence(truth) : sequence()))
const alternativeNames = (names: ReadonlyArray<string>) =>
  sequence(
    oid("551d11"),
    der(
      0x04,
      sequence(
        ...names.map((name) =>
          /^[\d.]+$/.test(name)
            ? der(0x87, Uint8Array.from(name.split("."), Number))
            : der(0x82, Buffer.from(name)),
        ),
      ),
    ),
  )

const pemOf = (label: string, bytes: Buffer) =>
  `-----BEGIN ${label}-----\n${bytes.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`

const certificate = (
  subject: string,
  names: ReadonlyArray<string> | "authority",
  issuer?: { readonly name: string; readonly key: KeyObject },
  days = 1,
) => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const extensions = [
    basicConstraints(names === "authority"),
    ...(names === "authority" || names.length === 0 ? [] : [alternativeNames(names)]),
  ]
  const now = Date.now()
  const body = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(1, ...randomBytes(8))),
    ecdsaWithSha256,
    nameOf(issuer?.name ?? subject),
    sequence(time(now + Math.min(days - 1, -1) * DAY_MS), time(now + days * DAY_MS)),
    nameOf(subject),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  )
  const signature = sign("sha256", body, issuer?.key ?? privateKey)
  const whole = sequence(body, ecdsaWithSha256, der(0x03, Uint8Array.of(0), signature))
  const key = String(privateKey.export({ type: "pkcs8", format: "pem" }))
  return { cert: pemOf("CERTIFICATE", whole), key, privateKey }
}

/** An authority that nobody else believes. */
export const newAuthority = (name: string): Authority => {
  const { cert, key, privateKey } = certificate(name, "authority")
  return {
    cert,
    key,
    issue: (subject, names = [], days = 1) => {
      const issued = certificate(subject, names, { name, key: privateKey }, days)
      return { cert: issued.cert, key: issued.key }
    },
  }
}
