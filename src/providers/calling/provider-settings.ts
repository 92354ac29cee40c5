/**
 * Which providers are called, and how: one document for all of them. It is the JSON file that PROVIDERS_FILE names, or is made
 * from the environment. Errors name the place of a problem, and never quote it, because a URL may contain a password.
 */
import { readFile } from "node:fs/promises"
import { Context, Effect, Layer, Schema, SchemaAST } from "effect"
import { AppConfig, type Settings } from "../../config.ts"
import { BankName, problemOf, type Rule, Rules } from "../../domain/routing.ts"
import type { JsonLimits } from "../../parsing/json-outline.ts"
import { readJsonText, UnreadableJson } from "../../parsing/json-text.ts"
import { keyOf, schemaProblems } from "../../parsing/schema-problems.ts"
import { atOnce } from "../../parsing/turns.ts"
import { type CallPolicy, PolicyFields, policyOf } from "./call-policy.ts"
import { type HttpFields, httpFields, type ProviderAuth } from "./provider-access.ts"
import { InvalidProviderSetting, type Place } from "./provider-place.ts"
import { readReference } from "./secret-reference.ts"

const FILE_BYTES_MAX = 1024 * 1024
/**
 * The names of the providers that are not banks. Limits, breakers and metrics are kept by name, so no bank may have one of
 * these.
 */
export const COMPLIANCE_ENGINE = "compliance-engine"
export const LEDGER = "ledger"
/** Calls under way at a time to the compliance engine or the ledger, which take many items at once. */
const CONCURRENCY = 256

/** The kinds where the settings name none. */
const usualKinds = { compliance: "clearance", ledger: "postings" } as const

/** The kind of a provider reads the other fields. */
const Provider = Schema.StructWithRest(
  Schema.Struct({
    ...httpFields,
    /** Its protocol: the name of a kind. */
    kind: Schema.optionalKey(Schema.String),
    policy: Schema.optionalKey(PolicyFields),
  }),
  [Schema.Record(Schema.String, Schema.Unknown)],
)

const BankFields = Schema.Struct({
  name: BankName,
  /** Its protocol: the name of a kind. */
  kind: Schema.String,
  policy: Schema.optionalKey(PolicyFields),
})

/** The kind of a bank reads the other fields. */
const BankEntry = Schema.StructWithRest(BankFields, [Schema.Record(Schema.String, Schema.Unknown)])

const Document = Schema.Struct({
  version: Schema.NonEmptyString,
  compliance: Provider,
  ledger: Provider,
  banks: Schema.NonEmptyArray(BankEntry),
  routes: Rules,
})
type Document = typeof Document.Type

export interface ProviderAt extends HttpFields {
  readonly kind: string
  /** The fields for its kind, which {@link ownSettings} reads. */
  readonly own: Readonly<Record<string, unknown>>
  readonly policy: CallPolicy
  readonly place: Place
}

export interface BankSettings {
  readonly name: string
  readonly kind: string
  readonly policy: CallPolicy
  /** The fields for its kind, which {@link ownSettings} reads. */
  readonly own: Readonly<Record<string, unknown>>
  readonly place: Place
}

/** The settings of the providers that the service runs with. */
export class ProviderSettings extends Context.Service<
  ProviderSettings,
  {
    /** The version of the routes, which the log records for each payment; "settings" if they come from the environment. */
    readonly version: string
    readonly compliance: ProviderAt
    readonly ledger: ProviderAt
    readonly banks: ReadonlyArray<BankSettings>
    readonly routes: ReadonlyArray<Rule>
  }
