export interface Tool {
  readonly name: string
  readonly programs: ReadonlyArray<string>
  readonly package: string
  readonly brew: string
}

export type ToolKind = "operations"

export const TOOLS: Readonly<Record<ToolKind, ReadonlyArray<Tool>>>
export const missingTools: (
  dataDir: string,
  kind: string,
  environment: Readonly<Record<string, string | undefined>>,
) => ReadonlyArray<Tool>
export const provideTools: (dataDir: string, missing: ReadonlyArray<Tool>) => void
