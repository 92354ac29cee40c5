const outcomes = {
  "sam sanctioned": "sanctioned",
  "rita review": "review",
  "ada async": "decided-later",
  "vera verified": "payee-matches",
  "clive close": "payee-nearly-matches",
  "nora nomatch": "payee-differs",
  "ivo insufficient": "insufficient-funds",
  "clara closed": "closed-account",
  "rudi reroute": "reroutable",
  "tim timeout": "timeout-after-paying",
  "sally slow": "slow",
  "dora duplicate": "duplicate-callback",
  "ralf returned": "returned-later",
} as const

export type MagicOutcome = (typeof outcomes)[keyof typeof outcomes]

const outcomeByName = new Map<string, MagicOutcome>(Object.entries(outcomes))

/** The outcome for the first two words of a beneficiary's name, in upper or lower case; undefined for other names. */
export const magicOutcome = (name: string): MagicOutcome | undefined => outcomeByName.get(firstWords(name))

/** The first two words of a name, in lower case. */
export const firstWords = (name: string): string => name.trim().split(/\s+/, 2).join(" ").toLowerCase()

const fatesAtBanks: ReadonlySet<MagicOutcome | undefined> = new Set([
  "insufficient-funds",
  "closed-account",
  "reroutable",
  "timeout-after-paying",
  "slow",
  "duplicate-callback",
  "returned-later",
])

/** Whether a name decides what banks do. There are no false reports about these. */
export const hasFateAtBanks = (magic: MagicOutcome | undefined): boolean => fatesAtBanks.has(magic)
