/** What a server of the sandbox said against its own books. */
export interface Lie {
  readonly server: string
  readonly kind: string
  /** The reference, file or item that it is about. */
  readonly about: string
  readonly at: string
  readonly code?: string
  /** In whose name, where that is not the liar's. */
  readonly as?: string
  readonly references?: ReadonlyArray<string>
}

/** How a bank speaks of what another bank was ordered. */
export const FOREIGN = "speaks-for-others"

/** Reads what the servers at these URLs said, by their names. */
export const readLies = async (servers: Readonly<Record<string, string>>): Promise<ReadonlyArray<Lie>> => {
  const told = await Promise.all(
    Object.entries(servers).map(async ([server, url]) => {
      const { lies } = (await (await fetch(`${url}/sandbox/lies`)).json()) as {
        readonly lies: ReadonlyArray<Omit<Lie, "server">>
      }
      return lies.map((lie) => ({ ...lie, server }))
    }),
  )
  return told.flat()
}
