/** The role `bank-files`: sends orders to banks in files and processes their reports, for all banks of the kind `files`. */
import { resolve } from "node:path"
import { Clock, Effect, Layer } from "effect"
import { InvalidProviderSetting } from "../../calling/provider-place.ts"
import { type BankSettings, ownSettings, ProviderSettings } from "../../calling/provider-settings.ts"
import { settleByCalendar } from "./calendar-settlement.ts"
import {
  EVERY_MS,
  FileBankSettings,
  lacksDebtorAddress,
  NACHA_EVERY_MS,
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

/**
 * The banks of the kind `files`. AtlasPay takes every file in a bank's folder as coming from that bank, so two banks must not
 * share a folder.
 */
export const fileBanks = Effect.gen(function* () {
  const owners = new Map<string, FileBank>()
  for (const settings of (yield* ProviderSettings).banks.filter(({ kind }) => kind === files.name)) {
    const bank = yield* fileBankOf(settings)
    const folder = resolve(bank.folder)
    const owner = owners.get(folder)
    if (owner !== undefined) {
      const { setting, path } = settings.place
      return yield* new InvalidProviderSetting({
        setting,
        reason: `${path}.folder: it is already the folder of ${owner.name}`,
      })
    }
    owners.set(folder, bank)
  }
  return [...owners.values()]
})

const fileBankOf = Effect.fnUntraced(function* (settings: BankSettings) {
  const own = yield* ownSettings(settings, FileBankSettings)
  const defaults = {
    everyMs: own.nacha === undefined ? EVERY_MS : NACHA_EVERY_MS,
    ordersMax: ORDERS_PER_FILE_MAX,
    pollMs: POLL_MS,
  }
  return { ...defaults, ...own, name: settings.name } satisfies FileBank
})

/** How often it is looked what nothing came back of: it changes once a day. */
const SETTLE_EVERY_MS = 60_000

/** Checks outbox and inbox again and again. A pass that fails is logged, and the next one follows. */
const serve = Effect.fnUntraced(function* (bank: FileBank) {
  let seen: ReadonlySet<string> = new Set()
  let settledAt = Number.NEGATIVE_INFINITY
  const look = Effect.gen(function* () {
    yield* logged(bank, "outbox", writeOutbox(bank))
    yield* logged(
      bank,
      "inbox",
      Effect.map(readInbox(bank, seen), (now) => {
        seen = now
      }),
    )
    const at = yield* Clock.currentTimeMillis
    if (at >= settledAt + SETTLE_EVERY_MS) {
      yield* logged(bank, "settlement", settleByCalendar(bank))
      settledAt = at
    }
    yield* Effect.sleep(bank.pollMs)
  })
  return yield* Effect.forever(look)
})

const logged = <E extends { readonly _tag: string; readonly step?: string; readonly reason?: string }, R>(
  { name }: FileBank,
  part: string,
  look: Effect.Effect<void, E, R>,
) =>
  look.pipe(
    Effect.catch(({ _tag, step, reason }) =>
      Effect.logWarning("bank files cannot be processed yet", {
        bank: name,
        part,
        failure: _tag,
        step,
        reason,
      }),
    ),
    Effect.catchDefect((defect) =>
      Effect.logError("the processing of bank files broke", { bank: name, part, defect }),
    ),
  )
