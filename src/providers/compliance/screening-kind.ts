/** The kinds of compliance engines, and the engine of the settings as its kind makes it. */
import { Effect, Layer } from "effect"
import { kindNamed, type ProviderKind } from "../calling/provider-kind.ts"
import { COMPLIANCE_ENGINE, ProviderSettings } from "../calling/provider-settings.ts"
import { ComplianceEngine } from "./compliance-engine.ts"

export type ScreeningKind = ProviderKind<ComplianceEngine["Service"]>

/** The engine that the settings name, made by its kind. */
export const complianceEngineLayer = (kinds: ReadonlyArray<ScreeningKind>) =>
  Layer.effect(
    ComplianceEngine,
    Effect.gen(function* () {
      const { compliance } = yield* ProviderSettings
      const kind = yield* kindNamed(kinds, compliance)
      return yield* kind.connect({ ...compliance, name: COMPLIANCE_ENGINE })
    }),
  )
