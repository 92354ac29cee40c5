/** Holds every file of `src/` to the rules of tidy-rules.ts, and shows that each rule refuses what breaks it. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import {
  allowedRooms,
  chanceProblems,
  circlesIn,
  clearingProblems,
  fileGraph,
  loadingProblems,
  mayImport,
  packageProblems,
  packagesIn,
  roomGraph,
  roomOf,
  ruleOf,
  violations,
  wiringRooms,
} from "./tidy-rules.ts"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const src = join(root, "src")

/** The files below a folder of the project, except for packages, by their paths from `from`. */
const filesIn = (folder: string, from: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.split("/").includes("node_modules"))
    .map((entry) => posix.relative(from, join(entry.parentPath, entry.name)))

const paths = filesIn("src", src)

const isCode = (path: string): boolean => /\.(ts|mts|mjs)$/.test(path)

/** The text of each file of code below some folders. */
const sourcesIn = (folders: ReadonlyArray<string>, from: string): ReadonlyMap<string, string> =>
  new Map(
    folders
      .flatMap((folder) => filesIn(folder, from))
      .filter(isCode)
      .map((path) => [path, readFileSync(join(from, path), "utf8")]),
  )

const inSrc = fileGraph(sourcesIn(["src"], src))

const tests = sourcesIn(["test"], join(root, "test"))

describe("a module that files of tests share", () => {
  const shared = new Set([...fileGraph(tests).values()].flatMap((targets) => [...targets]))

  it.each([...shared])("%s opens nothing when it is loaded", (path) => {
    expect(loadingProblems(path, tests.get(path) ?? "")).toEqual([])
  })

  it.each([
    "export const server = await Server.open()",
    "await migrate()",
    'import { lines } from "./lines.ts"\nfor await (const line of lines) seen.push(line)',
  ])("is refused with %j", (source) => {
    expect(loadingProblems("actors/engine.ts", source)).toHaveLength(1)
  })

  it("may open what a file asks for", () => {
    const source =
      "export const open = async () => await Server.open()\nexport class A { async b() { await c() } }"
    expect(loadingProblems("actors/engine.ts", source)).toEqual([])
  })
})

describe("a test that depends on chance", () => {
  it("takes it from the seed of all properties", () => {
    const found = [...tests].flatMap(([path, source]) =>
      chanceProblems(path, source).map((problem) => `${path} ${problem}`),
    )
    expect(found).toEqual([])
  })

  it.each([
    ['import fc from "fast-check"', "imports fast-check: import fc from property.ts, which gives it a seed"],
    ["const id = Math.random()", "calls Math.random: no seed repeats that"],
    [
      "fc.assert(fc.property(fc.nat(), isSound), { numRuns: 5, seed: 1 })",
      "has a seed of its own, so that PROPERTY_SEED explores nothing in it",
    ],
  ])("is refused with %j", (source, problem) => {
    expect(chanceProblems("domain/money.test.ts", source)).toEqual([problem])
  })

  it("may take its examples from there", () => {
    const source =
      'import { fc } from "../property.ts"\nfc.assert(fc.property(fc.nat(), isSound), { numRuns: 5 })'
    expect(chanceProblems("domain/money.test.ts", source)).toEqual([])
  })
})

describe("a test on the servers that all files share", () => {
  const clearing = ["commands.flushdb()", 'redis.call("FLUSHALL")', 'redis.flushall("ASYNC")']

  it("leaves the keys of others alone", () => {
    const found = [...tests]
      .filter(([path]) => path !== "tidy.test.ts" && path !== "tidy-rules.ts")
      .flatMap(([path, source]) => clearingProblems(source).map((problem) => `${path} ${problem}`))
    expect(found).toEqual([])
  })

  it.each(clearing)("is refused with %j", (source) => {
    expect(clearingProblems(source)).toHaveLength(1)
  })
})

