/** The platform that a run is made against, and what is put there before it begins. */
import { setTimeout as sleep } from "node:timers/promises"
import { Webhook } from "standardwebhooks"
import { scopes } from "../../src/identity/access.ts"
import { type SandboxUrls, sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { firstListVersion } from "../../src/sandbox/screening-lists.ts"
import { Chance } from "./chance.ts"
import { keyInSettings, partners, type StoredKey, settingKeyNames } from "./credentials.ts"
import { payoutOf } from "./payouts.ts"
import type { Names } from "./request.ts"
import {
  fixtureBatches,
  fixtureDrafts,
  LASTING_ENDPOINTS,
  SPARE_ENDPOINTS,
  SPARE_KEYS,
} from "./valid-requests.ts"

export interface FuzzPlace {
  /** The API, and the listener of those who run the service: URLs without a slash at the end. */
  readonly url: string
  readonly operationsUrl: string
  readonly sandbox: SandboxUrls
  readonly redisUrl: string
  readonly redisPrefix: string
  readonly databaseUrl: string
  /** All that the service has logged so far. */
  readonly lines: () => ReadonlyArray<string>
  /** Whether the process of the service is still the one that was started. */
  readonly isAlive: () => boolean
}

/** What is there when a run begins. */
export interface World {
  readonly names: Names
  /** The batches that were posted, and under which key of which partner they can be read. */
  readonly batches: ReadonlyMap<string, string>
  /** Texts that must be in no answer and in no line of a log. */
  readonly secrets: ReadonlyArray<string>
}

interface Json {
  readonly [name: string]: unknown
}

/** Asks the API, and fails if it does not answer as expected. */
const asked = async (
  url: string,
  key: string,
  {
    method = "POST",
    body,
    headers,
  }: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Json> => {
  const answer = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname} answered ${answer.status}: ${text}`)
  return JSON.parse(text) as Json
}

const EXPIRES_AFTER_MS = 1_500
const DAY_MS = 86_400_000

/** Creates partners, keys, endpoints and batches, so that requests have something to be about. */
export const furnish = async ({ url }: FuzzPlace, seed: number): Promise<World> => {
  const zoe = keyInSettings("zoe") ?? ""
  for (const id of [partners.own, partners.spare, "gone"])
    await asked(`${url}/admin/partners`, zoe, { body: { id, name: id } })
  const keys = await createKeys(url, zoe)
  await asked(`${url}/admin/partners/gone/suspension`, zoe, { body: { reason: "Left." } })
  const spareKeys: Array<string> = []
  for (let number = 0; number < SPARE_KEYS; number += 1) {
    const body = { partner: partners.spare, name: `spare-${number}`, scopes: ["batches:read"] }
    spareKeys.push(String((await asked(`${url}/admin/api-keys`, zoe, { body })).id))
  }
  const clerk = keyInSettings("clerk") ?? ""
  const batches = await postBatches(url, seed)
  const webhooks = await addEndpoints(url, clerk, batches.get("closed") ?? "")
  const drafts = await fillDrafts(url, seed)
  const cursors = await findCursors(url, clerk, batches.get("closed") ?? "")
  const known = new Map<string, string>([
    ...settingKeyNames.map((name) => [`key:${name}`, keyInSettings(name) ?? ""] as const),
    ...[...keys].map(([name, text]) => [`key:${name}`, text] as const),
    ...spareKeys.map((id, number) => [`keyid:${number}`, id] as const),
    ...webhooks,
    ...[...batches].map(([name, id]) => [`batch:${name}`, id] as const),
    ...[...drafts].map(([name, id]) => [`draft:${name}`, id] as const),
    ...[...cursors].map(([operation, cursor]) => [`cursor:${operation}`, cursor] as const),
    ["list", firstListVersion],
    ["hash", await approvalHash(url, clerk, batches.get("approval") ?? "")],
  ])
  return {
    names: namesOf(known),
    batches: new Map([...batches].map(([name, id]) => [id, name === "others" ? "other" : "clerk"])),
    secrets: [
      ...[...known].flatMap(([name, text]) => (name.startsWith("key:") ? [text] : [])),
      ...(["north", "south", "compliance", "ledger"] as const).map((server) =>
        sandboxSecretOf(server).slice("whsec_".length),
      ),
    ],
  }
}

const createKeys = async (url: string, zoe: string): Promise<ReadonlyMap<StoredKey, string>> => {
  const create = async (name: StoredKey, partner: string, terms: Json) => {
    const body = { partner, name, scopes, ...terms }
    const { id, key } = await asked(`${url}/admin/api-keys`, zoe, { body })
    return { id: String(id), text: String(key) }
  }
  const expiresAt = new Date(Date.now() + EXPIRES_AFTER_MS).toISOString()
  const expired = await create("expired", partners.own, { expiresAt })
  const stored = await create("stored", partners.own, {})
  const reader = await create("reader", partners.own, { scopes: ["batches:read"] })
  const hooks = await create("hooks", partners.own, { scopes: ["webhooks:manage"] })
  const revoked = await create("revoked", partners.own, {})
  const elsewhere = await create("elsewhere", partners.own, { networks: ["203.0.113.0/24"] })
  const suspended = await create("suspended", "gone", {})
  await asked(`${url}/admin/api-keys/${revoked.id}/revocation`, zoe, { body: { reason: "Lost." } })
  await sleep(Math.max(Date.parse(expiresAt) - Date.now(), 0))
  const all = { expired, stored, reader, hooks, revoked, elsewhere, suspended }
  return new Map(Object.entries(all).map(([name, { text }]) => [name as StoredKey, text]))
}

/** Endpoints, and what the operations on them are about. Nothing is sent to them: the deliveries stay pending. */
const addEndpoints = async (
  url: string,
  key: string,
  batch: string,
): Promise<ReadonlyArray<readonly [string, string]>> => {
  const known: Array<readonly [string, string]> = []
  const add = async (name: string): Promise<string> => {
    const body = { url: `https://marketplace.example/hooks/${name}` }
    const id = String((await asked(`${url}/webhook-endpoints`, key, { body })).id)
    known.push([`endpoint:${name}`, id])
    return `${url}/webhook-endpoints/${id}`
  }
  for (let number = 0; number < SPARE_ENDPOINTS; number += 1) await add(`spare-${number}`)
  for (let number = 0; number < LASTING_ENDPOINTS; number += 1) {
    const endpoint = await add(String(number))
    const { event } = await asked(`${endpoint}/test`, key)
    known.push([`event:${number}`, String(event).replaceAll(":", ".")])
    if (number > 0) continue
    const { id } = await asked(`${endpoint}/replays`, key, { body: { batchId: batch } })
    known.push(["replay:0", String(id)])
  }
  return known
}

