/** The role that carries orders to banks in files, and their answers back: all banks of the kind `files`, side by side. */
import { resolve } from "node:path"
import { Effect, Layer } from "effect"
import { InvalidProviderSetting } from "../../calling/provider-place.ts"
import { type BankSettings, ownSettings, ProviderSettings } from "../../calling/provider-settings.ts"
import {
  EVERY_MS,
  FileBankSettings,
  lacksDebtorAddress,
  ORDERS_PER_FILE_MAX,
  POLL_MS,
} from "./file-bank-settings.ts"
import { files } from "./files.ts"
import { prepare } from "./folder.ts"
import { readInbox } from "./inbox.ts"
import { type FileBank, writeOutbox } from "./outbox.ts"

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    for (const bank of yield* fileBanks) {
      yield* prepare(bank.folder)
      if (lacksDebtorAddress(bank))
        yield* Effect.logWarning("the debtor has no address, which payments out of the EEA have to name", {
          bank: bank.name,
        })
      yield* Effect.forkScoped(serve(bank))
    }
  }),
)

/** The banks of the kind `files`. A folder says whose word a file is: with the same one two banks could speak for each other. */
export const fileBanks = Effect.gen(function* () {
  const owners = new Map<string, FileBank>()
  for (const settings of (yield* ProviderSettings).banks.filter(({ kind }) => kind === files.name)) {
    const bank = yield* fileBankOf(settings)
    const folder = resolve(bank.folder)
    const owner = owners.get(folder)
    if (owner !== undefined) {
      const { setting, path } = settings.place
      return yield* new InvalidProviderSetting({ setting, reason: `${path}.folder: ${owner.name} has it` })
    }
    owners.set(folder, bank)
  }
  return [...owners.values()]
})

const fileBankOf = Effect.fnUntraced(function* (settings: BankSettings) {
  const own = yield* ownSettings(settings, FileBankSettings)
  const defaults = { everyMs: EVERY_MS, ordersMax: ORDERS_PER_FILE_MAX, pollMs: POLL_MS }
  return { ...defaults, ...own, name: settings.name } satisfies FileBank
})

/** Looks at the outbox and the inbox again and again. A look that fails, or breaks, is told, and the next one comes. */
const serve = Effect.fnUntraced(function* (bank: FileBank) {
  let seen: ReadonlySet<string> = new Set()
  const look = Effect.gen(function* () {
    yield* told(bank, "outbox", writeOutbox(bank))
    yield* told(
      bank,
      "inbox",
      Effect.map(readInbox(bank, seen), (now) => {
        seen = now
      }),
    )
    yield* Effect.sleep(bank.pollMs)
  })
  return yield* Effect.forever(look)
})

const told = <E extends { readonly _tag: string; readonly step?: string; readonly reason?: string }, R>(
  { name }: FileBank,
  part: string,
  look: Effect.Effect<void, E, R>,
) =>
  look.pipe(
    Effect.catch(({ _tag, step, reason }) =>
      Effect.logWarning("bank files stand still", { bank: name, part, failure: _tag, step, reason }),
    ),
    Effect.catchDefect((defect) => Effect.logError("bank files broke", { bank: name, part, defect })),
  )