describe("what a run of tests compiles before its processes start", () => {
  const files = fileGraph(sourcesIn(["src", "test"], root))

  /** The files that are loaded with one, itself included. */
  const loadedWith = (start: string): ReadonlySet<string> => {
    const loaded = new Set([start])
    for (const path of loaded) for (const target of files.get(path) ?? []) loaded.add(target)
    return loaded
  }

  it("is all that the service loads", () => {
    const compiled = loadedWith("test/loaded-by-processes.ts")
    const missing = [...loadedWith("src/main.ts")].filter((path) => !compiled.has(path))
    expect(missing).toEqual(["src/main.ts"])
  })
})

describe("src", () => {
  it.each(paths)("%s is where it belongs and imports only what it may", (path) => {
    expect(violations(path, readFileSync(join(src, path), "utf8"))).toEqual([])
  })

  it("has the rooms of the table and no others", () => {
    const rooms = new Set(paths.map(roomOf).map((room) => ruleOf(room) ?? room))
    expect([...rooms].sort()).toEqual([...Object.keys(mayImport), ...Object.keys(wiringRooms)].sort())
  })

  it("has no circle of rooms", () => {
    expect(circlesIn(roomGraph(inSrc))).toEqual([])
  })

  it("could not get one: the table allows none", () => {
    expect(circlesIn(allowedRooms)).toEqual([])
  })
})

describe("the project", () => {
  it("has no circle of files, types included", () => {
    expect(circlesIn(fileGraph(sourcesIn(["src", "test", "bench", "infra", "examples"], root)))).toEqual([])
  })
})

describe("package.json", () => {
  const parsed = (file: string) => JSON.parse(readFileSync(join(root, file), "utf8"))
  const { name: own, dependencies, devDependencies, scripts } = parsed("package.json")
  const lock = parsed("package-lock.json").packages

  const packages = {
    dependencies: Object.keys(dependencies),
    devDependencies: Object.keys(devDependencies),
    programs: Object.fromEntries(
      Object.keys(devDependencies).map((name) => [
        name,
        Object.keys(lock[`node_modules/${name}`]?.bin ?? {}),
      ]),
    ),
    scripts: Object.values<string>(scripts),
  }

  /** `bench/peers` has a package.json of its own. */
  const importedIn = (folders: ReadonlyArray<string>): ReadonlySet<string> =>
    new Set(
      [...sourcesIn(folders, root)]
        .filter(([path]) => !path.startsWith("bench/peers/"))
        .flatMap(([path, source]) => packagesIn(path, source))
        // Examples import the client by its name, as partners do.
        .filter((name) => name !== own),
    )

  const production = importedIn(["src"])
  const others = importedIn(["test", "bench", "infra", "examples"])

  it("gives production what src imports, and the others what they use beyond it", () => {
    expect(packageProblems(packages, production, others)).toEqual([])
  })

  it("says what the lock file says, where nothing of production is marked as for development", () => {
    expect(lock[""].dependencies).toEqual(dependencies)
    expect(lock[""].devDependencies).toEqual(devDependencies)
    expect(packages.dependencies.filter((name) => lock[`node_modules/${name}`].dev)).toEqual([])
  })

  const few = {
    dependencies: ["hono"],
    devDependencies: ["vitest", "@types/node", "fast-check", "@types/autocannon"],
    programs: { vitest: ["vitest"] },
    scripts: ["npm run check && vitest run"],
  }
  const imported = (...names: ReadonlyArray<string>) => new Set(names)

  it.each<readonly [string, typeof few, ReadonlySet<string>, ReadonlySet<string>, string]>([
    [
      "when src imports what only tests have",
      few,
      imported("hono", "fast-check"),
      imported("fast-check", "autocannon"),
      "src imports fast-check, which is no dependency",
    ],
    [
      "when production has what only tests import",
      few,
      imported(),
      imported("hono", "fast-check", "autocannon"),
      "hono is a dependency that src does not import",
    ],
    [
      "when a test imports what another package happens to bring",
      { ...few, devDependencies: ["vitest", "fast-check"] },
      imported("hono"),
      imported("fast-check", "pure-rand"),
      "pure-rand is imported and not named",
    ],
    [
      "when nobody uses a package any more",
      { ...few, devDependencies: ["vitest", "fast-check"] },
      imported("hono"),
      imported("vitest"),
      "fast-check is a development dependency that nobody uses",
    ],
  ])("is refused %s", (_, packages, production, others, problem) => {
    expect(packageProblems(packages, production, others)).toContain(problem)
  })

  it("is read by packages, whatever part of one is imported", () => {
    const source =
      'import { a } from "hono/route"\nimport type { B } from "@nats-io/jetstream/lib"\nimport "node:fs"\nimport "./c.ts"'
    expect(packagesIn("a.ts", source)).toEqual(["hono", "@nats-io/jetstream"])
  })
})

