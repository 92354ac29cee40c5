/** Checks for switches that belong to development or tests, and for implausible times. */
import { Option } from "effect"
import type { Settings } from "../config.ts"
import { fileNameOf } from "../settings/secret-file.ts"
import { isLoopback } from "./address-checks.ts"
import type { Finding } from "./finding.ts"

/** Findings about switches that must be off in production. */
export const switchFindings = ({
  webhooks,
  crashAt,
  believesAnyCertificate,
}: Settings): ReadonlyArray<Finding> => [
  ...(webhooks.allowPrivate
    ? [
        {
          check: "private-webhooks" as const,
          setting: "WEBHOOKS_ALLOW_PRIVATE",
          found: "endpoints may use plain HTTP and be in our own network",
          wanted: "false",
        },
      ]
    : []),
  ...(Option.isSome(crashAt)
    ? [
        {
          check: "crash-point" as const,
          setting: "CRASH_AT",
          found: `the process kills itself at ${crashAt.value[0]}`,
          wanted: "not set",
        },
      ]
    : []),
  ...(believesAnyCertificate
    ? [
        {
          check: "any-certificate" as const,
          setting: "NODE_TLS_REJECT_UNAUTHORIZED",
          found: "no certificate is verified",
          wanted: "not set",
        },
      ]
    : []),
]

/** Findings about the files of secrets. Others may read them: orchestrators mount them so, and only one user is in a container. */
export const secretFileFindings = ({ secretFiles }: Settings): ReadonlyArray<Finding> =>
  [...secretFiles].flatMap(([name, { isOpenToAll }]) =>
    isOpenToAll
      ? [
          {
            check: "open-secret-file" as const,
            of: name,
            setting: fileNameOf(name),
            found: "a file that every user may write",
            wanted: "a file that only its owner may write",
          },
        ]
      : [],
  )

/** Findings about the proof tree, for who keeps it: without a key nothing is proved, and a tree needs a name of its own. */
export const proofFindings = ({ proof }: Settings): ReadonlyArray<Finding> => [
  ...(Option.isNone(proof.signingKey)
    ? [
        {
          check: "no-proofs" as const,
          setting: "PROOF_SIGNING_KEY",
          found: "not set",
          wanted: "a key of `atlaspay proof key`",
        },
      ]
    : []),
]

/** Findings about the URL that providers call back. Callbacks change the state of money, and come over the network. */
export const publicUrlFindings = ({ publicUrl }: Settings["http"]): ReadonlyArray<Finding> => {
  const finding = (found: string) => [
    {
      check: "public-url" as const,
      setting: "PUBLIC_URL",
      found,
      wanted: "https:// and the host that providers call",
    },
  ]
  if (Option.isNone(publicUrl)) return finding("not set")
  const url = URL.parse(publicUrl.value)
  if (url === null) return finding("not a URL")
  return url.protocol === "https:" || isLoopback(url.hostname) ? [] : finding("http:// beyond this machine")
}

/** A time and its allowed range. */
export interface NamedTime {
  readonly name: string
  readonly setting: string
  readonly ms: number
  readonly msMin: number
  readonly msMax: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000

/** With a shorter time-out, good answers come too late. With a longer one, a silent provider blocks its callers too long. */
export const callTime = (name: string, setting: string, ms: number): NamedTime => ({
  name,
  setting,
  ms,
  msMin: 500,
  msMax: 5 * MINUTE_MS,
})

/** The times in the environment. */
export const timesOf = ({ worker, webhooks, providers, nats }: Settings): ReadonlyArray<NamedTime> => {
  const own = (setting: string, ms: number, msMin: number, msMax: number) => ({
    name: setting,
    setting,
    ms,
    msMin,
    msMax,
  })
  const askedForMs = providers.inquiryDelaysMs.reduce((sum, ms) => sum + ms, 0)
  return [
    callTime("PROVIDER_TIMEOUT_MS", "PROVIDER_TIMEOUT_MS", providers.timeoutMs),
    callTime("WEBHOOK_TIMEOUT_MS", "WEBHOOK_TIMEOUT_MS", webhooks.timeoutMs),
    // If it is shorter, a pause of a process looks like its death. If it is longer, a death delays payouts.
    own("CLAIM_MS", worker.claimMs, 2_000, 10 * MINUTE_MS),
    own("SWEEP_MS", worker.sweepMs, 1_000, HOUR_MS),
    // The sum of all delays: after an outage, banks seldom answer again within minutes.
    own("INQUIRY_DELAYS_MS", askedForMs, HOUR_MS, Number.POSITIVE_INFINITY),
    // A consumer that stood still over a weekend misses nothing.
    own("NATS_STREAM_AGE_MS_MAX", nats.limits.ageMsMax, 72 * HOUR_MS, Number.POSITIVE_INFINITY),
  ]
}

export const timeFindings = (times: ReadonlyArray<NamedTime>): ReadonlyArray<Finding> =>
  times
    .filter(({ ms, msMin, msMax }) => ms < msMin || ms > msMax)
    .map(({ name, setting, ms, msMin, msMax }) => ({
      check: "odd-time" as const,
      of: name,
      setting,
      found: `${ms} ms`,
      wanted: msMax === Number.POSITIVE_INFINITY ? `${msMin} ms or more` : `${msMin} to ${msMax} ms`,
    }))
