/** The service's own layers, for commands that look after its stores. */
import { ConfigProvider, Effect, Layer, References, type Scope } from "effect"
import { loggingLayer } from "../telemetry/logging.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { serveEnvironment } from "./serve-environment.ts"

const READY_MS_MAX = 30_000

/** What goes wrong is told by the command itself; warnings of the parts go to stderr. */
const quietly = Layer.merge(loggingLayer(), Layer.succeed(References.MinimumLogLevel, "Warn"))

type Services = Layer.Success<typeof import("../app.ts")["historyLayer"]>

/** Runs with what looks after the logs, on the stores of the environment, else on those of the local stack. */
export const withServices = <
  A,
  E extends { readonly _tag: string; readonly reason?: string; readonly message: string },
>(
  dataDir: string,
  use: Effect.Effect<A, E, Services>,
): Effect.Effect<A, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* (): Effect.fn.Return<A, CliFailure | E | Error, Scope.Scope> {
      const { environment } = yield* serveEnvironment(dataDir, process.env, () => {})
      // Loaded here, because most commands do not need the layers of the service.
      const { historyLayer } = yield* Effect.promise(() => import("../app.ts"))
      const services = yield* Layer.build(
        historyLayer.pipe(
          Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...environment }))),
          Layer.provideMerge(quietly),
        ),
      ).pipe(
        Effect.timeoutOrElse({
          duration: READY_MS_MAX,
          orElse: () =>
            new CliFailure({ reason: `Redis or Postgres did not answer within ${READY_MS_MAX} ms.` }),
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
