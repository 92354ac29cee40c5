/** What the processes of the service count of their calls to providers, read from `/metrics`. */
export interface ProviderCalls {
  readonly process: string
  readonly provider: string
  readonly calls: number
  readonly retries: number
}

/** Reads the counts of each process. */
export const readCalls = async (urls: ReadonlyArray<string>): Promise<ReadonlyArray<ProviderCalls>> =>
  (await Promise.all(urls.map(readProcess))).flat()

const readProcess = async (url: string): Promise<ReadonlyArray<ProviderCalls>> => {
  const text = await (await fetch(`${url}/metrics`)).text()
  const calls = sumsByProvider(text, "atlaspay_provider_calls_total")
  const retries = sumsByProvider(text, "atlaspay_provider_retries_total")
  return [...calls].map(([provider, count]) => ({
    process: url,
    provider,
    calls: count,
    retries: retries.get(provider) ?? 0,
  }))
}

/** `name{provider="north",step="transfer"} 12`, whatever the step and the outcome. */
const sumsByProvider = (text: string, name: string): ReadonlyMap<string, number> => {
  const sums = new Map<string, number>()
  for (const [, provider = "", count] of text.matchAll(
    new RegExp(`^${name}\\{[^}]*provider="([^"]*)"[^}]*\\} (\\S+)`, "gm"),
  ))
    sums.set(provider, (sums.get(provider) ?? 0) + Number(count))
  return sums
}

/** Retries beyond what a process may make at a provider: `first`, and `percent` of the calls that it made otherwise. */
export const beyondBudget = (
  counted: ReadonlyArray<ProviderCalls>,
  { first, percent }: { readonly first: number; readonly percent: number },
): ReadonlyArray<string> =>
  counted.flatMap(({ process, provider, calls, retries }) => {
    const allowed = first + Math.floor(((calls - retries) * percent) / 100)
    return retries <= allowed
      ? []
      : [`${process} made ${retries} retries at ${provider}, and ${calls} calls allow ${allowed}`]
  })

/** How often one transfer may be ordered at a bank under its key. */
const SENDS_MAX = 5

/** It gets many orders in one request, which has no key in its headers: how often it was asked says nothing of one transfer. */
const keyless: ReadonlySet<string> = new Set(["paypal"])

/** What came to the banks of the sandbox more often than it may, whether it was answered or not. */
export const orderedTooOften = async (
  banks: Readonly<Record<string, string>>,
): Promise<ReadonlyArray<string>> => {
  const told = await Promise.all(
    Object.entries(banks)
      .filter(([bank]) => !keyless.has(bank))
      .map(async ([bank, url]) => {
        const requests = (await (await fetch(`${url}/sandbox/requests`)).json()) as {
          ordersPerKeyMax: number
        }
        return [bank, requests.ordersPerKeyMax] as const
      }),
  )
  return told.flatMap(([bank, times]) =>
    times <= SENDS_MAX ? [] : [`a transfer was ordered ${times} times at ${bank}`],
  )
}
