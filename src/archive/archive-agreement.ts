/** Says in words where Redis and the archive count differently, for those who pay. */
import { Effect, Layer } from "effect"
import { ArchiveAgreement } from "../streams/archive-agreement.ts"
import { LogUnlinking } from "../streams/log-unlinking.ts"
import { ArchiveStore } from "./archive-store.ts"
import { compareCounts, type Mismatch } from "./count-comparison.ts"

export const layer = Layer.effect(
  ArchiveAgreement,
  Effect.gen(function* () {
    const [store, unlinking] = [yield* ArchiveStore, yield* LogUnlinking]
    return ArchiveAgreement.of({
      disagreements: compareCounts().pipe(
        Effect.map((found) => new Map(found.map((one) => [one.partition, reasonOf(one)] as const))),
        Effect.provideService(ArchiveStore, store),
        Effect.provideService(LogUnlinking, unlinking),
      ),
    })
  }),
)

const reasonOf = ({ older, missing }: Mismatch): string =>
  older === "redis"
    ? `Redis came back older: it does not know that ${missing} logs were unlinked from it`
    : `Postgres came back older: it does not know that ${missing} logs were unlinked from Redis`
