/** The text of each file by its name. */
export declare const composeSecrets: () => Readonly<Record<string, string>>
