/** The routes that the API has, as the app itself lists them: "GET /payout-batches/:id". */
import { Effect, Layer } from "effect"
import { Drafts } from "../../src/drafts/drafts.ts"
import { makeApp } from "../../src/http/app.ts"
import { RequestBodies } from "../../src/http/edge/request-body.ts"
import { ReadinessChecks } from "../../src/http/operations/operations.ts"
import { Intake } from "../../src/http/payout-batches/intake.ts"
import { OpenStreams } from "../../src/http/payout-batches/open-streams.ts"
import { CallbackSecrets } from "../../src/identity/callback-secrets.ts"
import { Credentials } from "../../src/identity/credentials.ts"
import { PayoutLimits } from "../../src/providers/banks/payout-limits.ts"
import { ProviderReports } from "../../src/providers/calling/provider-reports.ts"
import { AnnouncedLists } from "../../src/streams/announced-lists.ts"
import { AppendWatch } from "../../src/streams/append-watch.ts"
import { ApprovalAllowance } from "../../src/streams/approval-allowance.ts"
import { ClaimMarks } from "../../src/streams/claim-marks.ts"
import { DayLimit } from "../../src/streams/day-limit.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { StrayCallbacks } from "../../src/streams/stray-callbacks.ts"
import { freshMetrics } from "../../src/telemetry/metrics.ts"
import { ClaimsInMemory } from "../register/claims-in-memory.ts"
import { DecisionsInMemory } from "../register/decisions-in-memory.ts"
import { settings } from "../settings.ts"
import { fixedKeys } from "../vault/fixed-keys.ts"
import { noStoredKeys } from "./api-under-test.ts"
import { deliveriesInMemory } from "./deliveries-in-memory.ts"
import { endpointSecretsInMemory } from "./endpoint-secrets-in-memory.ts"
import { endpointsInMemory } from "./endpoints-in-memory.ts"
import { proofsInMemory } from "./proofs-in-memory.ts"
import { readModels, reports } from "./read-models.ts"

export const routesOfApp = async (): Promise<ReadonlyArray<string>> => {
  const { app } = await Effect.runPromise(
    makeApp.pipe(
      Effect.provide([
        Layer.provideMerge(Credentials.layer, noStoredKeys),
        freshMetrics,
        readModels(),
        reports(),
        endpointSecretsInMemory.pipe(Layer.provideMerge(endpointsInMemory)),
        deliveriesInMemory,
        RequestBodies.layer,
        Layer.mock(Drafts, {}),
        proofsInMemory,
        Layer.mock(OpenStreams, {}),
        Layer.mock(AppendWatch, {}),
        Layer.mock(EventStore, {}),
        Layer.mock(Mailbox, {}),
        Layer.mock(Intake, {}),
        new DecisionsInMemory().layer,
        new ClaimsInMemory().layer,
        Layer.mock(ClaimMarks, {}),
        Layer.mock(DayLimit, {}),
        Layer.mock(StrayCallbacks, {}),
        Layer.mock(AnnouncedLists, { seen: () => undefined }),
        Layer.mock(ApprovalAllowance, {}),
        Layer.mock(PayoutLimits, { problems: () => [], destination: () => undefined }),
        Layer.mock(ProviderReports, {}),
        Layer.mock(CallbackSecrets, { ofBank: () => undefined }),
        fixedKeys(),
        Layer.succeed(ReadinessChecks, []),
      ]),
      Effect.provide(settings()),
    ),
  )
  return app.routes.filter(({ method }) => method !== "ALL").map(({ method, path }) => `${method} ${path}`)
}