>()("atlaspay/providers/ProviderSettings") {
  static readonly layer = Layer.effect(
    ProviderSettings,
    Effect.gen(function* () {
      const { providers } = yield* AppConfig
      const { source, timeoutMs, bankConcurrency } = providers
      const fromFile = "file" in source
      const settingOf = (part: string) =>
        fromFile ? "PROVIDERS_FILE" : (variables[part] ?? "PROVIDERS_FILE")
      const json = fromFile ? yield* readDocument(source.file) : yield* documentOf(source)
      const document = yield* decoded(Document, json, (path) => ({ setting: settingOf(path), path: "" }))
      yield* checkedNames(document, settingOf)
      const completed = (given: PolicyFields = {}, concurrency = bankConcurrency) =>
        policyOf(given, { timeoutMs, concurrency })
      const providerAt = (
        path: "compliance" | "ledger",
        { url, auth, tls, policy, kind = usualKinds[path], ...own }: typeof Provider.Type,
      ) => ({
        url,
        ...(auth === undefined ? {} : { auth }),
        ...(tls === undefined ? {} : { tls }),
        kind,
        own,
        policy: completed(policy, CONCURRENCY),
        place: { setting: settingOf(path), path },
      })
      return {
        version: document.version,
        compliance: providerAt("compliance", document.compliance),
        ledger: providerAt("ledger", document.ledger),
        banks: document.banks.map(({ name, kind, policy, ...own }, index) => ({
          name,
          kind,
          policy: completed(policy),
          own,
          place: { setting: settingOf("banks"), path: `banks[${index}]` },
        })),
        routes: document.routes,
      }
    }),
  )
}

/** The version, the names of the banks, and the rules of a file, checked as at a start; without what only its kind knows of a bank. */
export const readRules = Effect.fn("readRules")(function* (file: string) {
  const setting = "PROVIDERS_FILE"
  const document = yield* decoded(Document, yield* readDocument(file), () => ({ setting, path: "" }))
  yield* checkedNames(document, () => setting)
  const { version, banks, routes } = document
  return { version, banks: new Set(banks.map(({ name }) => name)), routes }
})

/** Decodes the fields of a bank, or of another provider, that are for its kind. An unknown field is an error, also for a kind without any. */
export const ownSettings = <A>(
  { own, place }: Pick<BankSettings, "own" | "place">,
  shape: Schema.Decoder<A>,
): Effect.Effect<A, InvalidProviderSetting> => {
  const [unknown] = hasNoFields(shape) ? Object.keys(own) : []
  if (unknown !== undefined)
    return Effect.fail(invalidAt(place.setting, pathTo(place.path, unknown), "its kind has no such field"))
  return decoded(shape, own, () => place)
}

/** A struct without fields describes every value, and so takes any field for one that it describes. */
const hasNoFields = ({ ast }: Schema.Decoder<unknown>): boolean =>
  SchemaAST.isObjects(ast) && ast.propertySignatures.length + ast.indexSignatures.length === 0

/** The kind of the banks in `BANKS`, as a document would name it. */
const KIND_OF_BANKS = "instant"

/** The variable for each part of the document when there is no file. */
const variables: Readonly<Record<string, string>> = {
  compliance: "COMPLIANCE_URL",
  ledger: "LEDGER_URL",
  banks: "BANKS",
  routes: "BANK_ROUTES",
}

type FromEnvironment = Exclude<Settings["providers"]["source"], { readonly file: string }>

const documentOf = Effect.fnUntraced(function* ({
  complianceUrl,
  complianceAuth,
  ledgerUrl,
  ledgerAuth,
  banks,
  bankAuth,
  routes,
}: FromEnvironment) {
  const { "*": others, ...byCurrency } = Object.fromEntries(routes)
  if (others === undefined)
    return yield* invalidAt("BANK_ROUTES", "", "the route * for all other currencies is missing")
  const rule = ([currency, bank]: readonly [string, string]) => ({
    rule: currency,
    when: { currency: [currency] },
    banks: [bank],
  })
  const ofBanks = new Map<string, object>()
  for (const [name, text] of bankAuth) {
    if (!banks.some(([bank]) => bank === name))
      return yield* invalidAt("BANK_AUTH", "", `there is no bank ${name}`)
    ofBanks.set(name, yield* authIn("BANK_AUTH", text))
  }
  return {
    version: "settings",
    compliance: { url: complianceUrl, ...(yield* authIn("COMPLIANCE_AUTH", complianceAuth)) },
    ledger: { url: ledgerUrl, ...(yield* authIn("LEDGER_AUTH", ledgerAuth)) },
    banks: banks.map(([name, url]) => ({ name, kind: KIND_OF_BANKS, url, ...ofBanks.get(name) })),
    routes: [...Object.entries(byCurrency).map(rule), { rule: "*", banks: [others] }],
  }
})

