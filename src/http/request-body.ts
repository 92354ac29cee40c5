/**
 * Reading request bodies within limits: one for each body, enforced while it comes in, and one for all bodies that are
 * held at a time, so that many large requests are refused before they exhaust the memory.
 */
import type { IncomingMessage } from "node:http"
import { Context, Effect, Layer, Schema } from "effect"

/** The body is larger than this resource takes. */
export class BodyTooLarge extends Schema.TaggedError<BodyTooLarge>()("BodyTooLarge", {
  bytesMax: Schema.Int,
}) {}

/** More bodies are being read than the service has room for. */
export class BodiesFull extends Schema.TaggedError<BodiesFull>()("BodiesFull", {}) {}

/** The client went away before it had sent the whole body. */
export class BodyCutOff extends Schema.TaggedError<BodyCutOff>()("BodyCutOff", {}) {}

export type BodyFailure = BodyTooLarge | BodiesFull | BodyCutOff

const ALL_BODIES_BYTES_MAX = 256 * 1024 * 1024

export class RequestBodies extends Context.Service<
  RequestBodies,
  {
    /** Reads a body of at most `bytesMax` and hands it to `use`; its room is given back when that has ended. */
    readonly use: <A, E, R>(
      incoming: IncomingMessage,
      bytesMax: number,
      use: (body: Buffer) => Effect.Effect<A, E, R>,
    ) => Effect.Effect<A, E | BodyFailure, R>
  }
>()("atlaspay/http/RequestBodies") {
  static readonly layer = Layer.sync(RequestBodies, () => withRoom(ALL_BODIES_BYTES_MAX))
}

/** A reader of bodies that holds at most `bytesMaxOfAll` at a time. */
export const withRoom = (bytesMaxOfAll: number): RequestBodies["Service"] => {
  let held = 0
  return {
    use: (incoming, bytesMax, use) =>
      Effect.suspend(() => {
        let size = 0
        const admit = (bytes: number): BodyTooLarge | BodiesFull | undefined => {
          if (size + bytes > bytesMax) return new BodyTooLarge({ bytesMax })
          if (held + bytes > bytesMaxOfAll) return new BodiesFull()
          size += bytes
          held += bytes
          return undefined
        }
        const giveBack = Effect.sync(() => {
          held -= size
        })
        if (Number(incoming.headers["content-length"] ?? 0) > bytesMax) return new BodyTooLarge({ bytesMax })
        return read(incoming, admit).pipe(Effect.flatMap(use), Effect.ensuring(giveBack))
      }),
  }
}

const read = (
  incoming: IncomingMessage,
  admit: (bytes: number) => BodyFailure | undefined,
): Effect.Effect<Buffer, BodyFailure> =>
  Effect.callback((resume) => {
    const chunks: Array<Buffer> = []
    const finish = (outcome: Effect.Effect<Buffer, BodyFailure>) => {
      stop()
      resume(outcome)
    }
    const onData = (chunk: Buffer) => {
      const refused = admit(chunk.length)
      if (refused === undefined) chunks.push(chunk)
      else finish(Effect.fail(refused))
    }
    const onEnd = () => finish(Effect.succeed(joined(chunks)))
    const onClose = () => finish(Effect.fail(new BodyCutOff()))
    const stop = () => {
      incoming.off("data", onData).off("end", onEnd).off("error", onClose).off("close", onClose)
    }
    incoming.on("data", onData).on("end", onEnd).on("error", onClose).on("close", onClose)
    return Effect.sync(stop)
  })

/** Most bodies come in one piece, which is then not copied. */
const joined = (chunks: ReadonlyArray<Buffer>): Buffer => {
  const [only, ...others] = chunks
  return only !== undefined && others.length === 0 ? only : Buffer.concat(chunks)
}
