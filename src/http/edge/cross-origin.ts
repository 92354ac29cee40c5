/**
 * Which pages of other origins may read answers (CORS, Fetch standard). By default none. A key belongs to a server, not to a page,
 * so this is for consoles that their operator runs. Cookies are not used, so credentials are not allowed.
 */
import type { MiddlewareHandler } from "hono"
import { cors } from "hono/cors"
import type { EdgeEnv } from "./edge.ts"

const PREFLIGHT_KEPT_SECONDS = 600

/** Lets pages of these origins use the API. */
export const crossOrigin = (origins: ReadonlyArray<string>): MiddlewareHandler<EdgeEnv> => {
  const answer = cors({
    origin: [...origins],
    allowMethods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
    allowHeaders: [
      "Authorization",
      "Content-Type",
      "Idempotency-Key",
      "If-Match",
      "If-None-Match",
      "Last-Event-ID",
      "traceparent",
    ],
    exposeHeaders: [
      "ETag",
      "Idempotent-Replayed",
      "Link",
      "Location",
      "RateLimit",
      "RateLimit-Policy",
      "Retry-After",
    ],
    maxAge: PREFLIGHT_KEPT_SECONDS,
  })
  const allowed = new Set(origins)
  return async (c, next) => {
    const origin = c.req.header("origin")
    if (origin === undefined || !allowed.has(origin)) {
      await next()
      if (origins.length > 0) c.header("vary", "Origin", { append: true })
      return
    }
    c.env.outgoing.setHeader("cross-origin-resource-policy", "cross-origin")
    return answer(c, next)
  }
}
