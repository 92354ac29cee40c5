/**
 * The layout of `src/` as data and a check: which room may import which, and the rules that no other tool holds.
 * docs/ARCHITECTURE.md says what lives in each room; this table is the only place that says who may import whom.
 */
import { basename, posix } from "node:path"
import { parseAst } from "vitest/node"

/** What all rooms may know of how the service is run: its settings, and what it reports of itself. */
const settingsAndSignals = ["config", "settings", "telemetry", "traces"]

/** What a kind of bank is made of: the port, and what speaks HTTP, ISO 20022 or Nacha for all of them. */
const forKinds = [
  "domain",
  "parsing",
  "providers/banks/bank",
  "providers/banks/bank-books-http",
  "providers/banks/bank-callbacks",
  "providers/banks/bank-kind",
  "providers/banks/bank-limits",
  "providers/banks/scheme-limits",
  "providers/books",
  "providers/calling",
  "providers/iso20022",
  // What banks in the US take and send in files.
  "providers/nacha",
  ...settingsAndSignals,
]

/**
 * What each room may import besides itself: rooms, or folders or single files of one. A file right under `src/` is a room too,
 * and `*` stands for every folder there that has no rule of its own.
 */
export const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: [],
  sandbox: [],
  parsing: [],
  telemetry: ["config", "log-levels", "service-roles", "domain/masking"],
  // Spans, and what of a log they follow from.
  traces: ["config", "domain", "telemetry"],
  "crash-points": [],
  "log-levels": [],
  // What the roles of a process need, as probes ask.
  readiness: [
    "http/operations/late-checks",
    "http/operations/operations",
    "platform",
    "service-roles",
    "streams/partitions",
    "streams/store-watch",
  ],
  "service-roles": [],
  // The declarations of settings, of which the page and the service are made.
  settings: [
    "crash-points",
    "log-levels",
    "parsing/otlp-settings",
    "service-roles",
    "domain",
    "parsing/network",
    "parsing/otlp-settings",
    "parsing/secret-texts",
    "parsing/web-origin",
  ],
  config: ["settings"],
  platform: ["crash-points", ...settingsAndSignals],
  // The tables of all rooms come from here, and the server that they are on.
  database: ["platform", ...settingsAndSignals],
  streams: ["domain", "parsing/turns", "database", "platform", ...settingsAndSignals],
  vault: ["domain", "platform", ...settingsAndSignals],
  providers: ["domain", "parsing", "platform", ...settingsAndSignals],
  // Each folder is a kind of bank. Nobody imports one but app.ts, and so no kind imports another.
  "providers/banks/*": forKinds,
  // Orders that wait with us before they are sent are sealed as accounts in the log are, and told to the log as callbacks are:
  // the kinds that hold orders share this.
  "providers/banks/orders": [
    ...forKinds,
    "streams",
    "vault/aes-gcm",
    "vault/partner-keys",
    "database",
    "platform",
  ],
  "providers/banks/files": [
    ...forKinds,
    "providers/banks/orders",
    // What banks book is compared with what was ordered here as in the reconciliation.
    "providers/booked-amount",
    "providers/booked-orders",
    "streams",
    "database",
    "platform",
  ],
  "providers/banks/paypal": [...forKinds, "providers/banks/orders", "streams", "database", "platform"],
  // The second record of what logs tell, which workers compare them with.
  register: ["domain", "database", "platform", ...settingsAndSignals],
  // Batches that partners still put together; their items are sealed as accounts in the log are.
  drafts: ["domain", "database", "platform", "vault/aes-gcm", "vault/partner-keys", ...settingsAndSignals],
  // What production refuses is judged by the settings, and the secrets that they name, before anything connects.
  production: [
    "providers/banks/bank-kind",
    "providers/calling/provider-access",
    "providers/calling/provider-kind",
    "providers/calling/provider-place",
    "providers/calling/provider-settings",
    "providers/calling/secret-reference",
    // All mistakes are told at once, and so those with keys and with what signs callbacks.
    "identity/callback-secrets",
    "identity/key-list",
    "identity/sign-in-settings",
    "platform/nats-address",
    "platform/postgres-address",
    "platform/postgres-tls",
    "platform/redis-address",
    "platform/tls-files",
    "service-roles",
    ...settingsAndSignals,
  ],
  pipelines: ["domain", "providers", "register", "vault", "platform", ...settingsAndSignals],
  actors: ["domain", "parsing/turns", "streams", "register", "pipelines", "platform", ...settingsAndSignals],
  projections: ["domain", "parsing/turns", "streams", "database", "platform", ...settingsAndSignals],
  // Logs of closed batches move to Postgres. Their last version is noted beside the registers of attempts.
  // Names that quoted keys have reserved are kept there with their logs.
  archive: [
    "domain",
    "parsing/turns",
    "streams",
    "register",
    "http/payout-batches/batch-identity",
    "database",
    "platform",
    ...settingsAndSignals,
  ],
  // What happened, and what would have: from logs alone. Nothing here can call, publish or deliver.
  replay: [
    "domain",
    "parsing",
    "streams",
    "platform/redis-client",
    "platform/redis-failure",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // What every store says of itself, and of what others say. It only reads, and has no layers: a part of it may be down.
  doctor: ["streams", "database", "vault/key-wrapping", "platform", ...settingsAndSignals],
  // The tree of the heads of closed batches, its signed roots, and what partners verify with them.
  // Roots on the stream are sealed as other messages there are.
  proof: [
    "domain",
    "parsing",
    "streams",
    "database",
    "platform",
    "vault/message-seal",
    ...settingsAndSignals,
  ],
  // All of history, checked against every store that knows some of it.
  verification: [
    "domain",
    "parsing",
    "streams",
    "archive",
    "proof",
    "register",
    "projections",
    "database",
    "platform",
    ...settingsAndSignals,
  ],
  // What a stream lost is published again batch by batch; the read models list them.
  publisher: [
    "domain",
    "streams",
    "projections/read-models",
    "vault/message-seal",
    "platform",
    ...settingsAndSignals,
  ],
  webhooks: [
    "domain",
    "publisher/endpoint-event",
    "publisher/public-event",
    "publisher/event-message",
    "publisher/event-stream",
    // Replays read the logs as the publisher does.
    "publisher/public-history",
    "streams/event-range",
    "streams/event-store",
    // Endpoints' secrets are sealed as accounts in the log are.
    "vault/aes-gcm",
    "vault/partner-keys",
    "database",
    "platform",
    ...settingsAndSignals,
  ],
  reconciliation: [
    "domain",
    "streams",
    // Each bank's statement is read as its kind says, or in a folder of messages.
    "providers/banks/bank-kind",
    "providers/booked-amount",
    "providers/booked-orders",
    "providers/books",
    "providers/calling/provider-settings",
    "providers/iso20022/bank-statement",
    "providers/iso20022/statement-folder",
    // Entries that name orders by the identification numbers of Nacha.
    "providers/nacha/individual-id",
    "projections/read-models",
    "vault/message-seal",
    "database",
    "platform",
    ...settingsAndSignals,
  ],
  // Which banks there are and which of them call back, for the secrets that they sign with. Stored keys are hashed under a key
  // of the vault.
  identity: [
    "domain",
    "parsing/network",
    "database",
    "platform",
    "vault/partner-keys",
    "providers/banks/bank-callbacks",
    "providers/banks/bank-kind",
    "providers/calling/provider-place",
    "providers/calling/provider-settings",
    "providers/calling/signed-callback",
    ...settingsAndSignals,
  ],
  // The door: connections, bodies, who asks, and the one table from failures to answers. Its rows name ports by their files,
  // because the table knows each failure that a port has.
  "http/edge": [
    "domain",
    "drafts/drafts",
    "identity",
    "parsing",
    "projections/batch-queries",
    "platform/lease-count",
    // Answers say that the process stops, and who waits for them is told how many are under way.
    "platform/lifecycle",
    "platform/store-unavailable",
    "streams",
    "vault/partner-keys",
    "webhooks/endpoints",
    "webhooks/endpoint-secrets",
    "webhooks/replays",
    ...settingsAndSignals,
  ],
  // How a route is defined, and what is made of its definition.
  "http/routing": ["http/edge", "domain", "identity", "parsing/json-schemas"],
  "http/payout-batches": [
    "http/edge",
    "http/routing",
    "domain",
    "identity",
    "parsing",
    "streams",
    "projections/batch-queries",
    "projections/personal-acts",
    "projections/report-queries",
    "projections/search-filter",
    // A past state is folded here, and has the rows of the read models.
    "projections/past-batch",
    "projections/page-cursor",
    // What the banks that the rules lead to can be sent.
    "providers/banks/payout-limits",
    "register",
    "vault",
    "platform/intake-pressure",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // Batches that come as files, which are read as the command line reads them.
  "http/payout-uploads": [
    "http/edge",
    "http/routing",
    "http/payout-batches",
    "payout-files",
    "domain",
    "identity",
    "parsing",
    "providers/banks/payout-limits",
    "vault/partner-keys",
    ...settingsAndSignals,
  ],
  // Batches in the making. They are submitted as batches that come whole, and take the same rows of files.
  "http/payout-batch-drafts": [
    "http/edge",
    "http/routing",
    "http/payout-batches",
    "http/payout-uploads",
    "drafts",
    "payout-files/payout-stream",
    "domain",
    "identity",
    "parsing",
    "projections/batch-queries",
    "streams",
    "vault/partner-keys",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // What providers tell becomes commands to batches, as what people say does.
  "http/callbacks": [
    // What banks tell by themselves, as their kind reads it, and how callbacks are signed.
    "providers/banks/bank-callbacks",
    "providers/calling/signed-callback",
    "http/edge",
    "http/routing",
    "http/payout-batches/payout-batch-events",
    "http/payout-batches/registered-decisions",
    "domain",
    "identity",
    "streams",
    "projections/batch-queries",
    "register",
    ...settingsAndSignals,
  ],
  // What describes the API. It gets the document from the app.
  "http/documentation": ["http/edge", "http/routing"],
  // What workers tell of providers; the API calls none.
  "http/operations": [
    // Readiness says no as soon as the process stops.
    "platform/lifecycle",
    "http/edge",
    "http/routing",
    "log-levels",
    "providers/calling/channel",
    "providers/calling/provider-reports",
    ...settingsAndSignals,
  ],
  "http/webhook-endpoints": [
    "http/edge",
    "http/routing",
    "domain",
    "identity",
    "publisher/endpoint-event",
    "webhooks/endpoints",
    "webhooks/endpoint-secrets",
  ],
  "http/webhook-deliveries": [
    "http/edge",
    "http/routing",
    "http/payout-batches/list-filters",
    "http/payout-batches/payout-batch-request",
    "domain",
    "identity",
    "projections/batch-queries",
    "webhooks/delivery-log",
  ],
  "http/webhook-replays": [
    "http/edge",
    "http/routing",
    "http/webhook-deliveries",
    "http/payout-batches/batch-from-log",
    "http/payout-batches/payout-batch-request",
    "domain",
    "identity",
    "webhooks/replays",
  ],
  // What operations and finance ask of the read models: days, failures, and what people did.
  "http/reports": [
    "http/edge",
    "http/routing",
    "http/payout-batches/list-filters",
    "domain",
    "identity",
    "projections",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // What partners verify logs with.
  "http/proofs": [
    "http/edge",
    "http/routing",
    "http/payout-batches/batch-from-log",
    "http/payout-batches/shapes",
    "domain",
    "identity",
    "proof",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // What administrators do with partners and keys.
  "http/administration": ["http/edge", "http/routing", "domain", "identity", ...settingsAndSignals],
  // All routes together, and what describes them. Services are named here for their handlers.
  http: [
    "http/edge",
    "http/routing",
    "http/administration",
    "http/payout-batches",
    "http/payout-uploads",
    "http/payout-batch-drafts",
    "http/reports",
    "http/proofs",
    "http/callbacks",
    "http/operations",
    "http/documentation",
    "http/webhook-endpoints",
    "contract",
    "http/webhook-deliveries",
    "http/webhook-replays",
    "domain",
    "drafts/drafts",
    "identity",
    "streams",
    "projections/batch-queries",
    "projections/report-queries",
    "proof/proof-roots",
    "proof/proof-tree",
    "publisher/public-event",
    "webhooks/delivery-log",
    "webhooks/endpoints",
    "webhooks/endpoint-secrets",
    "webhooks/replays",
    "register",
    "providers/banks/payout-limits",
    "providers/calling/provider-reports",
    "vault",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
  // The contract of all events as documents, for whoever reads them.
  contract: [
    "publisher/public-event",
    "publisher/endpoint-event",
    "reconciliation/discrepancy-event",
    "proof/root-event",
    "parsing/json-schemas",
  ],
  // How a command ends, and draws on the screen.
  terminal: [],
  // The API as a partner calls it. What partners import needs none of these: test/client/client.test.ts looks at what it loads.
  client: ["domain", "terminal"],
  // What people and other systems send as files. Items are checked by the API's own reading of them.
  "payout-files": [
    "domain",
    "parsing",
    "http/payout-batches/payout-batch-request",
    "http/payout-batches/intake-rules",
    "providers/iso20022/element",
    "providers/iso20022/unreadable-file",
    "providers/iso20022/xml-reader",
  ],
  // What only developers run. It shows what the service is, from outside: it wires nothing of it.
  dev: [
    "domain",
    "platform",
    "sandbox",
    "http/payout-batches/batch-identity",
    "http/payout-batches/payout-batch-request",
    "client",
    "terminal",
  ],
}

/** Where layers are wired: these import anything but the rooms named here, and alone may choose an adapter. */
export const wiringRooms: Readonly<Record<string, ReadonlyArray<string>>> = {
  app: ["main", "cli", "dev", "client", "terminal", "sandbox"],
  main: ["cli", "dev", "client", "terminal", "sandbox"],
  cli: ["main"],
}

/** The modules of `effect` that hold data and no behaviour over time: all that the domain may use. */
const dataModules = new Set(
  `Array BigInt Boolean Brand Data Equal Equivalence Match Number Option Order Ordering Predicate Record Result
   Schema String Struct Tuple absurd flow identity pipe`.split(/\s+/),
)

/** What loads the domain of another checkout, to compare it with ours: whoever runs it names the folder. */
const loadsOtherCode = "replay/domain-code.ts"

/** Where the environment is read: the settings, the command line, and the servers and processes that it starts. */
const readsEnvironment = [/^config\.ts$/, /^cli\//, /^dev\//]

const adapterName = /-(redis|postgres|nats|http|memory)\.ts$/
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.(ts|mts|mjs|lua|sql)$/
const emptyWord = /\b(utils?|helpers?|common|managers?|misc|shared)\b/
const LINES_MAX = 450

/** Everything that is wrong with a file, given its path below `src/` and its text. */
export const violations = (path: string, source: string): ReadonlyArray<string> => {
  const nameProblems = [
    ...(kebabCase.test(basename(path)) ? [] : ["the name is not in kebab case"]),
    ...(emptyWord.test(path) ? ["the name says nothing of what is in it"] : []),
    ...(source.split("\n").length - 1 > LINES_MAX ? [`longer than ${LINES_MAX} lines`] : []),
  ]
  if (path.endsWith(".sql")) return [...nameProblems, ...migrationProblems(path, source)]
  if (!/ts$|mjs$/.test(path)) return nameProblems
  const nodes = nodesOf(path, source)
  return [
    ...nameProblems,
    ...importsIn(nodes).flatMap((used) => importProblems(path, used)),
    ...nodes.flatMap((node) => syntaxProblems(path, node)),
    ...(isBarrel(path, nodes) ? ["a barrel: import from the file itself"] : []),
  ]
}

/** The one place where tables come about, for all rooms. */
const migrationsFolder = "database/migrations/"
/** Where tables of migrations are copied for a rebuild, `like` the ones that there are: it defines none of them. */
const copiesTables = "projections/rebuild-scripts.ts"
/** What would end the transaction that all migrations share, or cannot be part of one. */
const endsTransaction = /\b(begin|commit|rollback|start transaction|concurrently|vacuum)\b/i
/** The first line of a migration with which older releases go on. */
const worksFrom = /^-- Works from \d{4} on\.\n/
/** What an older release, which goes on, would stumble over. */
const breaksOlder = /\b(drop|rename|truncate)\b|\balter column\b|\bset not null\b/i

/** The body of a trigger's function, whose `begin` is no transaction. It runs when rows change, and not in the migration. */
const triggerBody = /\breturns trigger\b[^;]*?\$\$[\s\S]*?\$\$/gi
/** What a trigger is for: it takes nothing away. */
const triggerEvents =
  /\b(?:before|after) (?:insert|update|delete|truncate)(?: or (?:insert|update|delete|truncate))* on\b/gi

const migrationProblems = (path: string, source: string): ReadonlyArray<string> => {
  if (!path.startsWith(migrationsFolder)) return [`a migration lies in ${migrationsFolder}`]
  const statements = source.replace(/--.*/g, "").replace(triggerBody, "").replace(triggerEvents, "")
  return [
    ...(endsTransaction.test(statements) ? ["cannot be part of one transaction"] : []),
    ...(worksFrom.test(source) && breaksOlder.test(statements)
      ? ["takes away what an older release may need, and says that it goes on"]
      : []),
  ]
}

interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

/** The syntax tree of a file, flat: its top-level node first. */
const nodesOf = (path: string, source: string): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  const visit = (value: unknown): void => {
    if (isNode(value)) nodes.push(value)
    if (typeof value === "object" && value !== null) Object.values(value).forEach(visit)
  }
  visit(parseAst(source, { lang: path.includes(".d.") ? "dts" : "ts" }))
  return nodes
}

interface Import {
  /** The specifier as it stands there, or `undefined` when it is computed. */
  readonly from: string | undefined
  /** What is imported by name; "*" for everything. */
  readonly names: ReadonlyArray<string>
}

/** What texts import: several rules ask it of every file, and to parse one takes milliseconds. */
const knownImports = new Map<string, ReadonlyArray<Import>>()

const importsOf = (path: string, source: string): ReadonlyArray<Import> => {
  const known = knownImports.get(source) ?? importsIn(nodesOf(path, source))
  knownImports.set(source, known)
  return known
}

const importsIn = (nodes: ReadonlyArray<Node>): ReadonlyArray<Import> =>
  nodes.flatMap((node) => {
    switch (node.type) {
      case "ImportDeclaration":
      case "ExportAllDeclaration":
      case "ImportExpression":
      case "TSImportType":
        return [{ from: textOf(node.source), names: namesIn(node.specifiers) }]
      case "ExportNamedDeclaration":
        return isNode(node.source) ? [{ from: textOf(node.source), names: namesIn(node.specifiers) }] : []
      default:
        return []
    }
  })

const textOf = (literal: unknown): string | undefined =>
  isNode(literal) && typeof literal.value === "string" ? literal.value : undefined

const nameOf = (identifier: unknown): string => (isNode(identifier) ? String(identifier.name) : "")

const namesIn = (specifiers: unknown): ReadonlyArray<string> => {
  if (!Array.isArray(specifiers)) return ["*"]
  return specifiers.map((specifier: Node) => {
    if (specifier.type === "ImportSpecifier") return nameOf(specifier.imported)
    return specifier.type === "ExportSpecifier" ? nameOf(specifier.local) : "*"
  })
}

/** The room that a file is in: the innermost of the table, which may be a single file, else its folder under `src/`. */
export const roomOf = (path: string): string => {
  const folders = path.split("/").slice(0, -1)
  const [outermost = path.replace(/\.ts$/, "")] = folders
  const own = path.replace(/\.ts$/, "")
  if (own in mayImport) return own
  const above = folders.map((_, index) => folders.slice(0, index + 1).join("/"))
  return above.findLast((room) => ruleOf(room) !== undefined) ?? outermost
}

/** The name under which the table has a room: its own, or that of all folders beside it. */
export const ruleOf = (room: string): string | undefined =>
  [room, posix.join(posix.dirname(room), "*")].find((name) => name in mayImport)

const isAdapter = (path: string): boolean =>
  !["platform", "dev"].includes(roomOf(path)) && adapterName.test(path)

const vendorOf = (path: string): string | undefined => adapterName.exec(path)?.[1]

const importProblems = (path: string, { from, names }: Import): ReadonlyArray<string> => {
  if (from === undefined) return path === loadsOtherCode ? [] : ["imports a file whose name is computed"]
  const room = roomOf(path)
  if (!from.startsWith(".")) return room === "domain" ? domainProblems(from, names) : []
  const target = posix.join(posix.dirname(path), from)
  const shunned = wiringRooms[room]
  if (target.startsWith("..") && !(shunned !== undefined && target === "../package.json"))
    return [`imports ${from}, which is outside src`]
  if (shunned !== undefined)
    return shunned.includes(roomOf(target)) ? [`${room} may not import ${target}`] : []
  return [
    ...(isWithinReach(room, target) ? [] : [`${room} may not import ${target}`]),
    ...(mayAdapt(path, target)
      ? []
      : [`imports the adapter ${target}: only app.ts, cli/ and tests choose one`]),
  ]
}

const isWithinReach = (room: string, target: string): boolean => {
  const reach = [room, ...(mayImport[ruleOf(room) ?? room] ?? [])]
  return reach.some(
    (open) =>
      open === roomOf(target) ||
      open === target.replace(/\.ts$/, "") ||
      // A folder of a room, without the rooms in it.
      (target.startsWith(`${open}/`) && roomOf(target) === roomOf(`${open}/file`)),
  )
}

/**
 * Files of one adapter may use each other. A kind of bank is an adapter as a whole, whatever its files are called: app.ts
 * chooses it, and it speaks HTTP as it is spoken to all providers.
 */
const mayAdapt = (path: string, target: string): boolean =>
  !isAdapter(target) ||
  (roomOf(path) === roomOf(target) && vendorOf(path) === vendorOf(target)) ||
  (isOfKind(path) && !isOfKind(target) && vendorOf(target) === "http")

const isOfKind = (path: string): boolean => roomOf(path).startsWith("providers/banks/")

const domainProblems = (from: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [library, module, ...deeper] = from.split("/")
  if (library !== "effect" || deeper.length > 0) return [`domain may not import ${from}`]
  return (module === undefined ? names : [module])
    .filter((name) => !dataModules.has(name))
    .map((name) => `domain may not import ${name} of effect`)
}

const syntaxProblems = (path: string, node: Node): ReadonlyArray<string> => {
  if (makesTables(node) && !path.startsWith("database/") && path !== copiesTables)
    return [`makes a table outside of ${migrationsFolder}`]
  if (node.type === "TSEnumDeclaration") return ["an enum"]
  if (node.type === "TSModuleDeclaration" && isNode(node.id) && node.id.type === "Identifier")
    return ["a namespace"]
  if (node.type === "TSAnyKeyword") return ["any"]
  if (node.type === "ExportAllDeclaration") return ["exports everything of another file"]
  if (readsProcessEnv(node) && !readsEnvironment.some((allowed) => allowed.test(path)))
    return ["reads the environment: settings come from config.ts"]
  if (path !== transactions && keepsConnection(node))
    return [`keeps a connection of Postgres by itself: ${transactions} knows what to do when it is lost`]
  return []
}

/** The one file that has the driver keep a connection for several statements. */
const transactions = "platform/postgres-transaction.ts"

/** What the driver gets wrong when the connection is lost. */
const keepingConnection = ["begin", "reserve", "savepoint", "cursor", "listen", "subscribe", "largeObject"]

/** `sql.begin(…)`, `pool.sql.begin(…)`; of a statement, ``sql`…`.cursor(…)``. */
const keepsConnection = (node: Node): boolean => {
  if (node.type !== "CallExpression" || !isNode(node.callee) || !isNode(node.callee.object)) return false
  const { object, property } = node.callee
  return (
    keepingConnection.includes(nameOf(property)) &&
    [nameOf(object), nameOf(object.property), nameOf(object.tag)].includes("sql")
  )
}

/** A text with a statement that changes the schema. */
const makesTables = (node: Node): boolean => {
  const text = node.type === "TemplateElement" ? JSON.stringify(node.value) : textOf(node)
  return text !== undefined && /\b(create|alter|drop)\s+(table|(unique\s+)?index)\b/i.test(text)
}

/** `process.env`, `const { env } = process`, `import { env } from "node:process"`. */
const readsProcessEnv = (node: Node): boolean => {
  switch (node.type) {
    case "MemberExpression":
      return (
        nameOf(node.object) === "process" && [nameOf(node.property), textOf(node.property)].includes("env")
      )
    case "VariableDeclarator":
      return nameOf(node.init) === "process" && takesEnv(node.id)
    case "ImportDeclaration":
      return /^(node:)?process$/.test(textOf(node.source) ?? "") && namesIn(node.specifiers).includes("env")
    default:
      return false
  }
}

const takesEnv = (pattern: unknown): boolean =>
  isNode(pattern) &&
  Array.isArray(pattern.properties) &&
  pattern.properties.some((property: Node) => nameOf(property.key) === "env")

const isBarrel = (path: string, [program]: ReadonlyArray<Node>): boolean => {
  if (basename(path) === "index.ts") return true
  const statements = Array.isArray(program?.body) ? program.body.filter(isNode) : []
  return (
    statements.length > 0 && statements.every(({ type, source }) => /^Export/.test(type) && isNode(source))
  )
}

/** Files, or rooms, and what each imports. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>

/** Which files import which, types included, given the text of each by its path. What is not among them is left out. */
export const fileGraph = (sources: ReadonlyMap<string, string>): Graph =>
  new Map(
    [...sources].map(([path, source]) => [
      path,
      new Set(
        importsOf(path, source)
          .flatMap(({ from }) => (from?.startsWith(".") ? [posix.join(posix.dirname(path), from)] : []))
          .filter((target) => sources.has(target)),
      ),
    ]),
  )

/** The packages that a file imports, types included, without Node's own: "hono" for "hono/route". */
export const packagesIn = (path: string, source: string): ReadonlyArray<string> =>
  importsOf(path, source).flatMap(({ from }) => {
    if (from === undefined || /^(\.|node:)/.test(from)) return []
    const [scope = "", name = ""] = from.split("/")
    return [scope.startsWith("@") ? `${scope}/${name}` : scope]
  })

/** What a test does to the keys of all others, given its text: files run side by side on one Redis. */
export const clearingProblems = (source: string): ReadonlyArray<string> =>
  /\bflush(db|all)\b/i.test(source)
    ? ["clears the Redis that other files use: give each test a key prefix of its own"]
    : []

/** The one file of the tests that imports fast-check, and gives it its seed. */
const propertyFile = "property.ts"

/** What makes a test depend on chance that no seed repeats, given its path from `test/`. */
export const chanceProblems = (path: string, source: string): ReadonlyArray<string> =>
  path === propertyFile
    ? []
    : [
        ...(packagesIn(path, source).includes("fast-check")
          ? [`imports fast-check: import fc from ${propertyFile}, which gives it a seed`]
          : []),
        // Most files say nothing of it, and need not be parsed.
        ...(/\bMath\b|\bfc\b/.test(source) ? nodesOf(path, source) : []).flatMap((node) => {
          if (node.type !== "CallExpression" || !isNode(node.callee)) return []
          const called = `${nameOf(node.callee.object)}.${nameOf(node.callee.property)}`
          if (called === "Math.random") return ["calls Math.random: no seed repeats that"]
          return ["fc.assert", "fc.check", "fc.sample"].includes(called) && hasSeed(node.arguments)
            ? ["has a seed of its own, so that PROPERTY_SEED explores nothing in it"]
            : []
        }),
      ]

/**
 * What a module that tests import must not do, given its text: files of tests share workers, and so the module. What it opens
 * when it is loaded would be closed by the first file that uses it, and missing in the next.
 */
export const loadingProblems = (path: string, source: string): ReadonlyArray<string> => {
  const [program] = /\bawait\b/.test(source) ? nodesOf(path, source) : []
  const statements = Array.isArray(program?.body) ? program.body.filter(isNode) : []
  return statements.some(awaits) ? ["opens something when it is loaded: let each file open its own"] : []
}

/** Whether a statement awaits outside of any function. */
const awaits = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(awaits)
  if (!isNode(value)) return false
  if (/Function|ClassBody/.test(value.type)) return false
  return value.type === "AwaitExpression" || value.await === true || Object.values(value).some(awaits)
}

const hasSeed = (given: unknown): boolean =>
  Array.isArray(given) &&
  given.some(
    (argument: Node) =>
      Array.isArray(argument.properties) &&
      argument.properties.some((property: Node) => nameOf(property.key) === "seed"),
  )

/** As package.json and package-lock.json know packages. */
export interface Packages {
  readonly dependencies: ReadonlyArray<string>
  readonly devDependencies: ReadonlyArray<string>
  /** The programs that each brings. */
  readonly programs: Readonly<Record<string, ReadonlyArray<string>>>
  /** The commands of npm's scripts. */
  readonly scripts: ReadonlyArray<string>
}

/** What is wrong with the packages, given what production imports, and what tests, benches and set-up import. */
export const packageProblems = (
  packages: Packages,
  production: ReadonlySet<string>,
  others: ReadonlySet<string>,
): ReadonlyArray<string> => {
  const { dependencies, devDependencies, programs, scripts } = packages
  const known = [...dependencies, ...devDependencies]
  const runs = (name: string): boolean =>
    (programs[name] ?? []).some((program) =>
      scripts.some((script) => new RegExp(`(^|&& )${program} `).test(script)),
    )
  /** Types of Node, or of a package that is used and has none of its own. */
  const describes = (name: string): boolean => {
    const [, described] = /^@types\/(.+)$/.exec(name) ?? []
    return (
      described !== undefined && (described === "node" || production.has(described) || others.has(described))
    )
  }
  return [
    ...[...production]
      .filter((name) => !dependencies.includes(name))
      .map((name) => `src imports ${name}, which is no dependency`),
    ...dependencies
      .filter((name) => !production.has(name))
      .map((name) => `${name} is a dependency that src does not import`),
    ...[...others].filter((name) => !known.includes(name)).map((name) => `${name} is imported and not named`),
    ...devDependencies
      .filter((name) => !others.has(name) && !runs(name) && !describes(name))
      .map((name) => `${name} is a development dependency that nobody uses`),
  ]
}

/** Which rooms import which. */
export const roomGraph = (files: Graph): Graph => {
  const rooms = new Map<string, Set<string>>()
  for (const [path, targets] of files) {
    const room = roomOf(path)
    const used = rooms.get(room) ?? new Set()
    rooms.set(room, used)
    for (const target of targets) if (roomOf(target) !== room) used.add(roomOf(target))
  }
  return rooms
}

/** What the table allows, room by room: a file that a row names stands for its room. */
export const allowedRooms: Graph = new Map(
  Object.entries(mayImport).map(([room, reach]) => [
    room,
    new Set(reach.map((target) => roomOf(`${target}.ts`)).filter((target) => target !== room)),
  ]),
)

/** A way round for each circle, such as "a → b → a"; none where all arrows lead down. */
export const circlesIn = (graph: Graph): ReadonlyArray<string> => {
  const circles: Array<string> = []
  const done = new Set<string>()
  const way: Array<string> = []
  const visit = (node: string): void => {
    const before = way.indexOf(node)
    if (before >= 0) circles.push([...way.slice(before), node].join(" → "))
    if (before >= 0 || done.has(node)) return
    way.push(node)
    for (const next of graph.get(node) ?? []) visit(next)
    way.pop()
    done.add(node)
  }
  for (const node of graph.keys()) visit(node)
  return circles
}
