/**
 * What an export does with each field of an event. A field that is not here fails the export, and test/replay/scrubbing.test.ts, which
 * walks the schemas of all events: whoever adds one decides whether it can tell who was paid, by whom, and why.
 */

/**
 * `kept`: times, numbers, words of a closed list, and what banks, schemes, currencies and countries are called. Rules are often called
 * after a partner. `word`: a code that our tables know is kept, any other is replaced. All else is replaced: see scrubbing.ts.
 */
export type Treatment =
  | "kept"
  | "word"
  | "text"
  | "actor"
  | "credential"
  | "batch"
  | "trace"
  | "span"
  | "lastFour"
  | "seal"
  | "reference"
  | "minor"
  | "decimal"

/** Texts that somebody outside or a person wrote, names, and ids that others gave. */
const texts = `
  clearanceId commandId decisions[].matches[].id decisions[].matches[].lists[] decisions[].matches[].name
  decisions[].matches[].programs[] decisions[].reason detail duplicates.reason evidence.reference evidence.text findings[].listVersion
  findings[].reason hash approval.hash idempotencyKey items[].beneficiary.name items[].reference items[].remittance
  ledgerPostingId listVersion partner reason reference requestDigest transferId transfers[].route.rule
  transfers[].route.version transfers[].transferId version`

const words = `
  code decisions[].cause findings[].cause items[].reason ranges[].reason refusal.code terms.currencies[] terms.duplicates
  terms.modes[] terms.schemes[]`

const kept = `
  _tag approval.expiresAt approval.reason arrivals[].on arrivals[].scheme at attempt attempts[] attemptsMax category cause
  clearance command compensation currency decideBy decision decisions[].decision decisions[].item decisions[].matches[].score decisions[].payee
  decisions[].released duplicates.count duplicates.items[].duplicateOf.item duplicates.items[].item duplicates.unchecked
  evidence executeAt expiresAt goingOut inquireAt item itemCount items[] items[].beneficiary.account.country
  items[].beneficiary.account.scheme items[].beneficiary.addressCountry items[].beneficiary.type items[].currency items[].item kind mode outcome
  payeePolicy posting ranges[].from ranges[].to recorded refusal.evidence refusal.whole rejectedRows.count
  rejectedRows.lines[][] reported reroutable retryAt retryable state terms.approvalAbove.# terms.backlogMax
  terms.batchMax.# terms.dayMax.# terms.itemMax.# terms.settingsVersion trace.sampled transfers[].at transfers[].attempt transfers[].bank
  transfers[].inquireAt transfers[].item transfers[].route.others[] transfers[].withdrawable`

const others: Readonly<Record<string, Treatment>> = {
  by: "actor",
  submittedBy: "actor",
  typedBy: "actor",
  credential: "credential",
  proposedBy: "credential",
  sealed: "seal",
  "duplicates.items[].duplicateOf.batch": "batch",
  "items[].beneficiary.account.lastFour": "lastFour",
  "items[].minor": "minor",
  "terms.approvalAbove.*": "decimal",
  "terms.batchMax.*": "decimal",
  "terms.dayMax.*": "decimal",
  "terms.itemMax.*": "decimal",
  "trace.id": "trace",
  "trace.parent": "span",
  "transfers[].reference": "reference",
  // Words of ours, though any text is read.
  "CommandRefused.reason": "word",
}

const named = (paths: string, treatment: Treatment): ReadonlyArray<readonly [string, Treatment]> =>
  paths
    .trim()
    .split(/\s+/)
    .map((path) => [path, treatment])

const treatments: ReadonlyMap<string, Treatment> = new Map([
  ...named(texts, "text"),
  ...named(words, "word"),
  ...named(kept, "kept"),
  ...Object.entries(others),
])

/**
 * What becomes of a field, given the kind of event and its path: `[]` for an entry of a list, `*` for a value under any key, `#` for the
 * key. `undefined` if nobody has decided that.
 */
export const treatmentOf = (tag: string, path: string): Treatment | undefined =>
  treatments.get(`${tag}.${path}`) ?? treatments.get(path)

/** All paths that somebody has decided about. */
export const decidedPaths: Iterable<string> = treatments.keys()
