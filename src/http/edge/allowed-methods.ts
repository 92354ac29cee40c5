/** Which methods a path has, from the routes of an app, for the answer 405 and its `Allow` (RFC 9110, 15.5.6). */
import type { Hono } from "hono"
import type { EdgeEnv } from "./edge.ts"

/** The methods of the routes that a path matches, in alphabetic order; none if there is no such path. */
export const allowedMethods = (app: Hono<EdgeEnv>): ((path: string) => ReadonlyArray<string>) => {
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, pattern: patternOf(path) }))
  return (path) => {
    const methods = new Set<string>()
    for (const { method, pattern } of routes) if (pattern.test(path)) methods.add(method)
    // Hono answers HEAD by the route of GET.
    if (methods.has("GET")) methods.add("HEAD")
    return [...methods].sort()
  }
}

/** `:name` is one segment. */
const patternOf = (path: string): RegExp =>
  new RegExp(
    `^${path
      .split("/")
      .map((segment) => (segment.startsWith(":") ? "[^/]+" : RegExp.escape(segment)))
      .join("/")}$`,
  )
