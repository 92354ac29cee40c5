import * as Schema from "effect/Schema"
import { Amount } from "./amount.ts"
import { openJournal } from "./journal.ts"
import { magicOutcome } from "./magic-beneficiaries.ts"
import {
  createApp,
  KeyedAnswers,
  nextOffset,
  pageOf,
  readKeyed,
  readPage,
  refuseWhenFull,
  requestLinesMax,
  type SandboxServer,
} from "./server.ts"

const listVersion = "sandbox-2026-11-01"

const Identifier = Schema.String.check(Schema.isBetweenLength(1, 200))

const Clearance = Schema.Struct({
  clearanceId: Identifier,
  partner: Identifier,
  batch: Identifier,
  items: Schema.Array(
    Schema.Struct({
      item: Schema.Int,
      name: Identifier,
      country: Schema.optionalKey(Schema.String),
      amount: Amount,
      account: Schema.Record(Schema.String, Schema.Unknown),
    }),
  ).check(Schema.isBetweenLength(1, requestLinesMax)),
})
type Clearance = typeof Clearance.Type

interface Decision {
  readonly item: number
  readonly decision: "approved" | "rejected" | "review"
  readonly reason?: string
}

interface ClearanceAnswer {
  readonly clearanceId: string
  readonly listVersion: string
  readonly decisions: readonly Decision[]
}

interface ComplianceEntry {
  readonly type: "screened"
  readonly at: string
  readonly key: string
  readonly fingerprint: string
  readonly clearance: Clearance
  readonly answer: ClearanceAnswer
}

const decide = ({ item, name }: Clearance["items"][number]): Decision => {
  switch (magicOutcome(name)) {
    case "sanctioned":
      return { item, decision: "rejected", reason: "sanctions-list-hit" }
    case "review":
      return { item, decision: "review", reason: "name-similar-to-list-entry" }
    default:
      return { item, decision: "approved" }
  }
}

/** The compliance engine: screens the items of a batch against a list that only knows the magic beneficiaries. */
export const complianceEngine = (journalFile: string | undefined): SandboxServer => {
  const app = createApp()
  const answers = new KeyedAnswers<ClearanceAnswer>()
  const screened: (Decision & { readonly batch: string })[] = []
  const counts = { approved: 0, rejected: 0, review: 0 }

  const apply = ({ key, fingerprint, clearance, answer }: ComplianceEntry): void => {
    answers.remember(key, fingerprint, answer)
    for (const decision of answer.decisions) {
      screened.push({ batch: clearance.batch, ...decision })
      counts[decision.decision] += 1
    }
  }

  const journal = openJournal(journalFile, apply)
  const decodeClearance = Schema.decodeUnknownResult(Clearance)

  app.post("/clearance", async (c) => {
    const { key, fingerprint, body: clearance } = await readKeyed(c, decodeClearance)
    const known = answers.recall(key, fingerprint)
    if (known !== undefined) return c.json(known)
    refuseWhenFull(screened.length)
    const { clearanceId } = clearance
    const answer = { clearanceId, listVersion, decisions: clearance.items.map(decide) }
    const at = new Date().toISOString()
    const entry: ComplianceEntry = { type: "screened", at, key, fingerprint, clearance, answer }
    journal.append(entry)
    apply(entry)
    return c.json(answer)
  })

  app.get("/books", (c) => {
    const page = readPage(c)
    if (page.summary) return c.json({ listVersion, counts })
    const rows = pageOf(screened, page, (row) => row)
    return c.json({ listVersion, counts, screened: rows, next: nextOffset(screened.length, page) })
  })

  return { app, start() {}, close: async () => journal.close() }
}
