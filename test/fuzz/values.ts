/** Values that match a schema. What a schema does not say, such as a check digit, they get wrong. */
import { fc } from "../property.ts"
import type { ApiDocument, JsonSchema } from "./document.ts"

const DEPTH_MAX = 6
/** Longer texts and lists are made by changes, not by schemas. */
const LENGTH_MAX = 300
const ITEMS_MAX = 3

/** An arbitrary of values that match a schema of the document. */
export const valuesOf = (schema: JsonSchema, document: ApiDocument, depth = 0): fc.Arbitrary<unknown> => {
  const found = document.resolve(schema)
  const within = (inner: JsonSchema) => valuesOf(inner, document, depth + 1)
  if (depth > DEPTH_MAX) return fc.constant(null)
  if (found.const !== undefined) return fc.constant(found.const)
  if (found.enum !== undefined) return fc.constantFrom(...found.enum)
  const choices = found.anyOf ?? found.oneOf
  if (choices !== undefined) return fc.oneof(...choices.map(within))
  if (found.allOf !== undefined)
    return within(Object.assign({}, { ...found, allOf: undefined }, ...found.allOf))
  const [type] = [found.type ?? "object"].flat()
  switch (type) {
    case "string":
      return texts(found)
    case "integer":
      return fc.integer({
        min: Math.max(found.minimum ?? 0, -(2 ** 31)),
        max: Math.min(found.maximum ?? 2 ** 31, 2 ** 31),
      })
    case "number":
      return fc.double({ min: found.minimum ?? 0, max: found.maximum ?? 1e9, noNaN: true })
    case "boolean":
      return fc.boolean()
    case "null":
      return fc.constant(null)
    case "array":
      return fc.array(within(found.items ?? {}), {
        minLength: Math.min(found.minItems ?? 0, ITEMS_MAX),
        maxLength: Math.min(found.maxItems ?? ITEMS_MAX, ITEMS_MAX),
      })
    default:
      return records(found, within)
  }
}

const records = (
  { properties = {}, required = [] }: JsonSchema,
  within: (schema: JsonSchema) => fc.Arbitrary<unknown>,
): fc.Arbitrary<unknown> =>
  fc.record(Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, within(schema)])), {
    requiredKeys: required.filter((name) => name in properties),
  })

const texts = ({
  pattern,
  format,
  minLength = 0,
  maxLength = LENGTH_MAX,
}: JsonSchema): fc.Arbitrary<string> => {
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  if (format === "date-time")
    return fc
      .date({ min: new Date("2026-01-01"), max: new Date("2030-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString())
  if (format === "uri") return fc.webUrl({ validSchemes: ["https"] })
  const length = { minLength, maxLength: Math.min(maxLength, LENGTH_MAX) }
  return fc.oneof(
    { weight: 3, arbitrary: fc.string(length) },
    { weight: 1, arbitrary: fc.string({ ...length, unit: "grapheme" }) },
    { weight: 1, arbitrary: fc.string({ ...length, unit: "binary" }) },
  )
}
