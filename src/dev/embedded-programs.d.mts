export const UNPACKED: "servers"
export const UNPACKED_TOOLS: "tools"

/** Where a server's programs lie, and the environment they need to find their libraries. */
export interface ServerPrograms {
  readonly folder: string
  readonly environment: Readonly<Record<string, string>>
}

export interface FoundPrograms {
  readonly redis: ServerPrograms | undefined
  readonly postgres: ServerPrograms | undefined
  readonly nats: ServerPrograms | undefined
}

export const findPrograms: (
  dataDir: string,
  environment?: Readonly<Record<string, string | undefined>>,
) => FoundPrograms
export const findTool: (
  dataDir: string,
  packageName: string,
  programs: ReadonlyArray<string>,
  environment?: Readonly<Record<string, string | undefined>>,
) => ServerPrograms | undefined