describe("a circle is refused", () => {
  const graphOf = (files: Readonly<Record<string, string>>) => fileGraph(new Map(Object.entries(files)))

  it.each<readonly [kind: string, files: Readonly<Record<string, string>>, circle: string]>([
    [
      "of two files",
      { "domain/a.ts": 'import { b } from "./b.ts"', "domain/b.ts": 'import { a } from "./a.ts"' },
      "domain/a.ts → domain/b.ts → domain/a.ts",
    ],
    [
      "of types only",
      { "domain/a.ts": 'import type { B } from "./b.ts"', "domain/b.ts": 'import { type A } from "./a.ts"' },
      "domain/a.ts → domain/b.ts → domain/a.ts",
    ],
    [
      "inside of a type",
      {
        "domain/a.ts": 'import { b } from "./b.ts"',
        "domain/b.ts": 'export type A = import("./a.ts").A',
      },
      "domain/a.ts → domain/b.ts → domain/a.ts",
    ],
    [
      "that closes when it is called, or is passed on",
      {
        "streams/a.ts": 'export { b } from "../domain/b.ts"',
        "domain/b.ts": 'const later = () => import("../streams/a.ts")',
      },
      "streams/a.ts → domain/b.ts → streams/a.ts",
    ],
    [
      "of three, which others lead to",
      {
        "main.ts": 'import "./a.ts"',
        "a.ts": 'import "./b.ts"',
        "b.ts": 'import "./c.ts"',
        "c.ts": 'import "./a.ts"',
      },
      "a.ts → b.ts → c.ts → a.ts",
    ],
    ["of one file", { "a.ts": 'import "./a.ts"' }, "a.ts → a.ts"],
  ])("%s", (_, files, circle) => {
    expect(circlesIn(graphOf(files))).toEqual([circle])
  })

  it("of rooms, where no file is in one", () => {
    const files = graphOf({
      "cli/demo.ts": 'import "../dev/partner.ts"',
      "dev/partner.ts": 'import "./platform.ts"',
      "dev/platform.ts": 'import type { A } from "../cli/failure.ts"',
      "cli/failure.ts": "export const a = 1",
    })
    expect(circlesIn(files)).toEqual([])
    expect(circlesIn(roomGraph(files))).toEqual(["cli → dev → cli"])
  })

  it("of rooms within a room", () => {
    const files = graphOf({
      "http/edge/problems.ts": 'import { base32 } from "../payout-batches/base32.ts"',
      "http/payout-batches/intake.ts": 'import type { Full } from "../edge/failures.ts"',
      "http/payout-batches/base32.ts": "export const a = 1",
      "http/edge/failures.ts": "export const a = 1",
    })
    expect(circlesIn(roomGraph(files))).toEqual(["http/edge → http/payout-batches → http/edge"])
  })

  it("and not two ways to the same file", () => {
    const files = graphOf({
      "a.ts": 'import "./b.ts"\nimport "./c.ts"',
      "b.ts": 'import "./d.ts"',
      "c.ts": 'import "./d.ts"',
      "d.ts": "export const d = 1",
    })
    expect(circlesIn(files)).toEqual([])
  })
})

/** What a file does wrong, its path and text, and what is said of it. */
type Broken = readonly [rule: string, path: string, source: string, violation: string]

