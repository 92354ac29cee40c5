/**
 * If a setting is missing or malformed, the others are checked all the same, so that all mistakes are told at once. Nothing runs with
 * what stands here.
 */
import { ConfigProvider, Effect } from "effect"
import { fileNameOf } from "./secret-file.ts"
import type { Problem } from "./setting.ts"

const here = "https://127.0.0.1"

/** By the settings that are required. */
export const standIns: ReadonlyMap<string, string> = new Map([
  ["API_KEYS", "absent=absent"],
  ["REDIS_URL", "redis://127.0.0.1"],
  ["DATABASE_URL", "postgres://127.0.0.1"],
  ["NATS_URL", "nats://127.0.0.1"],
  ["MASTER_KEYS", `absent=${Buffer.alloc(32).toString("base64")}`],
  ["COMPLIANCE_URL", here],
  ["LEDGER_URL", here],
  ["BANKS", `absent=${here}`],
  ["BANK_ROUTES", "*=absent"],
])

/** Hides what the problems are about. */
export const withStandIns = (
  source: ConfigProvider.ConfigProvider,
  problems: ReadonlyArray<Problem>,
): ConfigProvider.ConfigProvider => {
  const broken = new Set(problems.map(({ setting }) => setting))
  return ConfigProvider.make((path) => {
    const name = String(path[0])
    if (!broken.has(name) && !broken.has(fileNameOf(name))) return source.load(path)
    const text = standIns.get(name)
    return Effect.succeed(text === undefined ? undefined : ConfigProvider.makeValue(text))
  })
}
