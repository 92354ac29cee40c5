/** The types of the client are those of the schemas that decode and encode. What is wrong here does not compile. */
import { expect, it } from "vitest"
import type * as client from "../../src/client/api-types.ts"
import type { WebhookEvent } from "../../src/client/webhook-events.ts"
import type { NewPayoutBatch } from "../../src/http/payout-batches/payout-batch-request.ts"
import type * as service from "../../src/http/payout-batches/shapes.ts"
import type { BatchDryRun } from "../../src/http/payout-uploads/dry-run.ts"
import type { EndpointEvent, WebhookEndpointTest } from "../../src/publisher/endpoint-event.ts"
import type { PublicEvent } from "../../src/publisher/public-event.ts"

type Published =
  | typeof PublicEvent.Encoded
  | typeof EndpointEvent.Encoded
  | typeof WebhookEndpointTest.Encoded

/** Whether what the one side writes is what the other reads. */
type Reads<Written, Read> = Written extends Read ? true : false

const answers: readonly [
  Reads<typeof service.AcceptedPayoutBatch.Encoded, client.AcceptedPayoutBatch>,
  Reads<typeof service.PayoutBatch.Encoded, client.PayoutBatch>,
  Reads<typeof service.PayoutItemDetail.Encoded, client.PayoutItemDetail>,
  Reads<typeof service.FoundItemPage.Encoded, client.FoundItemPage>,
  Reads<typeof service.BatchEventPage.Encoded, client.BatchEventPage>,
  Reads<typeof service.Expected.Encoded, client.Expected>,
  Reads<typeof BatchDryRun.Encoded, client.BatchDryRun>,
  Reads<Published, WebhookEvent>,
] = [true, true, true, true, true, true, true, true]

const bodies: readonly [Reads<client.NewPayoutBatch, typeof NewPayoutBatch.Encoded>] = [true]

/** Nor are they wider: a member that was forgotten would be any. */
const narrow: readonly [
  Reads<client.PayoutBatch, typeof service.PayoutBatch.Encoded>,
  Reads<client.PayoutItemDetail, typeof service.PayoutItemDetail.Encoded>,
  Reads<WebhookEvent, Published>,
  Reads<{ readonly items: string }, client.NewPayoutBatch>,
] = [true, true, true, false]

it("reads what the service writes, and writes what it reads", () => {
  expect([...answers, ...bodies].every(Boolean)).toBe(true)
  expect(narrow).toEqual([true, true, true, false])
})
