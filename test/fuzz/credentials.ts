/** Everybody who sends requests, and the kinds of credentials that they have. */
import type { CredentialKind } from "./document.ts"

/** The settings of a service that a run can be made against. The keys protect nothing but play money. */
const settingKeys = {
  clerk: "fuzz-clerk-key-for-play-money",
  supervisor: "fuzz-supervisor-key-for-play-money",
  other: "other-clerk-key-for-play-money",
  olga: "fuzz-operator-olga-for-play-money",
  otto: "fuzz-operator-otto-for-play-money",
  rita: "fuzz-operator-rita-for-play-money",
  vera: "fuzz-operator-vera-for-play-money",
  zoe: "fuzz-operator-zoe-for-play-money",
} as const

/** The partner that posts, and another one whose objects it must not see. */
export const partners = { own: "fuzz", other: "other", spare: "acme" } as const

/** What the service needs beside the addresses of servers and providers. It sends nothing to endpoints of webhooks. */
export const fuzzSettings = {
  API_KEYS: `fuzz/clerk=${settingKeys.clerk},fuzz/supervisor=${settingKeys.supervisor},other/clerk=${settingKeys.other}`,
  OPERATOR_KEYS: [
    `olga=${settingKeys.olga}`,
    `otto:approve+resolve=${settingKeys.otto}`,
    `rita:review=${settingKeys.rita}`,
    `vera:batches:read=${settingKeys.vera}`,
    `zoe:keys:manage+keys:grant+audit:read=${settingKeys.zoe}`,
  ].join(","),
  ROLES: "api,worker,projector,publisher",
  // Names for examples are no public hosts; nothing is sent to them.
  WEBHOOKS_ALLOW_PRIVATE: "true",
  ACTS_PER_SECOND: "1000000",
  REQUESTS_PER_SECOND: "1000000",
  DUPLICATE_PAYOUTS: "other=warn:7",
  APPROVAL_ABOVE: "EUR=100000.00,GBP=100000.00,USD=100000.00,JPY=15000000",
} as const

export type StoredKey = "stored" | "reader" | "hooks" | "expired" | "revoked" | "elsewhere" | "suspended"
/** Keys that are created at the start of a run, by administrators. */
export const storedKeys: ReadonlyArray<StoredKey> = [
  "stored",
  "reader",
  "hooks",
  "expired",
  "revoked",
  "elsewhere",
  "suspended",
]

export const settingKeyNames = Object.keys(settingKeys) as ReadonlyArray<keyof typeof settingKeys>

/** The text of a key of the settings. */
export const keyInSettings = (name: string): string | undefined =>
  (settingKeys as Readonly<Record<string, string>>)[name]

const partnerKeys = ["clerk", "clerk", "clerk", "supervisor", "stored", "other"]
const operatorKeys = ["olga", "olga", "otto"]
const administratorKeys = ["zoe"]

/** Those who should be refused, or see nothing. */
export const strangers: ReadonlyArray<string> = [
  "other",
  "reader",
  "hooks",
  "expired",
  "revoked",
  "elsewhere",
  "suspended",
  "rita",
  "vera",
  "zoe",
  "olga",
  "none",
  "malformed",
  "token",
  "basic",
  "twice",
]

/** Those whose keys may permit an operation; nobody has to show a key for one that is open to all. */
export const permitted = (kinds: ReadonlyArray<CredentialKind>, path: string): ReadonlyArray<string> => {
  const names = [
    ...(kinds.includes("partnerKey") ? partnerKeys : []),
    ...(kinds.includes("operatorKey") ? (path.startsWith("/admin") ? administratorKeys : operatorKeys) : []),
  ]
  return names.length === 0 ? ["none"] : names
}

/** The headers with which somebody authenticates. */
export const authorizationOf = (name: string): ReadonlyArray<readonly [string, string]> => {
  switch (name) {
    case "none":
      return []
    case "malformed":
      return [
        ["Authorization", "Bearer ap_aaaaaaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"],
      ]
    case "token":
      return [["Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvbGdhIiwiZXhwIjo5OTk5OTk5OTk5fQ."]]
    case "basic":
      return [["Authorization", "Basic b2xnYTpvbGdh"]]
    case "twice":
      return [
        ["Authorization", "Bearer {{key:clerk}}"],
        ["Authorization", "Bearer {{key:other}}"],
      ]
    default:
      return [["Authorization", `Bearer {{key:${name}}}`]]
  }
}
