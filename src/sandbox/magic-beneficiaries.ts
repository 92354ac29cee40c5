const outcomes = {
  "sam sanctioned": "sanctioned",
  "rita review": "review",
  "ivo insufficient": "insufficient-funds",
  "clara closed": "closed-account",
  "tim timeout": "timeout-after-paying",
  "sally slow": "slow",
  "dora duplicate": "duplicate-callback",
  "ralf returned": "returned-later",
} as const

export type MagicOutcome = (typeof outcomes)[keyof typeof outcomes]

const outcomeByName = new Map<string, MagicOutcome>(Object.entries(outcomes))

/** The outcome that a beneficiary's first two words ask for, whatever their case; undefined for ordinary people. */
export const magicOutcome = (name: string): MagicOutcome | undefined =>
  outcomeByName.get(name.trim().split(/\s+/, 2).join(" ").toLowerCase())
