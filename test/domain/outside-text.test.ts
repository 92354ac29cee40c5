import { globSync, readFileSync } from "node:fs"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { decodeEvent, decodeMail, encodeEvent } from "../../src/domain/event-codec.ts"
import { BatchEvent } from "../../src/domain/events.ts"
import { cleanText, kindsWithText, TEXT_LENGTH_MAX } from "../../src/domain/outside-text.ts"
import { fc } from "../property.ts"

const iban = "DE89370400440532013000"

describe("a text from outside", () => {
  it.each([
    ["an IBAN", `on a list with ${iban}`, "on a list with [redacted]"],
    ["an IBAN in groups", "pay DE89 3704 0044 0532 0130 00", "pay [redacted]"],
    ["a long number", "account 12345678.", "account [redacted]."],
    [
      "an account that invisible characters take apart",
      "1234\u200b5678 and 1234\u00ad5678",
      "[redacted] and [redacted]",
    ],
    ["a password in a URL", "see https://me:secret@bank/x", "see https://[redacted]@bank/x"],
    ["line breaks and control characters", "a\r\nb\tc\u0000d\u2028e", "a  b c d e"],
    ["an override of the direction", "safe\u202e evil\u2069", "safe evil"],
    ["half a character", "x\ud800y", "xy"],
    ["another normal form", "Cafe\u0301", "Caf\u00e9"],
    ["white space at its ends", "  closed \n", "closed"],
  ])("loses %s", (_, said, kept) => {
    expect(cleanText(said)).toBe(kept)
  })

  it.each(["AC04", "account closed", "no rule of version 2026-11-26 leads to a bank", "名前が違う 👍", ""])(
    "that is harmless stays as it is: %s",
    (said) => {
      expect(cleanText(said)).toBe(said)
    },
  )

  it("has at most so many code points, and no account that is cut in half at its end", () => {
    expect(cleanText("x".repeat(TEXT_LENGTH_MAX))).toHaveLength(TEXT_LENGTH_MAX)
    const long = cleanText(`${"😀".repeat(TEXT_LENGTH_MAX - 5)}${iban}`)
    expect([...long]).toHaveLength(TEXT_LENGTH_MAX)
    expect(long.at(-1)).toBe("…")
    expect(long).not.toContain("DE89")
  })

  it("has no half of a character where it is cut", () => {
    for (const before of [0, 1, 2, 3]) {
      const long = `${"\u200b".repeat(1_800)}${"x".repeat(before)}${"😀".repeat(100)}x${"\u200b".repeat(100)}`
      expect(cleanText(long).isWellFormed(), `after ${before}`).toBe(true)
      expect(cleanText(long)).not.toBe("")
    }
  })

  it("is the same when it is cleaned again", () => {
    const pieces = fc.constantFrom(
      iban,
      "12345678",
      "1234",
      "\u200b",
      " ",
      "\n",
      "://",
      "@",
      "a",
      "😀",
      "\ud800",
      "-1",
      "…",
    )
    const said = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(pieces, { maxLength: 150 }).map((all) => all.join("")),
    )
    fc.assert(
      fc.property(said, (said) => {
        const clean = cleanText(said)
        expect(cleanText(clean)).toBe(clean)
        expect([...clean].length).toBeLessThanOrEqual(TEXT_LENGTH_MAX)
        expect(clean).not.toMatch(/[0-9]{8}|[\p{Cc}\p{Cf}\p{Cs}]/u)
      }),
    )
  })

  it("has its type from being cleaned alone: only the domain and a store of what was cleaned read it as it is", () => {
    const src = new URL("../../src/", import.meta.url)
    const files = globSync("**/*.ts", { cwd: src }).map((path) => [
      path,
      readFileSync(new URL(path, src), "utf8"),
    ])
    const making = (pattern: RegExp) =>
      files.flatMap(([path = "", text = ""]) => (pattern.test(text) ? [path] : []))
    expect(making(/as OutsideText|brand\("OutsideText"\)/)).toEqual(["domain/outside-text.ts"])
    expect(making(/^import \{(?=[^}]*(?<!type )\bOutsideText\b)/m).sort()).toEqual([
      "domain/clearance-answers.ts",
      "domain/commands.ts",
      "domain/duplicates.ts",
      "domain/events.ts",
      "domain/list-match.ts",
      "domain/personal-events.ts",
      "domain/transfer-events.ts",
      "streams/stray-callbacks.ts",
    ])
  })
})

/** Whether a part of a schema is a text from outside. */
const hasText = (part: unknown, seen = new Set<unknown>()): boolean => {
  if (typeof part !== "object" || part === null || seen.has(part)) return false
  seen.add(part)
  const { annotations } = part as { annotations?: { title?: string } }
  return annotations?.title === "OutsideText" || Object.values(part).some((inner) => hasText(inner, seen))
}

