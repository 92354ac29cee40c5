/** Parameters of the OpenAPI document, and what is common to the lists. */
import type { schemas } from "./openapi-schemas.ts"

export const schema = (name: keyof typeof schemas) => ({ $ref: `#/components/schemas/${name}` })
export const json = (name: keyof typeof schemas) => ({ "application/json": { schema: schema(name) } })

export const parameter = (
  place: "path" | "query" | "header",
  name: string,
  of: object,
  description: string,
  required = place !== "query",
) => ({
  in: place,
  name,
  required,
  schema: of,
  description,
})

const state = (name: "BatchState" | "ItemState") => ({
  ...parameter(
    "query",
    "state",
    { type: "array", items: schema(name), minItems: 1 },
    "Return only those in these states, separated by commas.",
  ),
  explode: false,
})
const filter = (name: string, description: string) =>
  parameter("query", name, { type: "string", minLength: 1, maxLength: 256 }, description)
const ofMoney = [
  filter("currency", "Return only those with this currency."),
  filter("amount", "Return only those with exactly this amount of `currency`; of a batch, its total."),
  filter("amountFrom", "The least amount of `currency`."),
  filter("amountTo", "The highest amount of `currency`."),
]
export const ofTime = [
  filter("receivedFrom", "Only of batches that were received at this time or later; a day is one of UTC."),
  filter("receivedTo", "Only of batches that were received before this time; a day is included."),
]
export const batchFilters = [
  state("BatchState"),
  ...ofMoney,
  ...ofTime,
  filter("reference", "The reference of the batch."),
]
export const itemFilters = [
  state("ItemState"),
  ...ofMoney,
  filter("reference", "The reference of the item."),
  filter("lastFour", "The last characters of the beneficiary's account, at most four."),
  filter("failureCode", "The bank's code of an item that failed or was returned."),
  filter("providerReference", "Our reference of a transfer, its UETR, or the bank's own id of the last one."),
]
export const partnerNamed = parameter(
  "query",
  "partner",
  { type: "string" },
  "Required for operators: the partner whose batches or items to list.",
)
export const atLeast = parameter(
  "query",
  "atLeast",
  { type: "integer", minimum: 0 },
  "The answer must reflect at least this version of the log.",
)
export const ifNoneMatch = parameter(
  "header",
  "If-None-Match",
  { type: "string" },
  "The ETag of an answer that you have: if it is still the answer, you get 304.",
  false,
)
export const unchanged = {
  "304": { description: "You have the answer: its ETag is the one that you named." },
}
/** One page as JSON, or all items as a file. */
export const pageOrFile = (page: keyof typeof schemas) => ({
  description: "One page; or all items as a file, if Accept prefers CSV or NDJSON.",
  content: {
    ...json(page),
    "text/csv": { schema: { type: "string" } },
    "application/x-ndjson": { schema: { type: "string" } },
  },
})
