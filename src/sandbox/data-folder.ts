import { randomUUID } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Schema from "effect/Schema"
import { originOf } from "./listening.ts"

/** Twins of providers that people can sign up for. */
export const twinNames = ["adyen", "paypal", "watchman", "yente", "formance"] as const
export type TwinName = (typeof twinNames)[number]

export const serverNames = [
  "compliance",
  "north",
  "south",
  "ledger",
  "west",
  "clearing",
  ...twinNames,
] as const
export type ServerName = (typeof serverNames)[number]

const Port = Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 65_535 })))

/** What a sandbox stores of itself: its id, and the ports that its clients know. */
const Identity = Schema.Struct({
  sandboxId: Schema.String,
  ports: Schema.Struct({
    compliance: Port,
    north: Port,
    south: Port,
    ledger: Port,
    west: Port,
    clearing: Port,
    adyen: Port,
    paypal: Port,
    watchman: Port,
    yente: Port,
    formance: Port,
  }),
})
export type Identity = typeof Identity.Type

const decodeIdentity = Schema.decodeUnknownSync(Schema.fromJsonString(Identity))
const identityFile = "sandbox.json"
const inquiryMsMax = 1_000

/** The identity in a data folder, or a new one without ports. */
export const recallIdentity = (folder: string | undefined): Identity => {
  const file = folder === undefined ? undefined : join(folder, identityFile)
  if (file === undefined || !existsSync(file)) return { sandboxId: randomUUID(), ports: {} }
  return decodeIdentity(readFileSync(file, "utf8"))
}

/** Replaces the stored identity in one step, so that a crash leaves the old one or the new one. */
export const rememberIdentity = (folder: string, identity: Identity): void => {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, identityFile)
  writeFileSync(`${file}.new`, `${JSON.stringify(identity)}\n`)
  renameSync(`${file}.new`, file)
}

/** Rejects if a sandbox already runs on the data folder: two of them on the same journals would pay everything twice. */
export const refuseSecondSandbox = async (host: string, { sandboxId, ports }: Identity): Promise<void> => {
  for (const port of Object.values(ports)) {
    if ((await askIdentity(host, port)) === sandboxId) {
      throw new Error(`a sandbox already runs on this data folder, see port ${port}`)
    }
  }
}

/** If the answer is not a sandbox's, another program uses the port now. */
const askIdentity = async (host: string, port: number): Promise<unknown> => {
  try {
    const answer = await fetch(`${originOf(host, port)}/sandbox`, {
      signal: AbortSignal.timeout(inquiryMsMax),
    })
    return ((await answer.json()) as { sandboxId?: unknown } | null)?.sandboxId
  } catch {
    return undefined
  }
}
