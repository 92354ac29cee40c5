/** What the description of the API says of batches that come as files, and how it describes a parameter. */

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

/** The terms of a batch that comes as a file; dryRun is for every form. */
export const uploadParameters = [
  parameter("query", "dryRun", { enum: ["true", "false"] }, "Only checks the batch; for every form."),
  parameter(
    "query",
    "rejects",
    { const: "file" },
    "For CSV and NDJSON: a refusal is answered with the rejected rows.",
  ),
  ...["reference", "mode", "submittedBy", "requireApproval", "executeAt"].map((name) =>
    parameter("query", name, { type: "string" }, "For files: as the field of NewPayoutBatch of this name."),
  ),
  parameter(
    "query",
    "duplicatesReason",
    { type: "string" },
    "For files: allows duplicates, for this reason.",
  ),
  parameter("query", "decimal", { enum: ["point", "comma"] }, "For CSV: what separates decimals."),
  parameter(
    "query",
    "thousands",
    { enum: ["none", "point", "comma", "space", "apostrophe"] },
    "For CSV: what separates thousands.",
  ),
]

/** The content of a request that is a file. */
export const uploadForms = Object.fromEntries(
  ["text/csv", "application/x-ndjson", "application/xml", "text/xml"].map((type) => [
    type,
    { schema: { type: "string" } },
  ]),
)
