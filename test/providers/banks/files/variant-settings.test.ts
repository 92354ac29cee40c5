/** The settings of variants: what does not go together is found at the start, with its place. */
import { readFileSync } from "node:fs"
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { schemaProblems } from "../../../../src/parsing/schema-problems.ts"
import { dueAt, executionDayOf } from "../../../../src/providers/banks/files/execution-day.ts"
import { FileBankSettings } from "../../../../src/providers/banks/files/file-bank-settings.ts"
import { presetNames, presets } from "../../../../src/providers/banks/files/variant-presets.ts"
import { variantOf } from "../../../../src/providers/banks/files/variant-settings.ts"

const decode = Schema.decodeUnknownResult(FileBankSettings, { onExcessProperty: "error", errors: "all" })
const debtor = { name: "Atlas", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }

/** The places of what is wrong with settings, and what it is. */
const problemsOf = (changes: object): ReadonlyArray<string> => {
  const outcome = decode({ folder: "/var/clearing", debtor, ...changes })
  if (Result.isSuccess(outcome)) return []
  return schemaProblems(outcome.failure.issue).issues.map(
    ({ path = [], message }) => `${path.join(".")}: ${message}`,
  )
}

describe("settings of a variant", () => {
  it.each<readonly [object, string]>([
    [{ variant: "atlantis" }, "variant: "],
    [{ variant: { preset: "sepa", message: "pain.001.001.02" } }, "variant.message: "],
    [{ variant: { nonsense: true } }, "variant.nonsense: not a known field"],
    [{ variant: { namespace: "no uri" } }, "variant.namespace: "],
    [{ variant: { categoryPurpose: "SUPL" } }, "variant.categoryPurpose: "],
    [{ variant: { purpose: "supp" } }, "variant.purpose: "],
    [{ variant: { references: ["iso-11649", "iso-11649"] } }, "variant.references: "],
    [{ variant: { instant: true }, schemes: ["ach"] }, "variant.instant: the bank does not pay by SEPA"],
    [
      { variant: { instant: true, serviceLevels: { sepa: "URGP" } } },
      "variant.instant: instant payments have the service level SEPA, and not URGP",
    ],
    [
      { variant: { serviceLevels: { ach: "SEPA" } } },
      "variant.serviceLevels.ach: only SEPA has the service level SEPA",
    ],
    [
      { variant: { characters: { ach: "ascii" } }, schemes: ["sepa"] },
      "variant.characters.ach: the bank does not pay by this scheme",
    ],
    [{ variant: "sepa-03", uetr: true }, "uetr: pain.001.001.03 has no field for a UETR"],
    [
      { variant: "switzerland", crossBorder: { characters: "latin" } },
      "crossBorder.characters: the variant says them already",
    ],
    [
      { variant: "sepa-03", debtor: { ...debtor, organisation: { lei: "529900T8BM49AURSDO55" } } },
      "debtor.organisation.lei: pain.001.001.03 has no field for an LEI",
    ],
    [
      { variant: "sepa-03", debtor: { ...debtor, organisation: { bic: "1BNANL2A" } } },
      "debtor.organisation.bic: pain.001.001.03 has no room for such a BIC",
    ],
    [
      { variant: "sepa-03", debtor: { ...debtor, account: { ...debtor.account, bic: "ABNANL01" } } },
      "debtor.account.bic: pain.001.001.03 has no room for such a BIC",
    ],
    [
      {
        variant: { addressLines: false },
        debtor: { ...debtor, address: { town: "Berlin", country: "DE", lines: ["c/o"] } },
      },
      "debtor.address.lines: the variant takes no lines",
    ],
    [
      { variant: "switzerland", schemes: ["cross-border"], debtor: { ...debtor, name: "x".repeat(71) } },
      "debtor.name: the name has more than the 70 characters that the bank's schemes and its variant take",
    ],
    [{ ultimateDebtors: { acme: { name: "爱达" } } }, "ultimateDebtors.acme.name: "],
    [{ ultimateDebtors: { "No Partner": { name: "Acme" } } }, "ultimateDebtors"],
    [
      {
        variant: "sepa-03",
        ultimateDebtors: { acme: { name: "Acme", organisation: { lei: "529900T8BM49AURSDO55" } } },
      },
      "ultimateDebtors.acme.organisation.lei: pain.001.001.03 has no field for an LEI",
    ],
  ])("%j are refused at their place", (changes, problem) => {
    const problems = problemsOf(changes)
    expect(problems.filter((each) => each.startsWith(problem))).not.toEqual([])
  })

  it("take no charges of SEPA but its own", () => {
    const place =
      "variant.charges.sepa: payments with the service level SEPA have the charges SLEV (EPC132-08)"
    for (const charges of ["SHAR", "DEBT", "CRED"])
      expect(problemsOf({ variant: { charges: { sepa: charges } } })).toEqual([place])
    expect(problemsOf({ variant: { charges: { sepa: "SLEV" } } })).toEqual([])
    expect(problemsOf({ variant: { charges: { sepa: "DEBT" }, serviceLevels: { sepa: "URGP" } } })).toEqual(
      [],
    )
  })

  it.each(presetNames)("take the preset %s, with and without changes", (preset) => {
    expect(problemsOf({ variant: preset })).toEqual([])
    expect(problemsOf({ variant: { preset, batchBooking: true, instant: true } })).toEqual([])
    expect(problemsOf({ variant: preset, ultimateDebtors: { acme: { name: "Acme" } } })).toEqual([])
  })
})

describe("a preset", () => {
  const page = readFileSync("docs/providers/files.md", "utf8")

  it.each(presetNames)("%s stands in the documentation, with its version and its source", (preset) => {
    const row = page.split("\n").find((line) => line.startsWith(`| \`${preset}\` |`)) ?? ""
    expect(row).toContain(presets[preset].message.slice(-3))
    expect(row).toContain(presets[preset].source)
  })

  it("is changed by what the settings say beside it", () => {
    const variant = variantOf({
      variant: { preset: "germany-03", message: "pain.001.001.11", references: [] },
    })
    expect(variant).toMatchObject({
      message: "pain.001.001.11",
      namespace: "urn:iso:std:iso:20022:tech:xsd:pain.001.001.11",
      uetr: true,
      references: [],
    })
    expect(variant.schemes.sepa.characters).toBe("german")
  })
})

describe("instant payments", () => {
  const saturday = Date.parse("2026-11-28T21:00:00Z")
  const instant = { variant: { instant: true } }

  it("are executed on any day, and wait for no business day", () => {
    expect(executionDayOf({}, "sepa", saturday)).toBe("2026-11-30")
    expect(executionDayOf(instant, "sepa", saturday)).toBe("2026-11-28")
    expect(executionDayOf(instant, "ach", saturday)).toBe("2026-11-30")
    const friday = Date.parse("2026-11-27T14:15:00Z")
    expect(dueAt({}, "sepa", friday, 900_000)).toBe(friday + 300_000)
    expect(dueAt(instant, "sepa", friday, 900_000)).toBe(friday + 900_000)
  })
})
