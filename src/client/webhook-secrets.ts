/** What signs an endpoint's webhooks: its secret, and a key for asymmetric signatures. docs/WEBHOOKS.md has the steps of a rotation. */
import { readJson } from "./answers.ts"
import { type AnswerOf, type BodyOf, doOnce, read } from "./calls.ts"
import type { CallOptions, Service } from "./transport.ts"

const nothing = async (response: Response): Promise<void> => {
  await response.body?.cancel()
}

const signaturesIn = async (response: Response): Promise<AnswerOf<"showWebhookSignatures">> => {
  const answer: unknown = await readJson(response, { signatures: "array", publicKeys: "array" })
  return answer as AnswerOf<"showWebhookSignatures">
}

export const webhookSecretsOf = (service: Service) => ({
  /** What signs at the moment, without secrets. */
  show: (id: string, options: CallOptions = {}): Promise<AnswerOf<"showWebhookSignatures">> =>
    read(service, "showWebhookSignatures", { id }, {}, { signatures: "array", publicKeys: "array" }, options),

  /**
   * Makes a new secret, which is in this answer only. A call without an answer is not repeated: call it again with `restart`, which
   * keeps the secret that your receiver has.
   */
  rotate: (
    id: string,
    body: BodyOf<"rotateWebhookSecret"> = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<"rotateWebhookSecret">> =>
    doOnce(service, "rotateWebhookSecret", { id }, body, options, async (response) => {
      const answer: unknown = await readJson(response, { secret: "string" })
      return answer as AnswerOf<"rotateWebhookSecret">
    }),

  /** Ends the previous secret before its time. */
  endPrevious: (id: string, options: CallOptions = {}): Promise<void> =>
    doOnce(service, "endPreviousWebhookSecret", { id }, undefined, options, nothing),

  /** Adds asymmetric signatures. */
  addSigningKey: (id: string, options: CallOptions = {}): Promise<AnswerOf<"showWebhookSignatures">> =>
    doOnce(service, "addWebhookSigningKey", { id }, undefined, options, signaturesIn),

  rotateSigningKey: (
    id: string,
    body: BodyOf<"rotateWebhookSigningKey"> = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<"showWebhookSignatures">> =>
    doOnce(service, "rotateWebhookSigningKey", { id }, body, options, signaturesIn),

  endPreviousSigningKey: (id: string, options: CallOptions = {}): Promise<void> =>
    doOnce(service, "endPreviousWebhookSigningKey", { id }, undefined, options, nothing),

  removeSigningKey: (id: string, options: CallOptions = {}): Promise<void> =>
    doOnce(service, "removeWebhookSigningKey", { id }, undefined, options, nothing),
})
