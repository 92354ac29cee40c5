/** Guards around files in the variants of banks: what a bank does not take is refused or respelled, and never cut or sent as it is. */
import type { StepGuard } from "./step-guards.ts"

const variants = "test/providers/iso20022/payment-variants.test.ts"
const settings = "test/providers/banks/files/variant-settings.test.ts"
const before = "test/providers/banks/files/payment-file.test.ts"

export const paymentVariantGuards: ReadonlyArray<StepGuard> = [
  {
    name: "an order that no longer fits its bank's settings is in no file",
    file: "providers/banks/files/payment-file.ts",
    text: "if (fitting.length < transfers.length || !Arr.isArrayNonEmpty(fitting))",
    without: "if (!Arr.isArrayNonEmpty(fitting))",
    caughtIn: before,
    caughtBy: "leaves no order out where another no longer fits",
  },
  {
    name: "orders are respelled in the characters that their bank takes today",
    file: "providers/iso20022/credit-transfer.ts",
    text: "    name: written(name, characters),\n    account,\n    ...(address !== undefined && { address: writtenAddress(address, characters) }),\n    ...(remittance",
    without:
      "    name,\n    account,\n    ...(address !== undefined && { address: writtenAddress(address, characters) }),\n    ...(remittance",
    caughtIn: variants,
    caughtBy: "are respelled in the characters of today",
  },
  {
    name: "a QR account is paid with its reference only",
    file: "providers/banks/files/variant-settings.ts",
    text: '? undefined : "RR07"',
    without: "? undefined : undefined",
    caughtIn: variants,
    caughtBy: "refuses a QR account without its reference",
  },
  {
    name: "a version is sent no BIC that it has no room for",
    file: "providers/banks/files/variant-settings.ts",
    text: 'if (account.scheme === "bic" && !isWritableBic(account.bic, variant.message)) return "AG03"',
    without: "",
    caughtIn: variants,
    caughtBy: "refuses an account by a BIC that the version has no room for",
  },
  {
    name: "a reference of a creditor has its check digits",
    file: "providers/iso20022/creditor-reference.ts",
    text: "return rest === 1",
    without: "return rest >= 0",
    caughtIn: "test/providers/iso20022/creditor-reference.test.ts",
    caughtBy: "finds each of the digits of a reference that is wrong by itself",
  },
  {
    name: "lines of an address are refused where the bank takes none",
    file: "providers/banks/bank-limits.ts",
    text: "if (!takesAddressLines && lines.length > 0)",
    without: "if (lines.length > 2)",
    caughtIn: variants,
    caughtBy: "refuses lines of an address where the bank takes none",
  },
  {
    name: "a payment of ACH has its type in its transfers alone",
    file: "providers/iso20022/payment-initiation.ts",
    text: "isTypedByTransfer(scheme) ? undefined : paymentType(file, undefined)",
    without: "paymentType(file, undefined)",
    caughtIn: variants,
    caughtBy: "has the type of an ACH payment in its transfers",
  },
  {
    name: "payments with the service level SEPA have its charges",
    file: "providers/banks/files/variant-settings.ts",
    text: 'serviceLevel !== "SEPA" || charges === "SLEV"',
    without: 'charges !== "SLEV" || charges === "SLEV"',
    caughtIn: settings,
    caughtBy: "take no charges of SEPA but its own",
  },
  {
    name: "a file without a variant is what it was",
    file: "providers/banks/files/variant-settings.ts",
    text: "references: own.references ?? preset?.references ?? []",
    without: 'references: own.references ?? preset?.references ?? ["iso-11649"]',
    caughtIn: before,
    caughtBy: "a file of sepa is byte for byte",
  },
]
