/** What a handler can refuse a request for, besides the failures of the parts that it calls. */
import { Schema } from "effect"
import { FieldProblem } from "./field-problem.ts"

/** A header, a path or a query that is not as agreed. */
export class InvalidRequest extends Schema.TaggedError<InvalidRequest>()("InvalidRequest", {
  detail: Schema.String,
}) {}

/** The body is not as agreed; `problems` are the first 100. */
export class InvalidBody extends Schema.TaggedError<InvalidBody>()("InvalidBody", {
  problems: Schema.Array(FieldProblem),
}) {}

/** The body is not JSON by its media type. */
export class NotJson extends Schema.TaggedError<NotJson>()("NotJson", {}) {}

/** There is no such resource, or it belongs to another partner: the two look alike. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { what: Schema.String }) {}

/** The key is known, and is not for that: `detail` says whose would be. */
export class Forbidden extends Schema.TaggedError<Forbidden>()("Forbidden", { detail: Schema.String }) {}

/** The idempotency key stands for a batch that was posted with another body. */
export class IdempotencyKeyReused extends Schema.TaggedError<IdempotencyKeyReused>()("IdempotencyKeyReused", {
  batch: Schema.String,
}) {}

/** The batch refuses the command as it stands; docs/SPEC.md lists the reasons. */
export class CommandRefused extends Schema.TaggedError<CommandRefused>()("CommandRefused", {
  reason: Schema.String,
  /** The attempts of the item that it is about, where it is about attempts. */
  attempts: Schema.optionalKey(Schema.Array(Schema.Int)),
}) {}

/** As many batches are open as the service takes on. */
export class IntakeFull extends Schema.TaggedError<IntakeFull>()("IntakeFull", {
  retryAfterSeconds: Schema.Int,
}) {}

/** As many batches of the partner are open as one partner may have. */
export class PartnerShareFull extends Schema.TaggedError<PartnerShareFull>()("PartnerShareFull", {
  retryAfterSeconds: Schema.Int,
}) {}

/** A callback that was not signed by a bank, or long ago. */
export class InvalidSignature extends Schema.TaggedError<InvalidSignature>()("InvalidSignature", {}) {}

/** The log of the batch ends before the version that the client knows of; `version` is its last. */
export class VersionNotReached extends Schema.TaggedError<VersionNotReached>()("VersionNotReached", {
  version: Schema.Int,
}) {}

/** The batch is in its log, and the read models have not come so far. */
export class ItemsNotYetShown extends Schema.TaggedError<ItemsNotYetShown>()("ItemsNotYetShown", {
  batch: Schema.String,
}) {}

/** A partner asks for more at a time, or more often, than leaves room for others; `what` names what there is too much of. */
export class TooManyRequests extends Schema.TaggedError<TooManyRequests>()("TooManyRequests", {
  what: Schema.String,
  retryAfterSeconds: Schema.Int,
}) {}