const dirty = `\u202e said ${iban}\n`
const clean = "said [redacted]"
const about = { at: 1, item: 1, attempt: 1 }
const said = { by: "olga", reason: dirty }
const evidence = { text: dirty, reference: dirty }
const answer = { at: 1, clearance: 1, clearanceId: "c", listVersion: "v" }
const decisions = [
  { item: 1, decision: "review", reason: dirty },
  { item: 2, decision: "approved" },
]
const findings = [{ cause: "sanctions", listVersion: "v", reason: dirty }]
const refusal = { code: dirty, evidence: "callback" }

/** One of each kind that holds such text, as an older release wrote it. */
const old: ReadonlyArray<Readonly<Record<string, unknown>>> = [
  { _tag: "ItemsScreened", v: 2, ...answer, decisions },
  { _tag: "ClearanceWithdrawn", ...answer, decisions },
  { _tag: "ItemReviewed", at: 1, item: 1, decision: "released", ...said, findings },
  { _tag: "ItemsCancelled", at: 1, items: [1], ...said },
  { _tag: "PostingRefused", at: 1, posting: 1, code: dirty, retryAt: 2 },
  { _tag: "TransferUnknown", ...about, reason: dirty, inquireAt: 2, refusal },
  { _tag: "TransferFailed", ...about, evidence: "callback", code: dirty },
  { _tag: "TransferReturned", ...about, evidence: "callback", code: dirty },
  { _tag: "TransferParked", ...about, reason: dirty.repeat(50), refusal },
  {
    _tag: "WithdrawalsRequested",
    at: 1,
    transfers: [{ item: 1, attempt: 1 }],
    cause: "resolution",
    ...said,
    evidence,
  },
  {
    _tag: "ResolutionProposed",
    ...about,
    outcome: "failed",
    ...said,
    credential: "operator:olga",
    evidence,
    expiresAt: 2,
  },
  { _tag: "ParkedResolved", ...about, outcome: "failed", ...said, evidence },
  {
    _tag: "BatchReceived",
    v: 2,
    at: 1,
    partner: "acme",
    idempotencyKey: "key",
    requestDigest: "digest",
    itemCount: 1,
    mode: "partial",
    submittedBy: "sam",
    attemptsMax: 1,
    duplicates: { count: 0, items: [], reason: dirty },
  },
  { _tag: "ApprovalDeclined", at: 1, hash: "h", ...said },
]

describe("an event of a release that cleaned nothing", () => {
  it.each(old.map((event) => [String(event._tag), event] as const))("%s is read, and cleaned", (_, event) => {
    const read = Result.getOrThrow(decodeEvent(JSON.stringify(event)))
    const text = JSON.stringify(read)
    expect(text).toContain(clean)
    expect(text).not.toMatch(/DE89|\\n|\u202e/)
  })

  it("is of these kinds: each whose schema has such a text, and no other", () => {
    const kinds = BatchEvent.members
      .filter(({ ast }) => hasText(ast))
      .map(({ fields }) => fields._tag.schema.literal)
    expect(new Set(kinds)).toEqual(kindsWithText)
    expect(old.map(({ _tag }) => _tag).sort()).toEqual([...kindsWithText].sort())
  })

  it("finds and releases the same finding, as it is shown", () => {
    const [screened, , reviewed] = old.map((event) =>
      Result.getOrUndefined(decodeEvent(JSON.stringify(event))),
    )
    expect(screened).toMatchObject({ decisions: [{ reason: clean }, {}] })
    expect(reviewed).toMatchObject({ findings: [{ reason: clean }] })
  })
})

it("an event of this release is read as it was written: whoever appends it has cleaned it", () => {
  const event = Result.getOrThrow(decodeEvent(JSON.stringify(old[8])))
  expect(JSON.parse(encodeEvent(event))).toMatchObject({
    clean: 1,
    reason: event._tag === "TransferParked" && event.reason,
  })
  const kept = { ...old[8], clean: 1, reason: "as 12345678 was cleaned by these rules" }
  expect(Result.getOrThrow(decodeEvent(JSON.stringify(kept)))).toMatchObject({ reason: kept.reason })
})

it.each([
  { _tag: "Cancel", at: 1, items: [1], ...said },
  { _tag: "Review", at: 1, item: 1, decision: "released", ...said, findings },
  { _tag: "Resolve", at: 1, item: 1, outcome: "failed", ...said, evidence },
  { _tag: "RecordScreening", ...answer, decisions },
  { _tag: "RecordTransfer", ...about, bank: "north", outcome: { _tag: "Failed", ...refusal } },
  { _tag: "RecordTransfer", ...about, outcome: { _tag: "Unknown", reason: dirty, inquireAt: 1 } },
])("mail of an older release is cleaned as it is read: $_tag", (command) => {
  const text = JSON.stringify(Result.getOrThrow(decodeMail(JSON.stringify(command))))
  expect(text).toContain(clean)
  expect(text).not.toMatch(/DE89|\\n|\u202e/)
})
