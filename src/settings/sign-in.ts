import { day, duration, hour, optional, orElse, pairs, seconds, text, textOr, url } from "./kinds.ts"
import { all, setting } from "./setting.ts"

export const signIn = all({
  issuer: setting("OIDC_ISSUER", optional(url), [
    "the issuer as tokens name it in `iss`, letter for letter. Its discovery document is read below it:",
    "over https, or http on this machine",
  ]),
  audience: setting("OIDC_AUDIENCE", optional(text), [
    "what tokens for this service have in `aud`. Use the name of an API, not of a client, so that no ID",
    "token counts",
  ]),
  rolesClaim: setting("OIDC_ROLES_CLAIM", textOr("roles"), [
    "the claim with the values from which roles follow: a list, or a text with spaces. If there is no",
    "claim of this name, its dots make a path: `realm_access.roles`",
  ]),
  roles: setting("OIDC_ROLES", orElse(pairs, [], "none"), [
    "the roles that a value gives: `payout-reviewers=reviewer,payout-leads=approver+resolver`. Other",
    "values give none",
  ]),
  operators: setting("OIDC_OPERATORS", orElse(pairs, [], "none"), [
    "[operators](ROLES.md#one-person-under-several-credentials) whose keys and sign-ins are the same",
    "person's, by subject: `alice=<sub>`",
  ]),
  tokenAgeMsMax: setting(
    "OIDC_TOKEN_AGE_MS_MAX",
    duration(2 * hour, day, 60 * seconds),
    "older tokens are refused, whatever end they have",
  ),
  outageMsMax: setting("OIDC_OUTAGE_MS_MAX", duration(hour, day, 60 * seconds), [
    "for how long the issuer's keys count while it does not answer. Otherwise",
    "they are read every five minutes, and when a token names another key, at most every ten seconds",
  ]),
})
