/** Partners, keys and entries of the audit trail as administrators are shown them: times in ISO 8601, and never a hash. */
import type { StoredSettings } from "../domain/partner-settings.ts"
import type { AuditEntry } from "./audit-trail.ts"
import { isOperatorRole } from "./roles.ts"
import { credentialOf, type Partner, type StoredKey, stateOf } from "./stored-key.ts"

export const shownPartner = ({ createdAt, ...partner }: Partner) => ({
  ...partner,
  createdAt: createdAt.toISOString(),
})

/** A partner's settings, and when they were set. */
export const shownSettings = (partner: string, { version, settings }: StoredSettings) => ({
  partner,
  settings,
  setAt: version === 0 ? null : new Date(version).toISOString(),
})

/** A key, and what has become of it by a time in milliseconds since 1970. */
export const shownKey = (key: StoredKey, now: number) => ({
  id: key.id,
  credential: credentialOf(key.owner),
  ...(key.owner.kind === "partner" ? { partner: key.owner.partner } : {}),
  state: stateOf(key, now),
  scopes: key.owner.kind === "operator" ? key.scopes.filter((one) => !isOperatorRole(one)) : key.scopes,
  ...(key.owner.kind === "operator" ? { roles: key.scopes.filter(isOperatorRole) } : {}),
  networks: key.networks,
  createdAt: key.createdAt.toISOString(),
  createdBy: key.createdBy,
  expiresAt: shownTime(key.expiresAt),
  endsAt: shownTime(key.endsAt),
  revokedAt: shownTime(key.revokedAt),
  lastUsedAt: shownTime(key.lastUsedAt),
  replaces: key.replaces ?? null,
})

const shownTime = (at: Date | undefined): string | null => at?.toISOString() ?? null

export const shownEntry = ({ at, address, name, ...entry }: AuditEntry) => ({
  ...entry,
  at: at.toISOString(),
  address: address ?? null,
  name: name ?? null,
})
