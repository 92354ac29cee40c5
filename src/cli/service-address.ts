import { Effect, Option } from "effect"
import type { ServiceAddress } from "../client/command-client.ts"
import { runningService } from "../dev/service-record.ts"
import type { CliFailure } from "../terminal/cli-failure.ts"

/**
 * The address of the service: ATLASPAY_URL with ATLASPAY_API_KEY, or else that of the service on the data folder. None
 * if there is no such service, or no key for it.
 */
export const findService = Effect.fn("findService")(function* (
  dataDir: string,
): Effect.fn.Return<Option.Option<ServiceAddress>, CliFailure> {
  const { ATLASPAY_URL, ATLASPAY_API_KEY } = process.env
  if (ATLASPAY_URL)
    return Option.some({ url: ATLASPAY_URL.replace(/\/+$/, ""), apiKey: ATLASPAY_API_KEY ?? "" })
  return Option.flatMap(yield* runningService(dataDir), ({ url, sandbox }) => {
    const apiKey = ATLASPAY_API_KEY || sandbox?.apiKey
    return apiKey === undefined ? Option.none() : Option.some({ url, apiKey })
  })
})
