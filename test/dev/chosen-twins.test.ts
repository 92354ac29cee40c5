/** Which twins a demo may pay through, and what the settings of a platform with them are. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { chosenTwins } from "../../src/dev/chosen-twins.ts"
import { writeLocalProviders } from "../../src/dev/local-providers.ts"
import { isPlayMoney, sandboxEnvironment } from "../../src/dev/local-sandbox.ts"

const urls = {
  compliance: "http://127.0.0.1:1",
  ledger: "http://127.0.0.1:2",
  banks: {
    north: "http://127.0.0.1:3",
    south: "http://127.0.0.1:4",
    west: "http://127.0.0.1:5",
    clearing: "http://127.0.0.1:6",
  },
}

const written = (twins: Readonly<Record<string, string>>) => {
  const folder = mkdtempSync(join(tmpdir(), "twins-"))
  try {
    return JSON.parse(readFileSync(writeLocalProviders(folder, { ...urls, twins }), "utf8"))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe("the providers of a demo", () => {
  it("are banks, one compliance engine and one ledger", () => {
    expect(chosenTwins("adyen, paypal,watchman,formance")).toEqual(
      Result.succeed(["adyen", "paypal", "watchman", "formance"]),
    )
  })

  it.each([
    ["stripe", "there is no provider stripe: choose from adyen"],
    ["", "there is no provider "],
    ["adyen,adyen", "adyen is there twice"],
    ["watchman,yente", "watchman and yente are both the compliance: choose one"],
  ])("are refused: %j", (text, problem) => {
    const refused = chosenTwins(text)
    expect(Result.isFailure(refused) && refused.failure).toContain(problem)
  })

  it("take the place of the sandbox's own in the settings, and the rest stays", () => {
    const [watchman, formance, paypal] = ["http://127.0.0.1:7", "http://127.0.0.1:8", "http://127.0.0.1:9"]
    const { compliance, ledger, banks, routes } = written({ watchman, formance, paypal })
    expect(compliance).toMatchObject({ kind: "watchman", url: watchman })
    expect(ledger).toMatchObject({ kind: "formance", url: formance })
    expect(banks.map(({ name }: { name: string }) => name)).toEqual([
      "paypal",
      "north",
      "south",
      "west",
      "clearing",
    ])
    expect(routes[0]).toEqual({ rule: "wallets", when: { scheme: ["wallet"] }, banks: ["paypal"] })
    expect(written({})).toMatchObject({ version: "local-1", compliance: { url: urls.compliance } })
  })

  it("are play money as long as all secrets are the sandbox's", () => {
    const withAdyen = { ...urls, banks: { ...urls.banks, adyen: "http://127.0.0.1:7" } }
    expect(isPlayMoney(sandboxEnvironment(urls))).toBe(true)
    expect(isPlayMoney(sandboxEnvironment(withAdyen))).toBe(true)
    const { BANK_CALLBACK_SECRET } = sandboxEnvironment(urls)
    expect(
      isPlayMoney({ BANK_CALLBACK_SECRET: `${BANK_CALLBACK_SECRET},adyen=whsec_${btoa("somebody's")}` }),
    ).toBe(false)
  })
})