type FixtureBatch = (typeof fixtureBatches)[number]

const postBatches = async (url: string, seed: number): Promise<ReadonlyMap<FixtureBatch, string>> => {
  const ids = new Map<FixtureBatch, string>()
  for (const name of fixtureBatches) {
    const chance = new Chance(seed, name)
    const payouts = [1, 2, 3].map((item) => {
      const payout = payoutOf(chance, `${name}-${item}`)
      const person = name === "held" ? "Rita Review" : "Ada Lovelace"
      return { ...payout, beneficiary: { ...payout.beneficiary, name: `${person} ${item}` } }
    })
    const body = {
      items: payouts,
      reference: name,
      ...(name === "approval" ? { requireApproval: true } : {}),
      ...(name === "scheduled" ? { executeAt: new Date(Date.now() + DAY_MS).toISOString() } : {}),
    }
    const headers = { "idempotency-key": `fuzz-${seed}-${name}` }
    const key = keyInSettings(name === "others" ? "other" : "clerk") ?? ""
    ids.set(name, String((await asked(`${url}/payout-batches`, key, { body, headers })).id))
  }
  return ids
}

const fillDrafts = async (url: string, seed: number): Promise<ReadonlyMap<string, string>> => {
  const ids = new Map<string, string>()
  for (const name of fixtureDrafts) {
    const key = keyInSettings(name === "others" ? "other" : "clerk") ?? ""
    const id = String((await asked(`${url}/payout-batch-drafts`, key, { body: { reference: name } })).id)
    const chance = new Chance(seed, `draft-${name}`)
    const items = [1, 2, 3].map((item) => payoutOf(chance, `draft-${name}-${item}`))
    const headers = { "idempotency-key": `fuzz-${seed}-draft-${name}`, "if-match": '"1"' }
    await asked(`${url}/payout-batch-drafts/${id}/items`, key, { body: { items }, headers })
    ids.set(name, id)
  }
  return ids
}

