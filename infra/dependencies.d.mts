export const needsInstall: (root: string) => boolean
export const installDependencies: (root: string) => void
