/**
 * Reads requests from Node's own message. Hono's adapter would make a web request and a web stream of it, which costs more than
 * all the sandbox's own work for it.
 */
import type { HttpBindings } from "@hono/node-server"

/** `body` is present if something outside of the app has read the body already. */
export type SandboxEnv = { Bindings: HttpBindings & { readonly body?: Buffer } }

/** A request as Node has it: all that is needed to read one. Hono's context of a request is one, too. */
export interface Asked {
  readonly env: SandboxEnv["Bindings"]
}

/** The most bytes of a body. */
export const bodyBytesMax = 8 * 1024 * 1024

/** A header by its name in lower case; empty if there is none. */
export const headerOf = ({ env }: Asked, name: string): string => {
  const value = env.incoming.headers[name]
  return typeof value === "string" ? value : ""
}

/** Whether a request announces a longer body than is read. */
export const announcesTooMuch = (asked: Asked): boolean =>
  Number(headerOf(asked, "content-length")) > bodyBytesMax

/** Reads the body; `undefined` if it is too long. Rejects if the client leaves before its end. */
export const bodyOf = ({ env }: Asked): Promise<Buffer | undefined> => {
  const { incoming, body } = env
  if (body !== undefined) return Promise.resolve(body)
  return new Promise((resolve, reject) => {
    if (incoming.destroyed && !incoming.readableEnded) return reject(new Error("the client left"))
    const chunks: Buffer[] = []
    let bytes = 0
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      // The rest is read, because the client reads its answer only after it has sent everything.
      if (bytes > bodyBytesMax) return resolve(undefined)
      chunks.push(chunk)
    })
    incoming.once("end", () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
    incoming.once("error", reject)
    incoming.once("close", () => {
      // Each request closes, and an error costs as much as the request.
      if (!incoming.readableEnded) reject(new Error("the client left"))
    })
  })
}
