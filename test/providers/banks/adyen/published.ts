/** Adyen's published documents, where they are, and its transfers as they are in answers. */
import { readFileSync } from "node:fs"
import { parse } from "yaml"
import { type PublishedContract, publishedContract } from "../../../../src/sandbox/published-contract.ts"
import { isPublishedDataThere, publishedFile } from "../../../published-data.ts"
import type { Asked } from "../../calling/misbehaving-server.ts"

const transfersFile = "openapi/adyen.transfer-service-v4.yaml"
const notificationsFile = "openapi/adyen.transfer-notification-v4.yaml"

const contractIn = (file: string): Promise<PublishedContract> | undefined =>
  isPublishedDataThere ? publishedContract(publishedFile(file)) : undefined

/** What is wrong with requests and answers by the documents; nothing where these are missing. */
export const adyenDocuments = async () => {
  const transfers = await contractIn(transfersFile)
  const notifications = await contractIn(notificationsFile)
  return {
    request: ({ method = "", url = "", headers, body }: Asked): ReadonlyArray<string> => {
      const { pathname, searchParams } = new URL(url, "http://adyen.example")
      const texts = Object.entries(headers).flatMap(([name, value]) =>
        typeof value === "string" ? [[name, value] as const] : [],
      )
      const asked = {
        method,
        path: pathname,
        query: Object.fromEntries(searchParams),
        headers: Object.fromEntries(texts),
        ...(body === "" ? {} : { body: JSON.parse(body) }),
      }
      return transfers?.ofRequest(asked) ?? []
    },
    answer: (method: "GET" | "POST", path: string, status: number, body: unknown): ReadonlyArray<string> =>
      transfers?.ofAnswer({ method, path }, status, body) ?? [],
    notification: (body: { readonly type: string }): ReadonlyArray<string> =>
      notifications?.ofRequest({ method: "POST", path: `/${body.type}`, query: {}, headers: {}, body }) ?? [],
  }
}

/** The values that a field of a schema may have in the two documents. */
export const enumerated = (schema: string, field: string): ReadonlyArray<string> => {
  const values = [transfersFile, notificationsFile].flatMap((file): ReadonlyArray<string> => {
    const { components } = parse(readFileSync(publishedFile(file), "utf8"))
    return components.schemas[schema]?.properties[field]?.enum ?? []
  })
  return [...new Set(values)]
}

/** The fields with these names that are enumerations, by their schemas: `Transfer.status`. */
export const fieldsWithWords = (...names: ReadonlyArray<string>): ReadonlySet<string> => {
  const found = [transfersFile, notificationsFile].flatMap((file) => {
    const { components } = parse(readFileSync(publishedFile(file), "utf8"))
    return Object.entries<{ properties?: Record<string, { enum?: unknown }> }>(components.schemas).flatMap(
      ([schema, { properties = {} }]) =>
        names.flatMap((name) => (properties[name]?.enum === undefined ? [] : [`${schema}.${name}`])),
    )
  })
  return new Set(found)
}

/** The examples of requests to a webhook, by its name. */
export const notificationExamples = (): ReadonlyArray<readonly [name: string, body: unknown]> => {
  const { components } = parse(readFileSync(publishedFile(notificationsFile), "utf8"))
  return Object.entries<{ value: unknown }>(components.examples).map(([name, { value }]) => [name, value])
}

export const balanceAccount = "BA00000000000000000000001"

/** A transfer of 12.34 euros in the answer to its order. */
export const transfer = (reference: string, fields: object = {}) => ({
  id: "1W1UG35U8A9J5ZLG",
  amount: { value: 1_234, currency: "EUR" },
  balanceAccount: { id: balanceAccount, description: "Payouts" },
  category: "bank",
  categoryData: { priority: "regular", type: "bank" },
  counterparty: {
    bankAccount: {
      accountHolder: { fullName: "Ada Lovelace" },
      accountIdentification: { type: "iban", iban: "DE89370400440532013000" },
    },
  },
  direction: "outgoing",
  type: "bankTransfer",
  reference,
  reason: "pending",
  status: "received",
  ...fields,
})

/** The events before a status. */
export const history = (...statuses: ReadonlyArray<string>) => ({
  events: statuses.map((status, index) => ({ id: `E${index}`, status, type: "accounting" })),
})

/** A problem in an answer with the status 422. */
export const problem = (fields: object = {}) => ({
  type: "https://docs.adyen.com/errors/validation",
  title: "The request is missing required fields or contains invalid data.",
  status: 422,
  detail: "Invalid bank account",
  errorCode: "30_011",
  ...fields,
})
