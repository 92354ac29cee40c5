import { ConfigProvider, Console, Context, Effect, Layer, Option, type Scope } from "effect"
import { Command } from "effect/cli"
import { announceService, recordFile } from "../dev/service-record.ts"
import { OperationsAddress } from "../http/operations-server.ts"
import { HttpAddress } from "../http/server.ts"
import { exitWhenOverdue } from "../platform/teardown.ts"
import type { Role } from "../service-roles.ts"
import { endWithLastWords } from "../telemetry/last-words.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir } from "./flags.ts"
import { rolesFlag } from "./roles-flag.ts"
import { serveEnvironment } from "./serve-environment.ts"

/** Runs the service in this process until it is stopped, and drains it then. */
export const serve = Command.make(
  "serve",
  { dataDir, roles: rolesFlag },
  Effect.fn(function* ({ dataDir, roles }) {
    endWithLastWords()
    yield* Effect.scoped(run(dataDir, roles))
  }),
).pipe(
  Command.withDescription(
    "Run the service. Outside production, missing servers and providers are started, too",
  ),
)

const run = Effect.fnUntraced(function* (
  dataDir: string,
  roles: ReadonlyArray<Role>,
): Effect.fn.Return<never, CliFailure, Scope.Scope> {
  const { environment, sandbox } = yield* serveEnvironment(dataDir, process.env, (line) =>
    console.log(`  ${line}`),
  )
  // Imported here, because no other command needs the whole service.
  const { serveLayer } = yield* Effect.promise(() => import("../app.ts"))
  const provider = ConfigProvider.layer(ConfigProvider.fromEnvRecord({ ...environment }))
  const services = yield* Layer.build(
    serveLayer(roles).pipe(Layer.provide([provider, exitWhenOverdue])),
  ).pipe(Effect.mapError(startFailure))
  const { url: operationsUrl } = Context.getUnsafe(services, OperationsAddress)
  const address = Context.getOption(services, HttpAddress)
  if (Option.isSome(address)) {
    const { url } = address.value
    yield* announceService(dataDir, {
      url,
      operationsUrl,
      pid: process.pid,
      ...(sandbox === undefined ? {} : { sandbox }),
    })
    yield* Console.log(`AtlasPay listens on ${url}`)
    if (sandbox !== undefined)
      yield* Console.log(`The API key of ${sandbox.partner} (play money) is in ${recordFile(dataDir)}`)
  }
  yield* Console.log(`Readiness, metrics and providers: ${operationsUrl}`)
  yield* Console.log(`Roles: ${roles.join(", ")}. Press Ctrl-C to stop.`)
  return yield* Effect.never
})

type StartError = Layer.Error<ReturnType<typeof import("../app.ts").serveLayer>>

/** Most errors have fields for programs; this is their text for people. */
const startFailure = (error: StartError): CliFailure => {
  if (error._tag === "ListenFailed")
    return new CliFailure({ reason: `Cannot listen on ${error.host}:${error.port}: ${error.reason}.` })
  const why = "reason" in error ? `${error._tag}: ${error.reason}` : error.message
  return new CliFailure({ reason: `The service did not start. ${why}` })
}
