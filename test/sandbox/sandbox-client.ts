/** An answer of the sandbox: HTTP status and JSON body. */
export interface Answer {
  readonly status: number
  readonly body: Record<string, unknown>
}

const answerOf = async (response: Response): Promise<Answer> => ({
  status: response.status,
  body: (await response.json()) as Record<string, unknown>,
})

/** Posts a body and leaves the answer unread: in bad weather it need not be JSON. */
export const send = (
  url: string,
  key: string | undefined,
  body: unknown,
  waitMs = 5_000,
  keyHeader = "idempotency-key",
): Promise<Response> =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key !== undefined && { [keyHeader]: key }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: AbortSignal.timeout(waitMs),
    redirect: "manual",
  })

export const post = async (...request: Parameters<typeof send>): Promise<Answer> =>
  answerOf(await send(...request))

/** Puts weather in force at a server. */
export const setWeather = (url: string, weather: unknown): Promise<Answer> =>
  post(`${url}/sandbox/weather`, undefined, weather)

export const get = async (url: string): Promise<Answer> => answerOf(await fetch(url))

export const iban = "DE89370400440532013000"

/** An order for `POST /instant-transfer`. */
export const transferOf = (name: string, reference: string, callbackUrl?: string) => ({
  reference,
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name, account: { iban } },
  ...(callbackUrl !== undefined && { callbackUrl }),
})
