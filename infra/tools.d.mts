export interface Tool {
  readonly name: string
  readonly programs: ReadonlyArray<string>
  readonly package: string
  readonly brew: string
  /** Packages that it needs beside it, and files below /usr that tell whether they are there. */
  readonly beside?: ReadonlyArray<string>
  readonly files?: ReadonlyArray<string>
}

export type ToolKind = "operations"

export const TOOLS: Readonly<Record<ToolKind, ReadonlyArray<Tool>>>
export const missingTools: (
  dataDir: string,
  kind: string,
  environment: Readonly<Record<string, string | undefined>>,
  system?: string,
) => ReadonlyArray<Tool>
export const provideTools: (dataDir: string, missing: ReadonlyArray<Tool>) => void
