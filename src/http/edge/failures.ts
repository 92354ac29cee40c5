/** The reasons for which a handler refuses a request, besides the failures of the parts that it calls. */
import { Schema } from "effect"
import { FieldProblem, RowProblem } from "./field-problem.ts"

/** An invalid header, path or query. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  detail: Schema.String,
}) {}

/** The body is invalid; `problems` has the first 100 problems. */
export class InvalidBody extends Schema.TaggedError<InvalidBody>()("InvalidBody", {
  problems: Schema.Array(FieldProblem),
}) {}

/**
 * A file of payouts that is refused: `errors` has the first 100 problems of rows, `rejected` says how many rows have some. No
 * error quotes a cell. Not complete, where reading ended before the end of the file.
 */
export class InvalidRows extends Schema.TaggedError<InvalidRows>()("InvalidRows", {
  rejected: Schema.Int,
  isComplete: Schema.Boolean,
  errors: Schema.Array(RowProblem),
}) {}

/** The media type of the body is not JSON, nor any other that the route takes: `accepted` has those, if there are others. */
export class NotJson extends Schema.TaggedError<NotJson>()("NotJson", {
  accepted: Schema.optionalKey(Schema.Array(Schema.String)),
}) {}

/** There is no such resource, or it belongs to another partner; the answer is the same. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { what: Schema.String }) {}

/** The resource has other methods than that of the request. */
export class MethodNotAllowed extends Schema.TaggedError<MethodNotAllowed>()("MethodNotAllowed", {
  allowed: Schema.Array(Schema.String),
}) {}

/** `Accept` permits none of the media types that the route answers with. */
export class NotAcceptable extends Schema.TaggedError<NotAcceptable>()("NotAcceptable", {
  mediaTypes: Schema.Array(Schema.String),
}) {}

/** The key is valid but not permitted to do this; `detail` says which key is, and `scope` which scope a partner's key needs. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", {
  detail: Schema.String,
  scope: Schema.optionalKey(Schema.String),
}) {}

/** The idempotency key was used for a batch with another body. */
export class IdempotencyKeyReused extends Schema.TaggedError<IdempotencyKeyReused>()("IdempotencyKeyReused", {
  batch: Schema.String,
}) {}

/** Items were accepted before: `errors` names the first of `count`. */
export class DuplicatePayouts extends Schema.TaggedError<DuplicatePayouts>()("DuplicatePayouts", {
  count: Schema.Int,
  errors: Schema.Array(
    Schema.Struct({
      ...FieldProblem.fields,
      /** Of a file of rows: where the item stands in it. */
      line: Schema.optionalKey(Schema.Int),
      duplicateOf: Schema.Struct({ batch: Schema.String, item: Schema.Int }),
    }),
  ),
}) {}

/** The batch and those of the last 24 hours are more than the partner's setting allows, in this currency. */
export class DayLimitReached extends Schema.TaggedError<DayLimitReached>()("DayLimitReached", {
  setting: Schema.String,
  currency: Schema.String,
  /** The most of a day, as a decimal. */
  max: Schema.String,
}) {}

/** Whether items were accepted before cannot be found out now. */
export class DuplicatesUnknown extends Schema.TaggedError<DuplicatesUnknown>()("DuplicatesUnknown", {
  detail: Schema.String,
  retryAfterSeconds: Schema.Int,
}) {}

/** The batch refuses the command in its present state; docs/SPEC.md lists the reasons. */
export class CommandRefused extends Schema.TaggedError<CommandRefused>()("CommandRefused", {
  reason: Schema.String,
  /** The attempts of the item that the refusal concerns, if any. */
  attempts: Schema.optionalKey(Schema.Array(Schema.Int)),
}) {}

/** The service has reached its limit of open batches. */
export class IntakeFull extends Schema.TaggedError<IntakeFull>()("IntakeFull", {
  retryAfterSeconds: Schema.Int,
}) {}

/** The partner has reached its limit of open batches. */
export class PartnerShareFull extends Schema.TaggedError<PartnerShareFull>()("PartnerShareFull", {
  retryAfterSeconds: Schema.Int,
}) {}

/** A callback without a valid signature, or with one that is too old. */
export class InvalidSignature extends Schema.TaggedError<InvalidSignature>()("InvalidSignature", {}) {}

/** The log of the batch ends before the version that the client knows of; `version` is its last. */
export class VersionNotReached extends Schema.TaggedError<VersionNotReached>()("VersionNotReached", {
  version: Schema.Int,
}) {}

/** The log of the batch says nothing of this time: the batch came later, or the time has not come yet. */
export class OutsideHistory extends Schema.TaggedError<OutsideHistory>()("OutsideHistory", {
  reason: Schema.String,
}) {}

/** The batch is in its log, but not yet in the read models. */
export class ItemsNotYetShown extends Schema.TaggedError<ItemsNotYetShown>()("ItemsNotYetShown", {
  batch: Schema.String,
}) {}

/** No signed root has the batch yet: it is open, or was closed a moment ago. */
export class NotYetProved extends Schema.TaggedError<NotYetProved>()("NotYetProved", {
  batch: Schema.String,
}) {}

/** A partner exceeds its share of concurrent requests or its rate; `what` says of what there is too much. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  what: Schema.String,
  retryAfterSeconds: Schema.Int,
}) {}

/** The change does not name the version that it changes: `If-Match` is missing, or names no single version. */
export class PreconditionRequired extends Schema.TaggedError<PreconditionRequired>()("PreconditionRequired", {
  version: Schema.Int,
}) {}
