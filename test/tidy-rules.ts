/**
 * The layout of `src/` as data and a check: which room may import which, and the rules that no other tool holds.
 * docs/ARCHITECTURE.md says what lives in each room; this table is the only place that says who may import whom.
 */
import { basename, posix } from "node:path"
import { parseAst } from "vitest/node"

const settingsAndSignals = ["config", "telemetry"]

/** What each room may import besides itself: rooms, or single files of one. A file right under `src/` is a room too. */
export const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: [],
  sandbox: [],
  parsing: [],
  telemetry: ["config", "domain/masking"],
  config: ["domain", "platform/crash-point"],
  platform: settingsAndSignals,
  streams: ["domain", "parsing/turns", "platform", ...settingsAndSignals],
  vault: ["domain", "platform", ...settingsAndSignals],
  // Orders that wait for their file are sealed as accounts in the log are.
  providers: ["domain", "parsing", "platform", ...settingsAndSignals],
  // Orders that wait for their file are sealed as accounts in the log are. Answers that come in files are told to the
  // log, as callbacks are.
  "providers/banks/files": [
    "domain",
    "parsing",
    "providers",
    "streams",
    "vault/aes-gcm",
    "vault/partner-keys",
    "platform",
    ...settingsAndSignals,
  ],
  // The second record of what logs tell, which workers compare them with.
  register: ["domain", "platform", ...settingsAndSignals],
  // What production refuses is judged by the settings, and the secrets that they name, before anything connects.
  production: [
    "providers/calling/provider-access",
    "providers/calling/provider-place",
    "providers/calling/provider-settings",
    "providers/calling/secret-reference",
    "platform/redis-address",
    ...settingsAndSignals,
  ],
  pipelines: ["domain", "providers", "register", "vault", "platform", ...settingsAndSignals],
  actors: ["domain", "streams", "register", "pipelines", "platform", ...settingsAndSignals],
  projections: ["domain", "streams", "platform", ...settingsAndSignals],
  publisher: ["domain", "streams", "vault/message-seal", "platform", ...settingsAndSignals],
  webhooks: [
    "domain",
    "publisher/public-event",
    "publisher/event-message",
    "publisher/event-stream",
    // Endpoints' secrets are sealed as accounts in the log are.
    "vault/aes-gcm",
    "vault/partner-keys",
    "platform",
    ...settingsAndSignals,
  ],
  reconciliation: [
    "domain",
    "streams",
    "providers/books",
    "projections/read-models",
    "vault/message-seal",
    "platform",
    ...settingsAndSignals,
  ],
  // Which banks there are, for the secrets that they sign with.
  identity: [
    "domain",
    "providers/calling/provider-place",
    "providers/calling/provider-settings",
    ...settingsAndSignals,
  ],
  http: [
    "domain",
    "identity",
    "parsing",
    "streams",
    "projections/batch-queries",
    "publisher/public-event",
    "webhooks/endpoints",
    "register",
    // What workers tell of providers; the API calls none.
    "providers/calling/lane",
    "providers/calling/provider-reports",
    "vault",
    "platform/store-unavailable",
    ...settingsAndSignals,
  ],
}

/** Where layers are wired: these import anything, and alone may choose an adapter. */
export const wiringRooms = ["app", "main", "cli", "dev"]

/** The modules of `effect` that hold data and no behaviour over time: all that the domain may use. */
const dataModules = new Set(
  `Array BigInt Boolean Brand Data Equal Equivalence Match Number Option Order Ordering Predicate Record Result
   Schema String Struct Tuple absurd flow identity pipe`.split(/\s+/),
)

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
  if (!/ts$|mjs$/.test(path)) return nameProblems
  const nodes = nodesOf(path, source)
  return [
    ...nameProblems,
    ...importsIn(nodes).flatMap((used) => importProblems(path, used)),
    ...nodes.flatMap((node) => syntaxProblems(path, node)),
    ...(isBarrel(path, nodes) ? ["a barrel: import from the file itself"] : []),
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

/** The room that a file is in: the innermost of the table, else its folder right under `src/`. */
export const roomOf = (path: string): string => {
  const inner = innerRooms.find((room) => path.startsWith(`${room}/`))
  return inner ?? (path.includes("/") ? path.slice(0, path.indexOf("/")) : path.replace(/\.ts$/, ""))
}

/** Rooms within rooms, which have rules of their own. */
const innerRooms = Object.keys(mayImport)
  .filter((room) => room.includes("/"))
  .sort((a, b) => b.length - a.length)

const isAdapter = (path: string): boolean =>
  !["platform", "dev"].includes(roomOf(path)) && adapterName.test(path)

const vendorOf = (path: string): string | undefined => adapterName.exec(path)?.[1]

const importProblems = (path: string, { from, names }: Import): ReadonlyArray<string> => {
  if (from === undefined) return ["imports a file whose name is computed"]
  const room = roomOf(path)
  if (!from.startsWith(".")) return room === "domain" ? domainProblems(from, names) : []
  const target = posix.join(posix.dirname(path), from)
  const wires = wiringRooms.includes(room)
  if (target.startsWith("..") && !(wires && target === "../package.json"))
    return [`imports ${from}, which is outside src`]
  if (wires) return []
  return [
    ...(isWithinReach(room, target) ? [] : [`${room} may not import ${target}`]),
    ...(mayAdapt(path, target)
      ? []
      : [`imports the adapter ${target}: only app.ts, cli/ and tests choose one`]),
  ]
}

const isWithinReach = (room: string, target: string): boolean => {
  const reach = [room, ...(mayImport[room] ?? [])]
  return reach.includes(roomOf(target)) || reach.includes(target.replace(/\.ts$/, ""))
}

/** Files of one adapter may use each other. */
const mayAdapt = (path: string, target: string): boolean =>
  !isAdapter(target) || (roomOf(path) === roomOf(target) && vendorOf(path) === vendorOf(target))

const domainProblems = (from: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const [library, module, ...deeper] = from.split("/")
  if (library !== "effect" || deeper.length > 0) return [`domain may not import ${from}`]
  return (module === undefined ? names : [module])
    .filter((name) => !dataModules.has(name))
    .map((name) => `domain may not import ${name} of effect`)
}

const syntaxProblems = (path: string, node: Node): ReadonlyArray<string> => {
  if (node.type === "TSEnumDeclaration") return ["an enum"]
  if (node.type === "TSModuleDeclaration" && isNode(node.id) && node.id.type === "Identifier")
    return ["a namespace"]
  if (node.type === "TSAnyKeyword") return ["any"]
  if (node.type === "ExportAllDeclaration") return ["exports everything of another file"]
  if (readsProcessEnv(node) && !readsEnvironment.some((allowed) => allowed.test(path)))
    return ["reads the environment: settings come from config.ts"]
  return []
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
