/** The guards around files of Nacha, what comes back of them, and settling by the calendar, with their tests. */
import type { StepGuard } from "./step-guards.ts"

const bank = "test/providers/banks/files/nacha-bank.test.ts"
const returns = "test/providers/nacha/nacha-returns.test.ts"
const written = "test/providers/nacha/nacha-file.test.ts"

export const nachaGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a file of which a part was cut off is not read",
    file: "providers/nacha/nacha-records.ts",
    text: "!== BigInt(count)",
    without: "=== -1n",
    caughtIn: returns,
    caughtBy: "that lost an entry with its addenda",
  },
  {
    name: "a returned copy returns no order",
    file: "providers/nacha/return-codes.ts",
    text: 'code === "R24" ? "copy" : "returned"',
    without: '"returned"',
    caughtIn: returns,
    caughtBy: "every return reason code is mapped, or left to a person on purpose",
  },
  {
    name: "a correction shows no whole account",
    file: "providers/nacha/change-codes.ts",
    text: `\`…\${number.slice(-4)}\``,
    without: "number",
    caughtIn: returns,
    caughtBy: "every change code says what to correct, and shows no account and no name",
  },
  {
    name: "a large entry is not for the same day",
    file: "providers/nacha/entry-dates.ts",
    text: "minor <= SAME_DAY_MINOR_MAX && ",
    without: "",
    caughtIn: written,
    caughtBy: "pays on the same day what comes before the cut-off and is not too much",
  },
  {
    name: "the order in which a store has orders does not matter",
    file: "providers/nacha/nacha-file.ts",
    text: "inPlaces(transfers).map(",
    without: "transfers.map(",
    caughtIn: written,
    caughtBy: "keeps the rules whatever is ordered, and says all of it",
  },
  {
    name: "a file for other companies is not read",
    file: "providers/banks/files/inbox.ts",
    text: "message.companies.includes(nacha.companyId)",
    without: "true",
    caughtIn: bank,
    caughtBy: "for other companies alone, or cut off, is put into quarantine with the place",
  },
  {
    name: "files that are made on one day have no number in common",
    file: "providers/banks/files/outbox-files-postgres.ts",
    text: `and (day = \${day} or (day >= \${createdOn}`,
    without: `and (day = \${day} or (day < \${createdOn}`,
    caughtIn: bank,
    caughtBy: "gives files no number in common that are made on one day for two",
  },
  {
    name: "a day has no more files than the bank takes",
    file: "providers/banks/files/outbox-files-postgres.ts",
    text: ` and coalesce(max(sequence), 0) < \${sequenceMax}`,
    without: ` and \${sequenceMax} > 0`,
    caughtIn: bank,
    caughtBy: "takes so many files a day, each under a number of its own, and lets the rest wait",
  },
  {
    name: "a trace number counts only at a bank that keeps it",
    file: "providers/banks/files/inbox.ts",
    text: "bank.nacha?.keepsTraces === true",
    without: "bank.nacha !== undefined",
    caughtIn: bank,
    caughtBy: "is found by trace numbers only at a bank that keeps them, and where both are named they agree",
  },
  {
    name: "nothing is settled by the calendar while the bank may not have it",
    file: "providers/banks/files/calendar-settlement.ts",
    text: "return shownAt === undefined ? undefined : newYork(shownAt).day",
    without: "return newYork(shownAt ?? releasedAt).day",
    caughtIn: bank,
    caughtBy: "is open as long as nothing shows that the bank has the file",
  },
  {
    name: "nothing is settled by the calendar while its file lies in the outbox",
    file: "providers/banks/files/calendar-settlement.ts",
    text: `(yield* has(folder, \`\${messageId}.ach\`)) ? undefined : newYork`,
    without: "newYork",
    caughtIn: bank,
    caughtBy:
      "is settled where the settings believe in the carrier, and not while the file lies in the outbox",
  },
  {
    name: "nothing is settled by the calendar while a return may not be read",
    file: "providers/banks/files/calendar-settlement.ts",
    text: "if (isUnread)",
    without: "if (!bank.folder)",
    caughtIn: bank,
    caughtBy: "is open while stores or clock are in doubt",
  },
  {
    name: "nothing is settled by the calendar in doubt",
    file: "providers/banks/files/calendar-settlement.ts",
    text: "  yield* holdClock\n",
    without: "",
    caughtIn: bank,
    caughtBy: "is open while stores or clock are in doubt",
  },
  {
    name: "nothing is settled by the calendar that something else is known of",
    file: "providers/banks/files/calendar-settlement.ts",
    text: "        hasNoOtherEnd(order) &&\n",
    without: "",
    caughtIn: bank,
    caughtBy: "is settled once the time of returns is over, and its remark says why",
  },
]
