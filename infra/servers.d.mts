export interface MissingServer {
  readonly programs: "redis" | "postgres" | "nats"
  readonly variable: "REDIS_URL" | "DATABASE_URL" | "NATS_URL"
  readonly name: "Redis" | "Postgres" | "NATS"
  readonly package: string
}

export const missingServers: (
  dataDir: string,
  environment: Readonly<Record<string, string | undefined>>,
) => ReadonlyArray<MissingServer>
export const provideServers: (dataDir: string, missing: ReadonlyArray<MissingServer>) => void
export const installPackages: (packages: ReadonlyArray<string>) => void
export const unpackPackages: (dataDir: string, packages: ReadonlyArray<string>, into: string) => void
