/** The service's connections to a Redis, for a test that uses them by hand. */
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { RedisConnections } from "../src/platform/redis.ts"
import { settings } from "./settings.ts"

export type Connections = RedisConnections["Service"] & AsyncDisposable

/** Connects with these settings; the connections end when they are disposed of. */
export const connectTo = async (environment: Readonly<Record<string, string>>): Promise<Connections> => {
  const scope = await Effect.runPromise(Scope.make())
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  const context = await Effect.runPromise(
    Layer.build(Layer.fresh(RedisConnections.layer).pipe(Layer.provide(settings(environment)))).pipe(
      Scope.provide(scope),
    ),
  ).catch(async (error) => {
    await close()
    throw error
  })
  return { ...Context.get(context, RedisConnections), [Symbol.asyncDispose]: close }
}
