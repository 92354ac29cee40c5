/** What the error codes of a Formance ledger (`V2ErrorsEnum`) mean for a posting of ours. */
import { Schema } from "effect"

/**
 * Every code of the document. Only a lack of funds is a refusal: it leads to another posting under a new key. After all others the same
 * posting is repeated under its key, and the text tells the operator why it fails.
 */
export const errorMeanings = {
  INSUFFICIENT_FUND: "refused",
  CONFLICT: "its reference or its key is taken, by something else than this posting",
  VALIDATION: "the ledger takes it for invalid, or had its key with another posting",
  SCHEMA_NOT_SPECIFIED: "the ledger has a schema, which the service does not write by: use a ledger without",
  OUTDATED_SCHEMA: "the ledger has a schema, which the service does not write by: use a ledger without",
  SCHEMA_ALREADY_EXISTS: "the ledger answered something else than it was asked",
  LEDGER_NOT_FOUND: "there is no such ledger: create it, or correct its name in the settings",
  NOT_FOUND: "there is no such ledger: create it, or correct its name in the settings",
  LEDGER_ALREADY_EXISTS: "the ledger answered something else than it was asked",
  COMPILATION_FAILED: "the ledger could not work with the postings",
  INTERPRETER_PARSE: "the ledger could not work with the postings",
  INTERPRETER_RUNTIME: "the ledger could not work with the postings",
  NO_POSTINGS: "the ledger saw no postings",
  METADATA_OVERRIDE: "the ledger saw metadata twice",
  REVERT_OCCURRING: "the ledger answered something else than it was asked",
  ALREADY_REVERT: "the ledger answered something else than it was asked",
  IMPORT: "the ledger is being imported and books nothing",
  BULK_SIZE_EXCEEDED: "the ledger answered something else than it was asked",
  TIMEOUT: "the ledger took too long",
  INTERNAL: "the ledger failed",
} as const

export type ErrorCode = keyof typeof errorMeanings

/** Whether there is no ledger, and so nothing to look up. */
export const isAbsence = (code: ErrorCode): boolean => code === "LEDGER_NOT_FOUND" || code === "NOT_FOUND"

/** An error as the document has it (`V2ErrorResponse`). Its message, which may quote the posting, is not read. */
export const ErrorAnswer = Schema.Struct({
  errorCode: Schema.Literals(Object.keys(errorMeanings) as ReadonlyArray<ErrorCode>),
})
