/**
 * A setting is data: its name, the kind of its value and what it means, said once. The service reads it, `atlaspay config` prints it
 * and docs/CONFIGURATION.md lists it from here, so that none of them can differ.
 */
import { Config, Effect } from "effect"

/** What is written in a setting, and how it is read. */
export interface Kind<A> {
  /** What may be written, for people: "1 to 10". */
  readonly form: string
  /** What holds if nothing is written, for people; `required` if something has to be. */
  readonly fallback: string
  /** A secret is never shown, and may be in a file: `NAME_FILE` is the path. Of an address only its password is one. */
  readonly secret?: "whole" | "password"
  /** How people see what is written, where that may have a secret by mistake. */
  readonly shown?: (text: string) => string
  readonly read: (name: string) => Config.Config<A>
}

/** A setting as people read of it. */
export interface Setting extends Omit<Kind<unknown>, "read"> {
  readonly name: string
  /** One paragraph of Markdown. */
  readonly meaning: string
}

export const REQUIRED = "required"

const declared = new WeakMap<Config.Config<unknown>, Setting>()
const partsOf = new WeakMap<Config.Config<unknown>, ReadonlyArray<Config.Config<unknown>>>()

/** Declares a setting. `meaning` is Markdown, in lines that are joined. */
export const setting = <A>(
  name: string,
  { read, ...kind }: Kind<A>,
  meaning: string | ReadonlyArray<string>,
): Config.Config<A> => {
  const config = read(name)
  declared.set(config, { ...kind, name, meaning: [meaning].flat().join(" ") })
  return config
}

/** Like `Config.all`, whose error has only the first problem: {@link problemsIn} finds those of all parts. */
export const all: typeof Config.all = (group) => made(Config.all(group), Object.values(group))

/** A value that is made from settings. */
export const made = <C extends Config.Config<unknown>>(
  config: C,
  parts: ReadonlyArray<Config.Config<unknown>>,
): C => {
  partsOf.set(config, parts)
  return config
}

/** The settings of a group, in their order. */
export const settingsIn = (config: Config.Config<unknown>): ReadonlyArray<Setting> => {
  const own = declared.get(config)
  return [...(own === undefined ? [] : [own]), ...(partsOf.get(config) ?? []).flatMap(settingsIn)]
}

/** A setting that is missing or malformed. The problem does not quote what is written. */
export interface Problem {
  readonly setting: string
  readonly problem: string
}

/** All problems of a group, in its order. */
export const problemsIn = (config: Config.Config<unknown>): Effect.Effect<ReadonlyArray<Problem>> =>
  Effect.matchEffect(config, {
    onSuccess: () => Effect.succeed([]),
    onFailure: ({ message }) => {
      const own = declared.get(config)
      return own === undefined
        ? Effect.map(Effect.forEach(partsOf.get(config) ?? [], problemsIn), (problems) => problems.flat())
        : Effect.map(isGiven(own.name), (given) => [
            { setting: own.name, problem: given ? expectation(message, own.form) : "is not set" },
          ])
    },
  })

const isGiven = (name: string): Effect.Effect<boolean> => Effect.isSuccess(Config.String(name))

/** What a schema of ours says is expected; its own words are for programs. */
const expectation = (message: string, form: string): string => {
  const [, ours] = /\((?=[a-z*])([\s\S]*?)\s+at \[/.exec(message) ?? []
  return ours === undefined ? `expected ${form.replaceAll("`", "")}` : ours.replaceAll(/\s*\n\s*/g, " ")
}
