/**
 * Who is called, and how: one document for all providers. It is the JSON file that PROVIDERS_FILE names, or is derived
 * from the settings of the environment. What is wrong with it is told by its place, and never quoted: a URL may hold a
 * password.
 */
import { readFile } from "node:fs/promises"
import { Context, Effect, Layer, Schema, SchemaIssue } from "effect"
import { AppConfig, type Settings } from "../config.ts"
import { BankName, problemOf, type Rule, Rules } from "../domain/routing.ts"
import { type CallPolicy, PolicyFields, policyOf } from "./call-policy.ts"

const FILE_BYTES_MAX = 1024 * 1024
/** The providers that are no banks. Limits, breakers and metrics are kept by name, so no bank may have one of these. */
export const COMPLIANCE_ENGINE = "compliance-engine"
export const LEDGER = "ledger"
/** Calls under way at a time to the compliance engine or the ledger, which take many items at once. */
const CONCURRENCY = 256

/** A setting that leads to no usable provider: the service does not start with it. */
export class InvalidProviderSetting extends Schema.TaggedError<InvalidProviderSetting>()(
  "InvalidProviderSetting",
  { setting: Schema.String, reason: Schema.String },
) {
  override get message() {
    return `${this.setting}: ${this.reason}`
  }
}

const isProviderUrl = (text: string): boolean => {
  const url = URL.parse(text)
  return (
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username + url.password + url.search + url.hash === ""
  )
}

/** The URL of a provider: http(s), without credentials, query or fragment. */
export const ProviderUrl = Schema.String.check(
  Schema.makeFilter((text: string) => isProviderUrl(text) || "expected an http(s) URL without a password"),
)

const Provider = Schema.Struct({ url: ProviderUrl, policy: Schema.optionalKey(PolicyFields) })

const BankFields = Schema.Struct({
  name: BankName,
  /** The protocol that it speaks: it has an adapter. */
  kind: Schema.String,
  policy: Schema.optionalKey(PolicyFields),
})

/** What a bank needs beyond that is read by its adapter. */
const BankEntry = Schema.StructWithRest(BankFields, [Schema.Record(Schema.String, Schema.Unknown)])

const Document = Schema.Struct({
  version: Schema.NonEmptyString,
  compliance: Provider,
  ledger: Provider,
  banks: Schema.NonEmptyArray(BankEntry),
  routes: Rules,
})
type Document = typeof Document.Type

export interface ProviderAt {
  readonly url: string
  readonly policy: CallPolicy
}

export interface BankSettings {
  readonly name: string
  readonly kind: string
  readonly policy: CallPolicy
  /** What only its adapter understands; {@link ownSettings} reads it. */
  readonly own: Readonly<Record<string, unknown>>
  readonly place: Place
}

/** Where a setting stands: the variable that leads to it, and its path in the document. */
interface Place {
  readonly setting: string
  readonly path: string
}

/** The settings of the providers that the service runs with. */
export class ProviderSettings extends Context.Service<
  ProviderSettings,
  {
    /** Names the routes that a payment followed; "settings" where they come from the environment. */
    readonly version: string
    readonly compliance: ProviderAt
    readonly ledger: ProviderAt
    readonly banks: ReadonlyArray<BankSettings>
    readonly routes: ReadonlyArray<Rule>
  }
>()("atlaspay/connectors/ProviderSettings") {
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
      const providerAt = ({ url, policy }: typeof Provider.Type) => ({
        url,
        policy: completed(policy, CONCURRENCY),
      })
      return {
        version: document.version,
        compliance: providerAt(document.compliance),
        ledger: providerAt(document.ledger),
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

/** What an adapter needs to know of its bank, in a shape of its own. */
export const ownSettings = <A>(
  { own, place }: BankSettings,
  shape: Schema.Decoder<A>,
): Effect.Effect<A, InvalidProviderSetting> => decoded(shape, own, () => place)

/** The variables that give each part of the document where there is no file. */
const variables: Readonly<Record<string, string>> = {
  compliance: "COMPLIANCE_URL",
  ledger: "LEDGER_URL",
  banks: "BANKS",
  routes: "BANK_ROUTES",
}

type FromEnvironment = Exclude<Settings["providers"]["source"], { readonly file: string }>

const documentOf = Effect.fnUntraced(function* ({
  complianceUrl,
  ledgerUrl,
  banks,
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
  return {
    version: "settings",
    compliance: { url: complianceUrl },
    ledger: { url: ledgerUrl },
    banks: banks.map(([name, url]) => ({ name, kind: "instant", url })),
    routes: [...Object.entries(byCurrency).map(rule), { rule: "*", banks: [others] }],
  }
})

const readDocument = Effect.fnUntraced(function* (file: string) {
  const invalid = (reason: string) => new InvalidProviderSetting({ setting: "PROVIDERS_FILE", reason })
  const text = yield* Effect.tryPromise({
    try: () => readFile(file, "utf8"),
    catch: () => invalid("the file cannot be read"),
  })
  if (text.length > FILE_BYTES_MAX)
    return yield* invalid(`the file is longer than ${FILE_BYTES_MAX} characters`)
  return yield* Effect.try({
    try: (): unknown => JSON.parse(text),
    catch: () => invalid("the file is not JSON"),
  })
})

/** Decodes strictly: a field that nobody reads is a mistake of whoever wrote it. */
const decoded = <A>(
  shape: Schema.Decoder<A>,
  json: unknown,
  placeOf: (part: string) => Place,
): Effect.Effect<A, InvalidProviderSetting> =>
  Effect.mapError(Schema.decodeUnknownEffect(shape, { onExcessProperty: "error" })(json), ({ issue }) => {
    const { path = [], message } = problemIn(issue)
    const keys = path.map((segment) => (typeof segment === "object" ? segment.key : segment))
    const { setting, path: above } = placeOf(String(keys[0]))
    return invalidAt(setting, keys.reduce(pathTo, above), message)
  })

const problemIn = (issue: SchemaIssue.Issue) => format(issue).issues[0] ?? { message: "not as expected" }

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    if (issue._tag === "MissingKey") return "required"
    if (issue._tag === "UnexpectedKey") return "not a known field"
    return SchemaIssue.defaultLeafHook(issue).replace(/^Expected/, "expected")
  },
})

const pathTo = (above: string, key: PropertyKey): string => {
  if (typeof key === "number") return `${above}[${key}]`
  return above === "" ? String(key) : `${above}.${String(key)}`
}

const invalidAt = (setting: string, path: string, problem: string) =>
  new InvalidProviderSetting({ setting, reason: path === "" ? problem : `${path}: ${problem}` })

/** Each bank is there once, under a name of its own, and every rule leads to banks that are there. */
const checkedNames = Effect.fnUntraced(function* (
  { banks, routes }: Document,
  settingOf: (part: string) => string,
) {
  const names = new Set<string>()
  for (const [index, { name }] of banks.entries()) {
    const invalid = (problem: string) => invalidAt(settingOf("banks"), `banks[${index}]`, problem)
    if (name === COMPLIANCE_ENGINE || name === LEDGER) return yield* invalid(`${name} is no name for a bank`)
    if (names.has(name)) return yield* invalid(`${name} is there twice`)
    names.add(name)
  }
  const problem = problemOf(routes, names)
  if (problem !== undefined) return yield* invalidAt(settingOf("routes"), "routes", problem)
})