describe("a file is refused that", () => {
  it.each<Broken>([
    [
      "imports against the direction of its room",
      "domain/money.ts",
      'import { EventStore } from "../streams/event-store.ts"',
      "domain may not import streams/event-store.ts",
    ],
    [
      "does so for a type only",
      "streams/event-store.ts",
      'import type { Worker } from "../actors/worker.ts"',
      "streams may not import actors/worker.ts",
    ],
    [
      "does so when it is called",
      "projections/projector.ts",
      'const later = () => import("../publisher/relay.ts")',
      "projections may not import publisher/relay.ts",
    ],
    [
      "does so inside of a type",
      "providers/banks/bank.ts",
      'export type Late = import("../../pipelines/paying.ts").Late',
      "providers may not import pipelines/paying.ts",
    ],
    [
      "does so by passing it on",
      "publisher/relay.ts",
      'import "../domain/money.ts"\nexport { deliver } from "../webhooks/delivery.ts"\nexport const a = 1',
      "publisher may not import webhooks/delivery.ts",
    ],
    [
      "wires layers that belong into app.ts",
      "http/server.ts",
      'import { serveLayer } from "../app.ts"',
      "http may not import app.ts",
    ],
    [
      "imports against the direction of its room within a room",
      "http/edge/problems.ts",
      'import { base32 } from "../payout-batches/base32.ts"',
      "http/edge may not import http/payout-batches/base32.ts",
    ],
    [
      "brings the command line into what it starts",
      "dev/partner.ts",
      'import { flags } from "../cli/flags.ts"',
      "dev may not import cli/flags.ts",
    ],
    [
      "wires what only developers run",
      "app.ts",
      'import { startStack } from "./dev/embedded-stack.ts"',
      "app may not import dev/embedded-stack.ts",
    ],
    [
      "imports more of a room than its one open file",
      "http/payout-batches/payout-batches.ts",
      'import { projector } from "../../projections/projector.ts"',
      "http/payout-batches may not import projections/projector.ts",
    ],
    [
      "brings the service into the sandbox",
      "sandbox/bank.ts",
      'import { parseAmount } from "../domain/money.ts"',
      "sandbox may not import domain/money.ts",
    ],
    [
      "brings settings into the domain",
      "domain/plan.ts",
      'import { AppConfig } from "../config.ts"',
      "domain may not import config.ts",
    ],
    [
      "chooses an adapter",
      "actors/worker.ts",
      'import { layer } from "../streams/streams-redis.ts"',
      "imports the adapter streams/streams-redis.ts: only app.ts, cli/ and tests choose one",
    ],
    [
      "chooses an adapter of its own room",
      "providers/banks/bank.ts",
      'import { bankBooks } from "./bank-books-http.ts"',
      "imports the adapter providers/banks/bank-books-http.ts: only app.ts, cli/ and tests choose one",
    ],
    [
      "knows a kind of bank by name",
      "providers/banks/banks.ts",
      'import { instant } from "./instant/instant.ts"',
      "providers may not import providers/banks/instant/instant.ts",
    ],
    [
      "knows one from another room",
      "pipelines/paying.ts",
      'import { courier } from "../providers/banks/courier/courier.ts"',
      "pipelines may not import providers/banks/courier/courier.ts",
    ],
    [
      "is of a kind of bank and imports another",
      "providers/banks/courier/courier.ts",
      'import { instant } from "../instant/instant.ts"',
      "providers/banks/courier may not import providers/banks/instant/instant.ts",
    ],
    [
      "is of a kind of bank and does what is done for all of them",
      "providers/banks/courier/courier.ts",
      'import { banksLayer } from "../banks.ts"',
      "providers/banks/courier may not import providers/banks/banks.ts",
    ],
    [
      "is of a kind of bank and needs what only another kind does",
      "providers/banks/courier/courier.ts",
      'import { EventLog } from "../../../streams/event-log.ts"',
      "providers/banks/courier may not import streams/event-log.ts",
    ],
    [
      "is of a kind of bank and chooses where its orders lie",
      "providers/banks/files/files.ts",
      'import { layer } from "./file-orders-postgres.ts"',
      "imports the adapter providers/banks/files/file-orders-postgres.ts: only app.ts, cli/ and tests choose one",
    ],
    [
      "mixes two adapters",
      "providers/calling/register-postgres.ts",
      'import { call } from "./provider-http.ts"',
      "imports the adapter providers/calling/provider-http.ts: only app.ts, cli/ and tests choose one",
    ],
    [
      "reaches out of src",
      "http/server.ts",
      'import stack from "../../test/stack.ts"',
      "imports ../../test/stack.ts, which is outside src",
    ],
    [
      "hides what it imports",
      "http/server.ts",
      "const load = (name: string) => import(name)",
      "imports a file whose name is computed",
    ],
    ...["Effect", "Stream", "Layer", "Context", "Clock", "Random"].map(
      (module): Broken => [
        `brings ${module} into the domain`,
        "domain/decide.ts",
        `import { Result, ${module} } from "effect"`,
        `domain may not import ${module} of effect`,
      ],
    ),
    [
      "brings a type of the runtime into the domain",
      "domain/decide.ts",
      'import type { Effect as E } from "effect"',
      "domain may not import Effect of effect",
    ],
    [
      "brings a module of the runtime into the domain by its path",
      "domain/decide.ts",
      'import * as Clock from "effect/Clock"',
      "domain may not import Clock of effect",
    ],
    [
      "brings all of effect into the domain",
      "domain/decide.ts",
      'import * as E from "effect"',
      "domain may not import * of effect",
    ],
    [
      "brings Node into the domain",
      "domain/identifiers.ts",
      'import { randomUUID } from "node:crypto"',
      "domain may not import node:crypto",
    ],
    [
      "brings another package into the domain",
      "domain/iban.ts",
      'import { isValidIBAN } from "ibantools"',
      "domain may not import ibantools",
    ],
    ["has an enum", "http/edge/problems.ts", "export enum Status { Ok }", "an enum"],
    [
      "has a namespace",
      "http/edge/problems.ts",
      "export namespace Status { export const ok = 1 }",
      "a namespace",
    ],
    ["has an any", "http/edge/problems.ts", "export const body = (value: any) => value", "any"],
    ...["sql.begin(run)", "pool.sql.reserve()", "sql.savepoint(run)", "sql`select 1`.cursor(run)"].map(
      (code): Broken => [
        `keeps a connection with ${code}`,
        "projections/live-rows-postgres.ts",
        `await ${code}`,
        "keeps a connection of Postgres by itself: platform/postgres-transaction.ts knows what to do when it is lost",
      ],
    ),
    [
      "reads process.env",
      "http/server.ts",
      "export const port = process.env.PORT",
      "reads the environment: settings come from config.ts",
    ],
    [
      'reads process["env"]',
      "http/server.ts",
      'export const port = process["env"].PORT',
      "reads the environment: settings come from config.ts",
    ],
    [
      "takes env out of process",
      "http/server.ts",
      "const { env } = process\nexport const port = env.PORT",
      "reads the environment: settings come from config.ts",
    ],
    [
      "imports env",
      "http/server.ts",
      'import { env } from "node:process"\nexport const port = env.PORT',
      "reads the environment: settings come from config.ts",
    ],
    [
      "only passes other files on",
      "http/resources.ts",
      'export { a } from "./a.ts"\nexport { b } from "./b.ts"',
      "a barrel: import from the file itself",
    ],
    ["is called index.ts", "http/index.ts", "export const a = 1", "a barrel: import from the file itself"],
    [
      "passes everything of another on",
      "http/server.ts",
      'export * from "./a.ts"\nexport const b = 1',
      "exports everything of another file",
    ],
    ["is not in kebab case", "http/apiKeys.ts", "export const a = 1", "the name is not in kebab case"],
    ["is a drawer", "http/http-utils.ts", "export const a = 1", "the name says nothing of what is in it"],
    ["lies in a drawer", "common/money.ts", "export const a = 1", "the name says nothing of what is in it"],
    [
      "makes a table outside of the migrations",
      "webhooks/endpoints-postgres.ts",
      "export const creation = `create table if not exists endpoints (id text)`",
      "makes a table outside of database/migrations/",
    ],
    [
      "is a migration elsewhere",
      "webhooks/migrations/0001-webhooks.sql",
      "create table a (b int);",
      "a migration lies in database/migrations/",
    ],
    [
      "is a migration that ends its transaction",
      "database/migrations/0099-index.sql",
      "-- To commit early.\ncreate index concurrently on a (b);",
      "cannot be part of one transaction",
    ],
    [
      "is a migration that ends its transaction after the function of a trigger",
      "database/migrations/0099-trail.sql",
      "create function f() returns trigger language plpgsql as $$ begin return new; end $$; commit;",
      "cannot be part of one transaction",
    ],
    [
      "is a migration that takes something away in a block",
      "database/migrations/0099-block.sql",
      "-- Works from 0015 on.\ndo $$ declare n int; declare m int; truncate a; $$",
      "takes away what an older release may need, and says that it goes on",
    ],
    [
      "says that older releases go on, and takes away what they need",
      "database/migrations/0099-totals.sql",
      "-- Works from 0015 on.\nalter table a drop column b;",
      "takes away what an older release may need, and says that it goes on",
    ],
    ["is too long", "http/server.ts", "export const a = 1\n".repeat(451), "longer than 450 lines"],
  ])("%s", (_, path, source, violation) => {
    expect(violations(path, source)).toEqual([violation])
  })
})

