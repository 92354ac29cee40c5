/** The rows of the table of problems about who may call, and about administering that. */
import { Schema } from "effect"
import type { AccessConflict, NoSuchSubject } from "../../identity/access-register.ts"
import type { GrantRefused } from "../../identity/grants.ts"
import type { Forbidden } from "./failures.ts"

export const accessRows = {
  AccessConflict: {
    status: 409,
    slug: "conflict",
    title: "The request contradicts what there is",
    members: ({ reason }: AccessConflict) => ({
      detail: `The reason is ${reason}; docs/API.md explains all reasons.`,
      reason,
    }),
    fields: { reason: Schema.String },
    example: { reason: "partner-exists" },
  },
  Forbidden: {
    status: 403,
    slug: "forbidden",
    title: "This key does not permit the request",
    members: ({ detail, scope }: Forbidden) => ({ detail, ...(scope === undefined ? {} : { scope }) }),
    fields: { scope: Schema.optionalKey(Schema.String) },
    example: { detail: "Use a key with the scope batches:read.", scope: "batches:read" },
  },
  GrantRefused: {
    status: 403,
    slug: "grant-refused",
    title: "Who manages keys gives only what it has itself",
    members: ({ grant }: GrantRefused) => ({
      detail: `You may not give ${grant}, because your own key does not permit it. The role admin may.`,
      grant,
    }),
    fields: { grant: Schema.String },
    example: { grant: "approver" },
  },
  IssuerUnavailable: {
    status: 503,
    slug: "issuer-unavailable",
    title: "The issuer of sign-ins does not answer",
    members: () => ({
      detail: "The token cannot be verified at the moment. Retry, or use an operator's key.",
    }),
    headers: { "retry-after": "5" },
  },
  KeyLookupsFull: {
    status: 429,
    slug: "too-many-requests",
    title: "You are sending too many requests",
    members: () => ({ detail: "Too many keys are being looked up. Retry later." }),
    headers: { "retry-after": "1" },
  },
  NoSuchSubject: {
    status: 404,
    slug: "not-found",
    title: "There is no such resource",
    members: ({ what }: NoSuchSubject) => ({ detail: `There is no such ${what}.` }),
    example: { what: "partner" },
  },
  PartnerSuspended: {
    status: 403,
    slug: "partner-suspended",
    title: "The partner is suspended",
    members: () => ({ detail: "Nothing is accepted or shown until the operator resumes the partner." }),
  },
  Unauthorized: {
    status: 401,
    slug: "unauthorized",
    title: "A valid API key is required",
    members: () => ({ detail: "Send Authorization: Bearer <API key>." }),
    headers: { "www-authenticate": "Bearer" },
  },
} as const
