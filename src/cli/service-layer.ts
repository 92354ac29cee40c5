/** Services of the running platform for a command of an operator. */
import { ConfigProvider, Effect, Layer, References, type Scope } from "effect"
import { loggingLayer } from "../telemetry/logging.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { serveEnvironment } from "./serve-environment.ts"

const READY_MS_MAX = 30_000

/** The command reports its failures itself; warnings of the parts go to stderr. */
const quietly = Layer.merge(loggingLayer(), Layer.succeed(References.MinimumLogLevel, "Warn"))

/** What a command may fail with. */
export interface Failure {
  readonly _tag: string
  readonly reason?: string
  readonly message: string
}

type App = typeof import("../app.ts")

/** Runs an effect with a layer of app.ts, on the stores in the environment, or else on the local stack's. */
export const withLayer = <Services, A, E extends Failure, LE extends Failure>(
  dataDir: string,
  layerOf: (app: App) => Layer.Layer<Services, LE>,
  use: Effect.Effect<A, E, Services>,
): Effect.Effect<A, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* (): Effect.fn.Return<A, CliFailure | E | LE | Error, Scope.Scope> {
      const { environment } = yield* serveEnvironment(dataDir, process.env, () => {})
      // Imported here, because most commands do not need the layers of the service.
      const app = yield* Effect.promise(() => import("../app.ts"))
      const services = yield* Layer.build(
        layerOf(app).pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...environment }))),
          Layer.provideMerge(quietly),
        ),
      ).pipe(
        Effect.timeoutOrElse({
          duration: READY_MS_MAX,
          orElse: () => new CliFailure({ reason: `A store did not answer within ${READY_MS_MAX} ms.` }),
        }),
      )
      return yield* Effect.provide(use, services)
    }),
  ).pipe(
    Effect.mapError((error) =>
      error instanceof CliFailure
        ? error
        : new CliFailure({ reason: "reason" in error && error.reason ? error.reason : error.message }),
    ),
  )
