/** Orders and settings of banks from before there were variants, and what was written of them then. */
import { transferReference } from "../../../../src/domain/identifiers.ts"
import type { BankScheme } from "../../../../src/domain/scheme.ts"
import type { TransferInstruction } from "../../../../src/providers/banks/bank.ts"
import type { FileBankSettings } from "../../../../src/providers/banks/files/file-bank-settings.ts"
import { batchId } from "../../../domain/batch-story.ts"

const order = (item: number, changes: Partial<TransferInstruction>): TransferInstruction => ({
  bank: "clearing",
  partner: "acme",
  reference: transferReference({ batch: batchId, item, attempt: 1 }),
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
  currency: "EUR",
  minor: 1234n,
  ...changes,
})

const address = {
  street: "Straße & Söhne",
  buildingNumber: "7ä",
  postcode: "10117",
  town: "Köln",
  country: "DE",
}

export const ordersBefore: Readonly<Record<BankScheme, ReadonlyArray<TransferInstruction>>> = {
  sepa: [
    order(1, { remittance: "RF18539007547034" }),
    order(2, {
      beneficiary: {
        name: "Jürgen Groß & Ελένη",
        account: { scheme: "iban", iban: "FR1420041010050500013M02606", bic: "BNPAFRPP" },
        address,
      },
      remittance: "Invoice #4711 @ 50%",
    }),
  ],
  "faster-payments": [
    order(1, {
      currency: "GBP",
      beneficiary: {
        name: "O’Neill",
        account: { scheme: "sort-code", sortCode: "231470", accountNumber: "28821822" },
      },
    }),
  ],
  ach: [
    order(1, {
      currency: "USD",
      beneficiary: {
        name: "Ada Inc",
        account: {
          scheme: "aba",
          routingNumber: "021000021",
          accountNumber: "123456789",
          accountType: "checking",
          holderType: "company",
        },
      },
    }),
    order(2, {
      currency: "USD",
      beneficiary: {
        name: "Ada",
        account: {
          scheme: "aba",
          routingNumber: "021000021",
          accountNumber: "123456789",
          accountType: "savings",
        },
      },
    }),
  ],
  "cross-border": [
    order(1, {
      currency: "USD",
      beneficiary: {
        name: 'Ada "A" Löve & <Co>',
        account: { scheme: "bic", bic: "BNPAFRPP", accountNumber: "77" },
        address,
      },
      remittance: "50% & more",
    }),
    order(2, {
      currency: "USD",
      beneficiary: {
        name: "Ada",
        account: { scheme: "iban", iban: "DE89370400440532013000" },
        address: { town: "Berlin", country: "DE" },
      },
    }),
  ],
}

export const settingsBefore: Readonly<Record<"plain" | "all", FileBankSettings>> = {
  plain: {
    folder: "/var/clearing",
    debtor: { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } },
  },
  all: {
    folder: "/var/clearing",
    debtor: {
      name: "Müller & Söhne",
      account: { scheme: "iban", iban: "NL91ABNA0417164300", bic: "ABNANL2A" },
      address: { street: "Straße", buildingNumber: "7a", postcode: "1011 AB", town: "Köln", country: "DE" },
      organisation: {
        bic: "ABNANL2AXXX",
        lei: "529900T8BM49AURSDO55",
        other: { id: "12/345", scheme: "CUST", issuer: "ABN" },
      },
    },
    crossBorder: { characters: "latin", address: "optional" },
    achClass: "CCD",
    uetr: false,
  },
}

/** SHA-256 of what the release before variants wrote of these orders by these settings, on 2026-11-26. */
export const digestsBefore: Readonly<
  Record<keyof typeof settingsBefore, Readonly<Record<BankScheme, string>>>
> = {
  plain: {
    sepa: "519ee09c1a3e61b42fceaf22c57a1235b9f2ceedd84ce2cb92026700b90ea7af",
    "faster-payments": "cbeb1f863984525d7b03f73f0e93f7b7fabd60101f73bfeb60974ef746ddbedc",
    ach: "e1e5fe60843abdc89a2deff3823072301050944c00cce77b1eebaa8295b615b0",
    "cross-border": "f5eb191b5e1ba4e593788a376a72e2d2814d7b3e712ff83cf4044026e1afff58",
  },
  all: {
    sepa: "5d74eba6aa6a3273962343150fa6c269710bdab29284f8d7a96a0e57b42fdab0",
    "faster-payments": "b92c103339beedb5d0799fcc156bf343dbfd03aebe04099391015735243f13f8",
    ach: "6f205af180ffe3d40fdd899741f046d5549b54623fbdcc74e48d28ea15f9b7e1",
    "cross-border": "8c221484b0665ede3da55a99fe5beadd25800cf452fc94f2ad5bfb6bffb6e71f",
  },
}
