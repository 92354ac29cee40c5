/** All events that go out, by family: what the contract's documents are made of. */
import type { Schema } from "effect"
import { proofContracts } from "../proof/root-event.ts"
import { endpointContracts, WebhookEndpointTest } from "../publisher/endpoint-event.ts"
import { publicEventContracts } from "../publisher/public-event.ts"
import { discrepancyContracts } from "../reconciliation/discrepancy-event.ts"

/** Where a family is published on JetStream. */
export interface Subjects {
  /** The subject, with its parameters in braces. */
  readonly address: string
  /** The stream, where `NATS_STREAM` is `ATLASPAY`. */
  readonly stream: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Events that are published in the same places. */
export interface EventFamily {
  /** The name of its channel. */
  readonly channel: string
  readonly title: string
  readonly description: string
  /** The schema of each event, by the event's name. Names are unique among all families. */
  readonly contracts: Readonly<Record<string, Schema.Top>>
  /** Absent if it is not on NATS. */
  readonly subjects?: Subjects
  /** Whether partners get it as webhooks. */
  readonly webhooks: boolean
}

const deployment = "`NATS_STREAM` in lower case: `atlaspay`, if it is not set."

export const eventFamilies: ReadonlyArray<EventFamily> = [
  {
    channel: "batchEvents",
    title: "Events of payout batches",
    description:
      "What happens to a batch and its payouts. Apart from repetitions, the events of a batch are in the order of their `sequence`.",
    contracts: publicEventContracts,
    subjects: {
      address: "{deployment}.events.{partner}.{batch}.{event}",
      stream: "ATLASPAY",
      parameters: {
        deployment,
        partner: "The partner that owns the batch.",
        batch: "The id of the batch.",
        event: "The name of the event: `PayoutSettled`.",
      },
    },
    webhooks: true,
  },
  {
    channel: "endpointEvents",
    title: "Events about webhook endpoints",
    description:
      "They belong to no batch, and have no `sequence`. As webhooks they go to the partner's other endpoints that want their type.",
    contracts: endpointContracts,
    subjects: {
      address: "{deployment}.events.{partner}.webhooks.{event}",
      stream: "ATLASPAY",
      parameters: {
        deployment,
        partner: "The partner that owns the endpoint.",
        event: "The name of the event: `WebhookEndpointDisabled`.",
      },
    },
    webhooks: true,
  },
  {
    channel: "testEvents",
    title: "Test events",
    description: "Each goes to the endpoint that it was asked for, and to nobody else.",
    contracts: { WebhookEndpointTest },
    webhooks: true,
  },
  {
    channel: "discrepancies",
    title: "Discrepancies of the reconciliation",
    description: "For the operator: they belong to no batch, and partners must not have access to them.",
    contracts: discrepancyContracts,
    subjects: {
      address: "{deployment}.reconciliation.{day}.{kind}.{id}",
      stream: "ATLASPAY_RECONCILIATION",
      parameters: {
        deployment,
        day: "The day that was compared: `2026-01-02`.",
        kind: "The kind of the difference.",
        id: "The id of the event.",
      },
    },
    webhooks: false,
  },
  {
    channel: "proofRoots",
    title: "Signed roots of the proof tree",
    description:
      "In the order of their `number`. They name no partner and no batch, so anybody may keep them.",
    contracts: proofContracts,
    subjects: { address: "{deployment}.proofs.roots", stream: "ATLASPAY_PROOFS", parameters: { deployment } },
    webhooks: false,
  },
]
