/**
 * Modulr takes Bacs Standard 18 files (modulr.readme.io, "Formatting a payment file", read 2026-11): it reads HDR1, UHL1 and
 * payment records, of which only those of transaction code 99 in sterling, each with a reference. Fields are named by the
 * positions of their first and last character, from 1 (Bacs, Standard 18: records of 100 or 106 characters). The positions were
 * compared with those of two programs that write such files: OpenUnderwriter (com.ail.eft.bacs, UserHeaderLabel1 and
 * UserTrailerLabel1) and tracey-stobbs/ddcms-direct-file-generator (Bacs18PaymentLines), both on GitHub, read 2026-11.
 */
export const standard18 = {
  name: "Bacs Standard 18, as Modulr takes it",
  /** The records that stand before and behind payments, by their first characters. */
  labels: ["VOL1", "HDR1", "HDR2", "UHL1", "EOF1", "EOF2", "UTL1"],
  header: {
    label: "UHL1",
    /** A space, two digits of the year and three of the day in it. */
    day: [5, 10],
    /** `00`, or blank: both are sterling. */
    currency: [21, 22],
  },
  payment: {
    sortCode: [1, 6],
    accountNumber: [7, 14],
    /** 99 is a credit; 17 is the debit of the payer's account that balances them, and no payment. */
    transactionCode: [16, 17],
    /** Pence, with leading zeros. */
    amount: [36, 46],
    reference: [65, 82],
    name: [83, 100],
    /** As in the header, or spaces. */
    day: [101, 106],
  },
  trailer: {
    label: "UTL1",
    /** Pence. */
    credits: [18, 30],
    creditCount: [38, 44],
  },
  lengths: { min: 100, max: 106 },
} as const
