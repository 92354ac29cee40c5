/** The rows of the table of problems that drafts have. */
import { Schema } from "effect"
import type { DraftChanged, DraftLimitReached, DraftNotOpen, PageKeyReused } from "../../drafts/drafts.ts"
import type { PreconditionRequired } from "./failures.ts"

export const draftRows = {
  DraftChanged: {
    status: 412,
    slug: "draft-changed",
    title: "The draft has another version than If-Match names",
    members: ({ version }: DraftChanged) => ({
      detail:
        "Nothing was done. Read the draft again, and look at it, before you send the request with its new ETag.",
      version,
    }),
    fields: { version: Schema.Int },
    example: { version: 4 },
  },
  DraftLimitReached: {
    status: 409,
    slug: "draft-limit",
    title: "A limit on drafts is reached",
    members: ({ reason }: DraftLimitReached) => ({ detail: `Nothing was stored. ${reason}` }),
    example: { reason: "A partner has at most 100 drafts." },
  },
  DraftNotOpen: {
    status: 409,
    slug: "draft-not-open",
    title: "The draft was submitted",
    members: ({ state, version, batch }: DraftNotOpen) => ({
      detail:
        state === "submitted"
          ? "Nothing was done. The draft has become the batch in `batch`: read that. What is in it is paid by it."
          : "Nothing was done. A submission of the version in `version` is under way, or its answer was lost: send it again to learn what became of it.",
      state,
      version,
      ...(batch === undefined ? {} : { batch }),
    }),
    fields: { state: Schema.String, version: Schema.Int, batch: Schema.optionalKey(Schema.String) },
    example: { state: "submitted", version: 3, batch: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u" },
  },
  NoSuchDraft: {
    status: 404,
    slug: "not-found",
    title: "There is no such resource",
    members: () => ({ detail: "There is no such draft." }),
  },
  PageKeyReused: {
    status: 422,
    slug: "page-key-reused",
    title: "The idempotency key was used for another page of the draft",
    members: ({ page }: PageKeyReused) => ({
      detail:
        "Nothing was stored. The key added the page in `page` with another body: read the items of the draft. Only send what is not in it, under a new key.",
      page,
    }),
    fields: { page: Schema.Int },
    example: { page: 2 },
  },
  PreconditionRequired: {
    status: 428,
    slug: "if-match-required",
    title: "The request has to name the version of the draft",
    members: ({ version }: PreconditionRequired) => ({
      detail: "Nothing was done. Send If-Match with the ETag of the draft as you have looked at it.",
      version,
    }),
    fields: { version: Schema.Int },
    example: { version: 4 },
  },
} as const