describe("a file is accepted that", () => {
  it.each([
    [
      "imports what is under it",
      "actors/worker.ts",
      'import type { EventStore } from "../streams/event-store.ts"\nimport { AppConfig } from "../config.ts"',
    ],
    ["imports its neighbours", "domain/batch.ts", 'import type { BatchEvent } from "./events.ts"'],
    [
      "uses effect's data in the domain",
      "domain/money.ts",
      'import { Array as Arr, Result, Schema } from "effect"\nimport * as Option from "effect/Option"',
    ],
    [
      "is a migration with a trigger that refuses changes",
      "database/migrations/0099-trail.sql",
      "-- Works from 0015 on.\ncreate function f() returns trigger language plpgsql as $$ begin return null; end $$;\ncreate trigger t before update or delete or truncate on a for each statement execute function f();",
    ],
    [
      "is a migration with which older releases go on",
      "database/migrations/0099-note.sql",
      "-- Works from 0015 on.\n-- Older releases drop nothing of it.\nalter table a add column b int;",
    ],
    ["wires adapters in app.ts", "app.ts", 'import * as streams from "./streams/streams-redis.ts"'],
    ["wires adapters in the command line", "cli/replay.ts", 'import "../streams/streams-redis.ts"'],
    ["tells its version", "cli/main.ts", 'import release from "../../package.json" with { type: "json" }'],
    [
      "shares code between files of one adapter",
      "providers/ledger/ledger-http.ts",
      'import "../calling/provider-http.ts"',
    ],
    [
      "speaks for a kind of bank by HTTP",
      "providers/banks/courier/courier.ts",
      'import "../../calling/provider-http.ts"\nimport "../bank-books-http.ts"\nimport "../bank-kind.ts"',
    ],
    ["starts servers in dev", "dev/embedded-stack.ts", 'import "./embedded-redis.ts"'],
    [
      "names one open file of a room",
      "http/operations/providers.ts",
      'import "../../providers/calling/channel.ts"',
    ],
    ["reads the environment where settings are read", "config.ts", "export const home = process.env.HOME"],
    [
      "speaks of imports in a comment",
      "domain/money.ts",
      '// import "../streams/event-store.ts"\nexport const a = 1',
    ],
    ["speaks of imports in a text", "domain/money.ts", 'export const a = `import "../app.ts"; process.env`'],
  ])("%s", (_, path, source) => {
    expect(violations(path, source)).toEqual([])
  })
})