const SHOWN_WITHIN_MS = 30_000

/** A cursor of each list that has a second page, once the read models show it. */
const findCursors = async (url: string, key: string, batch: string): Promise<ReadonlyMap<string, string>> => {
  const lists = {
    listPayoutBatches: `${url}/payout-batches?limit=1`,
    listPayoutItems: `${url}/payout-batches/${batch}/items?limit=1`,
    searchPayoutItems: `${url}/payout-items?limit=1`,
    listWebhookDeliveries: `${url}/webhook-deliveries?limit=1`,
  }
  const cursors = new Map<string, string>()
  const deadline = Date.now() + SHOWN_WITHIN_MS
  for (const [operation, list] of Object.entries(lists))
    while (!cursors.has(operation)) {
      const answer = await fetch(list, { headers: { authorization: `Bearer ${key}` } })
      const { next } = (await answer.json()) as Json
      if (answer.status === 200 && typeof next === "string") cursors.set(operation, next)
      else if (Date.now() > deadline) throw new Error(`${operation} shows no second page`)
      else await sleep(50)
    }
  return cursors
}

/** What an approval has to name; the first event of a batch has it, and a batch that waits for one shows it. */
const approvalHash = async (url: string, key: string, batch: string): Promise<string> => {
  const deadline = Date.now() + SHOWN_WITHIN_MS
  for (;;) {
    const { approval } = await asked(`${url}/payout-batches/${batch}`, key, { method: "GET" })
    const { hash } = Object(approval) as { readonly hash?: string }
    if (hash !== undefined) return hash
    if (Date.now() > deadline) throw new Error("no batch waits for an approval")
    await sleep(50)
  }
}

const namesOf = (known: ReadonlyMap<string, string>): Names => ({
  resolve: (name) => {
    if (name === "tomorrow") return new Date(Date.now() + DAY_MS).toISOString().slice(0, 10)
    const found = known.get(name)
    if (found !== undefined) return found
    const [, list = "", at] = /^(cursor:\w+):(\d+)$/.exec(name) ?? []
    return altered(known.get(list) ?? "none", Number(at))
  },
  sign: (secret, body) => {
    const id = "msg_signed"
    const at = new Date()
    const text = body.toString()
    const known = ["north", "south", "compliance", "ledger"] as const
    const server = known.find((name) => name === secret)
    const key =
      server === undefined ? `whsec_${Buffer.alloc(32, 1).toString("base64")}` : sandboxSecretOf(server)
    return [
      ["webhook-id", id],
      ["webhook-timestamp", String(Math.floor(at.getTime() / 1_000))],
      ["webhook-signature", new Webhook(key).sign(id, at, text)],
    ]
  },
})

/** A cursor with another character at a place. */
const altered = (cursor: string, at: number): string => {
  const place = at % cursor.length
  const other = cursor[place] === "A" ? "B" : "A"
  return `${cursor.slice(0, place)}${other}${cursor.slice(place + 1)}`
}
