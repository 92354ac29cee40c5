/** JSON Schema of Effect's schemas: of the JSON that they encode to. All documents that describe what goes out come from here. */
import { JsonSchema, Schema, SchemaRepresentation } from "effect"

type Json = Readonly<Record<string, unknown>>

/** Schemas in the order of what they were made of, and the definitions that they refer to. */
export interface Translated {
  readonly schemas: ReadonlyArray<Json>
  readonly definitions: Json
}

/**
 * For a document with components (OpenAPI 3.1, AsyncAPI 3.0): references are `#/components/schemas/<name>`. With `closed`, objects have
 * no members but those that are named.
 */
export const componentsOf = (schemas: ReadonlyArray<Schema.Top>, closed: boolean): Translated => {
  const document = multiDocumentOf(schemas, closed)
  return document === undefined ? none : JsonSchema.toMultiDocumentOpenApi3_1(document)
}

/** A document of JSON Schema 2020-12 that stands alone: what it refers to is in its `$defs`. Objects may have other members. */
export const jsonSchemaOf = (schema: Schema.Top): Json => {
  const { schemas: [root] = [], definitions } = multiDocumentOf([schema], false) ?? none
  return {
    $schema: JsonSchema.META_SCHEMA_URI_DRAFT_2020_12,
    ...root,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions }),
  }
}

const none: Translated = { schemas: [], definitions: {} }

const multiDocumentOf = ([first, ...others]: ReadonlyArray<Schema.Top>, closed: boolean) =>
  first === undefined
    ? undefined
    : SchemaRepresentation.toJsonSchemaMultiDocument(
        SchemaRepresentation.toRepresentations([astOf(first), ...others.map(astOf)]),
        { onExcessProperty: closed ? "error" : "ignore" },
      )

const astOf = (schema: Schema.Top) => Schema.toCodecJson(schema).ast