/** Reads "bearer env:NAME" or "basic user file:path" into the document's form; an empty text gives no credentials. */
const authIn = Effect.fnUntraced(function* (setting: string, text: string) {
  if (text === "") return {}
  const [, kind, user, where = ""] = /^(bearer|basic +([^\s:]+)) +(\S+)$/.exec(text) ?? []
  const reference = readReference(where)
  if (kind === undefined || reference === undefined)
    return yield* invalidAt(setting, "", 'expected "bearer env:NAME" or "basic user file:path"')
  const auth: ProviderAuth =
    user === undefined ? { kind: "bearer", token: reference } : { kind: "basic", user, password: reference }
  return { auth }
})

const readDocument = Effect.fnUntraced(function* (file: string) {
  const invalid = (reason: string) => new InvalidProviderSetting({ setting: "PROVIDERS_FILE", reason })
  const text = yield* Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: () => invalid("the file cannot be read"),
  })
  if (text.length > FILE_BYTES_MAX)
    return yield* invalid(`the file is longer than ${FILE_BYTES_MAX} characters`)
  const json = atOnce(readJsonText(Buffer.from(text), limits))
  if (!(json instanceof UnreadableJson)) return json
  const where = json.path.reduce<string>(pathTo, "")
  return yield* where === "" ? invalid("the file is not JSON") : invalid(`${where}: ${json.problem}`)
})

/** What is in a file of that size can be read as a whole; a member that is there twice would be read as one of the two. */
const limits: JsonLimits = {
  depthMax: 64,
  tokensMax: FILE_BYTES_MAX,
  elementsMax: FILE_BYTES_MAX,
  tokensPerPartMax: FILE_BYTES_MAX,
  partBytesMax: FILE_BYTES_MAX * 4,
}

/** Decodes strictly: an unknown field is an error, because nothing would read it. All problems are told, up to a limit. */
const decoded = <A>(
  shape: Schema.Decoder<A>,
  json: unknown,
  placeOf: (part: string) => Place,
): Effect.Effect<A, InvalidProviderSetting> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(shape, { onExcessProperty: "error", errors: "all" })(json),
    ({ issue }) => {
      const problems = schemaProblems(issue).issues.map(({ path = [], message }) => {
        const keys = path.map(keyOf)
        const { setting, path: above } = placeOf(String(keys[0]))
        return invalidAt(setting, keys.reduce(pathTo, above), message)
      })
      return allOf(problems)
    },
  )

/** Told of one document: more would not be read. */
const PROBLEMS_MAX = 20

/** Several problems as one, which has the setting of the first. */
const allOf = (problems: ReadonlyArray<InvalidProviderSetting>): InvalidProviderSetting => {
  const [first, ...others] = problems.slice(0, PROBLEMS_MAX)
  if (first === undefined)
    return new InvalidProviderSetting({ setting: "PROVIDERS_FILE", reason: "not as expected" })
  const told = [
    first.reason,
    ...others.map((one) => (one.setting === first.setting ? one.reason : one.message)),
  ]
  return new InvalidProviderSetting({ setting: first.setting, reason: told.join("; ") })
}

const pathTo = (above: string, key: PropertyKey): string => {
  if (typeof key === "number") return `${above}[${key}]`
  return above === "" ? String(key) : `${above}.${String(key)}`
}

const invalidAt = (setting: string, path: string, problem: string) =>
  new InvalidProviderSetting({ setting, reason: path === "" ? problem : `${path}: ${problem}` })

/** Checks that the names of banks are unique, and that every rule leads to banks that exist. */
const checkedNames = Effect.fnUntraced(function* (
  { banks, routes }: Document,
  settingOf: (part: string) => string,
) {
  const names = new Set<string>()
  const problems: Array<InvalidProviderSetting> = []
  for (const [index, { name }] of banks.entries()) {
    const invalid = (problem: string) =>
      problems.push(invalidAt(settingOf("banks"), `banks[${index}]`, problem))
    if (name === COMPLIANCE_ENGINE || name === LEDGER)
      invalid(`${name} is reserved and cannot be the name of a bank`)
    if (names.has(name)) invalid(`${name} occurs twice`)
    names.add(name)
  }
  const problem = problemOf(routes, names)
  if (problem !== undefined) problems.push(invalidAt(settingOf("routes"), "routes", problem))
  if (problems.length > 0) return yield* allOf(problems)
})
