/** Drafts in the database of the settings, and a partner who works on one. */
import { Layer } from "effect"
import { layer as draftsInPostgres } from "../../../src/drafts/drafts-postgres.ts"
import { databaseLayer } from "../../database.ts"
import { type Answer, type ApiUnderTest, acme } from "../api-under-test.ts"

export const draftsLayer = draftsInPostgres.pipe(Layer.provide(databaseLayer))

export interface Asked {
  readonly version?: number | string
  readonly key?: string
  readonly body?: unknown
  readonly type?: string
  readonly apiKey?: string
}

/** Calls the API about drafts; `path` begins behind `/payout-batch-drafts`. */
export const callDraft = (
  api: ApiUnderTest,
  method: string,
  path: string,
  { version, key, body, type = "application/json", apiKey = acme }: Asked = {},
): Promise<Answer> =>
  api.call(`/payout-batch-drafts${path}`, {
    method,
    headers: {
      authorization: `Bearer ${apiKey}`,
      ...(version === undefined
        ? {}
        : { "if-match": typeof version === "number" ? `"${version}"` : version }),
      ...(key === undefined ? {} : { "idempotency-key": key }),
      ...(body === undefined ? {} : { "content-type": type }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  })

/** A new draft with items, added in one page each; gives its path and its version. */
export const draftWith = async (
  api: ApiUnderTest,
  pages: ReadonlyArray<ReadonlyArray<unknown>>,
  terms: Readonly<Record<string, unknown>> = {},
  apiKey = acme,
): Promise<{ readonly path: string; readonly id: string; readonly version: number }> => {
  const { json } = await callDraft(api, "POST", "", { body: terms, apiKey })
  const path = `/${json.id}`
  for (const [index, items] of pages.entries()) {
    const key = `page ${index + 1}`
    const { status, text } = await callDraft(api, "POST", `${path}/items`, {
      version: index + 1,
      key,
      body: { items },
      apiKey,
    })
    if (status !== 201) throw new Error(text)
  }
  return { path, id: String(json.id), version: pages.length + 1 }
}
