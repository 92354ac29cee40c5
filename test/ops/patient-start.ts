import { eventually, type PlatformUnderTest, type Service } from "../platform-under-test.ts"

const START_MS_MAX = 180_000

/** Starts a service with an API, and waits until it is ready for as long as a machine takes on which several servers start as well. */
export const startPatiently = async (
  platform: PlatformUnderTest,
  environment: Readonly<Record<string, string>>,
): Promise<Service> => {
  const service = platform.launch(environment)
  const ready = async () => (await fetch(`${service.operationsUrl}/readyz`)).status === 200
  await eventually("the service is ready", ready, START_MS_MAX)
  return service
}
