/** Resolves a name for a connection, and checks the very addresses that are connected to. */
import type { LookupAddress } from "node:dns"
import { Resolver } from "node:dns/promises"
import type { LookupFunction } from "node:net"
import { isPublicAddress } from "./public-address.ts"

const QUERY_MS_MAX = 2_000
const QUERIES_MAX = 2

/** The reason if any address of the name is not public. Then nothing connects. */
export const PRIVATE = "the address is not public"

/** A resolver that queries the name servers of this machine. */
export const systemResolver = () => new Resolver({ timeout: QUERY_MS_MAX, tries: QUERIES_MAX })

/**
 * A lookup that refuses a name if any of its addresses is not public. It queries name servers itself: the system's lookup
 * uses one of the few threads of the process, so a few names whose servers never answer would delay all other lookups.
 */
export const publicLookup =
  (resolver: Pick<Resolver, "resolve4" | "resolve6">): LookupFunction =>
  (hostname, { family, all }, done) => {
    const found = addressesOf(resolver, hostname)
    const answer = (addresses: ReadonlyArray<LookupAddress>) => {
      const usable = addresses.filter((one) => ![4, 6].includes(Number(family)) || one.family === family)
      const [first] = usable
      if (!addresses.every(({ address }) => isPublicAddress(address))) done(failure(PRIVATE), "")
      else if (first === undefined) done(failure("ENOTFOUND"), "")
      else if (all === true) done(null, usable)
      else done(null, first.address, first.family)
    }
    found.then(answer, (error) => done(failure(codeOf(error)), ""))
  }

/** IPv4 addresses first. Fails only if neither query succeeds, because a name may have only one kind of address. */
const addressesOf = async (
  resolver: Pick<Resolver, "resolve4" | "resolve6">,
  hostname: string,
): Promise<Array<LookupAddress>> => {
  const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
  if (four.status === "rejected" && six.status === "rejected") throw four.reason
  const listed = (answer: PromiseSettledResult<Array<string>>, family: 4 | 6) =>
    answer.status === "rejected" ? [] : answer.value.map((address) => ({ address, family }))
  return [...listed(four, 4), ...listed(six, 6)]
}

const failure = (code: string): NodeJS.ErrnoException => Object.assign(new Error(code), { code })

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "ENOTFOUND"
